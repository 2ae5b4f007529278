#!/usr/bin/env python3
"""Columns of a source that change between two runs: what each policy makes of it.

A matrix of changes, policies and strategies over pairs of systems; each case is a job with a table of its own, and all
jobs of a pair run in one process. What a policy makes of a change is written once, in `expected`. Changes while a run
reads, and those of files, are in tests/drift_reads_test.py.
"""

import time
import unittest

from support.drift import CHANGES, Drift
from support.duckdb_file import DuckdbFile

BLOCKED = "blocked"
POLICIES = ("evolve", "freeze", "ignore", "quarantine")
LOADS = ("append", "upsert", "full")
NAMES = [["1", "a"], ["2", "b"], ["3", "c"], ["4", "d"]]


def rows(*columns):
    """(id, name) and these columns of each row; a row whose first value is `-` is not there."""
    lines = [base + list(values) for base, values in zip(NAMES, zip(*columns))]
    return [line for line in lines if line[2] != "-"]


def expected(change, policy, load):
    """BLOCKED, or the columns beside id and name, and the rows."""
    full, n = load == "full", None
    kept = ["10", "20", "30", "40"]
    gone = [n, n, n, n] if full else ["10", "20", n, n]
    if policy == "freeze":
        return BLOCKED
    if change == "widened":
        refusing = (["amount"], rows(["10", "20", "-", "40"]))
        return refusing if policy == "quarantine" else BLOCKED
    if change == "narrowed":
        return ["amount"], rows(kept)
    if policy == "quarantine":
        if change == "new":
            return ["amount"], rows(["10", "20", "-", "40"])
        if change == "filled":
            return ["amount"], rows(["-", "-", "-", "40"] if full else ["10", "20", "-", "40"])
        return BLOCKED
    if change == "dropped":
        return ["amount"], rows(gone)
    if policy == "ignore":
        return ["amount"], rows(gone if change == "renamed" else kept)
    if change == "new":
        return ["amount", "extra"], rows(kept, [n, n, "7", n])
    if load == "append":  # rows that were loaded have values that they cannot be given
        return BLOCKED
    if change == "filled":
        return ["amount", "extra"], rows(kept, ["5", "5", "7", n])
    # Renamed: every row is read again. What stood under the old name stays where rows are updated.
    return ["total"], rows(kept)


class Matrix:
    """Mixed into a Drift of a pair of systems."""
    changes, policies, loads = tuple(CHANGES), POLICIES, LOADS

    def is_wanted(self, change, policy, load):
        """What differs: `freeze` stops whatever the strategy."""
        return (policy != "freeze" or load == "upsert") and (load == "upsert" or change not in ("renamed", "narrowed"))

    def test_what_becomes_of_each_change(self):
        cases = {f"{change}_{policy}_{load}": (change, policy, load) for change in self.changes
                 for policy in self.policies for load in self.loads if self.is_wanted(change, policy, load)}
        self.shop("".join(self.make(name) for name in cases))
        for name, (_, policy, load) in cases.items():
            self.job(name, policy=policy, load=load)
        for name, run in self.run_jobs(*cases).items():
            self.assertEqual("success", run["status"], (name, run["error"]))
        self.shop("".join(self.change(change, name) for name, (change, _, _) in cases.items()))
        time.sleep(1.2)  # an append ends a second before now
        runs = self.run_jobs(*cases)
        for name, case in cases.items():
            with self.subTest(name):
                self.check(name, runs[name], expected(*case))

    def check(self, name, run, wanted):
        if wanted == BLOCKED:
            self.assertEqual("blocked.schema_drift", (run["error"] or {}).get("code"), run)
            self.assertEqual([["1", "a", "10"], ["2", "b", "20"]], self.table(name, "id, name, amount"))
            return
        columns, lines = wanted
        self.assertEqual("success", run["status"], run["error"])
        self.assertEqual(lines, self.table(name, ", ".join(["id", "name", *columns])))
        # Nothing but what is expected was added; a column that is gone from the source stays.
        self.assertEqual({"id", "name", "amount", "at", *columns}, set(self.columns(name)))
        if "quarantine" in name and len(lines) < 4 and "narrowed" not in name:
            self.assertEqual(4 - len(lines), run["streams"][0]["rows_rejected"], run)


class PostgresToDuckdb(Matrix, Drift):
    def test_new_columns_of_many_tables_are_each_their_own(self):
        self.shop(self.make("one") + self.make("two"))
        self.project.job("all", "from: {connection: shop, tables: [\"public.*\"], watermark: at}\n"
                                "to: {connection: warehouse, table: \"{table}\", load: upsert}\n")
        self.good("all")
        self.shop(self.change("filled", "one") + self.change("new", "two"))
        self.good("all")
        self.assertEqual(["5", "5", "7", None], [row[0] for row in self.table("one", "extra, id")])
        self.assertEqual([None, None, "7", None], [row[0] for row in self.table("two", "extra, id")])

    def test_a_query_brings_new_columns_too(self):
        self.shop(self.make("base"))
        self.project.job("q", "from: {connection: shop, query: select * from base, watermark: at}\n"
                              "to: {connection: warehouse, table: q, load: upsert, key: [id]}\n")
        self.good("q")
        self.shop(self.change("filled", "base"))
        self.good("q")
        self.assertEqual(["5", "5", "7", None], [row[0] for row in self.table("q", "extra, id")])

    def test_what_is_not_carried_by_the_steps_is_no_drift(self):
        self.shop(self.make("t"))
        self.job("t", policy="freeze", load="append", more="transform: [{select: [id, name]}]\n")
        self.good("t")
        self.shop(self.change("filled", "t") + "alter table t drop column amount")
        time.sleep(1.2)
        self.assertEqual([], self.plan("t")["drift"])
        self.good("t")
        self.assertEqual(["1", "2", "3", "4"], [row[0] for row in self.table("t", "id")])

    def test_a_step_that_uses_a_dropped_column_is_named_with_its_line(self):
        self.shop(self.make("t"))
        self.job("t", more="transform:\n  - derive: {twice: amount * 2}\n")
        self.good("t")
        self.shop(self.change("dropped", "t"))
        done = self.project.call("plan", "t")
        self.assertNotEqual(0, done.code)
        self.assertIn("jobs/t.yaml:3", done.err)
        self.assertIn("column `amount` (INTEGER) is gone", done.err)

    def test_a_column_that_the_table_needs_blocks(self):
        self.shop(self.make("t").replace("amount int", "amount int not null"))
        self.job("t", load="append")
        self.good("t")
        self.shop(self.change("dropped", "t"))
        time.sleep(1.2)
        self.assertIn("NOT NULL in the table", self.blocked("t")["message"])

    def test_the_key_of_an_older_ledger_is_not_known_and_the_table_stands_in(self):
        self.shop(self.make("t"))
        self.job("t")
        self.good("t")
        with_file = self.project.dir / "warehouse.duckdb"
        with DuckdbFile(with_file) as file:
            file.rows("drop table tidemark_columns")
        self.shop(self.change("filled", "t"))
        self.good("t")
        self.assertEqual(["5", "5", "7", None], [row[0] for row in self.table("t", "extra, id")])
        self.assertEqual([["main"]], [list(row) for row in self.project.rows("select stream from tidemark_columns")])


class PostgresToPostgres(Matrix, Drift):
    target_kind = "postgres"
    changes, policies, loads = ("new", "filled", "widened"), ("evolve", "quarantine"), ("append", "upsert")

    def test_a_full_load_gets_the_column_too(self):
        self.shop(self.make("t"))
        for name, key in (("plain", ""), ("keyed", ", key: [id]")):
            self.project.job(name, "from: {connection: shop, table: t}\n"
                                   f"to: {{connection: mirror, table: {name}, load: full{key}}}\n")
        self.run_jobs("plain", "keyed")
        self.shop(self.change("filled", "t"))
        self.assertIn("alter table", " ".join(self.plan("keyed")["ddl"]))
        for name, run in self.run_jobs("plain", "keyed").items():
            self.assertEqual("success", run["status"], run["error"])
            self.assertEqual(["5", "5", "7", None], [row[0] for row in self.table(name, "extra, id")])

    def test_a_load_that_fails_adds_no_column(self):
        self.shop(self.make("t"))
        self.job("t")
        self.good("t")
        self.target("create function no() returns trigger language plpgsql as $$ begin raise 'not now'; end $$; "
                    "create trigger no before insert on t execute function no()")
        self.shop(self.change("filled", "t"))
        self.assertIn("not now", self.run_job("t")["error"]["message"])
        self.assertEqual(["id", "name", "amount", "at"], self.columns("t"))
        self.target("drop trigger no on t")
        self.good("t")
        self.assertEqual(["5", "5", "7", None], [row[0] for row in self.table("t", "extra, id")])


class MysqlToDuckdb(Matrix, Drift):
    source_kind = "mysql"
    retype = "modify column amount"
    settle = 1.3
    changes, policies = ("filled", "dropped", "renamed", "widened"), ("evolve", "ignore", "quarantine")
    loads = ("append", "upsert")


class PostgresToMysql(Matrix, Drift):
    target_kind = "mysql"
    changes, policies = ("new", "filled", "dropped", "widened"), ("evolve",)


class Policies(Drift):
    """What a person does, and when the policy changes."""

    def test_a_plan_tells_each_difference_and_what_becomes_of_it(self):
        self.shop(self.make("t"))
        for policy in POLICIES:
            self.job(policy, table="t", policy=policy)
        self.run_jobs(*POLICIES)
        self.shop("alter table t add column extra int default 5; alter table t drop column name")
        told = {policy: self.plan(policy) for policy in POLICIES}
        for policy in POLICIES:
            self.assertEqual([("extra", "new"), ("name", "dropped")],
                             [(entry["column"], entry["change"]) for entry in told[policy]["drift"]], policy)
        self.assertIn("reads everything again", told["evolve"]["drift"][0]["action"])
        self.assertIsNone(told["evolve"]["window"]["lo"])
        self.assertIn("not read", told["ignore"]["drift"][0]["action"])
        for policy in ("freeze", "quarantine"):
            self.assertIn("is gone", told[policy]["blocked"])
        self.assertIsNone(told["ignore"]["blocked"])
        text = self.project.call("plan", "freeze").out
        self.assertIn("column `extra` (INTEGER) is new: stops the run", text)
        self.assertIn("--accept-drift", text)

    def test_renamed_is_only_a_guess(self):
        self.shop(self.make("t"))
        self.job("t")
        self.good("t")
        self.shop(self.change("renamed", "t"))
        self.assertEqual([("total", "amount"), ("amount", "total")],
                         [(entry["column"], entry["maybe_renamed"]) for entry in self.plan("t")["drift"]])

    def test_what_was_frozen_goes_on_when_a_person_accepts_it(self):
        self.shop(self.make("t"))
        self.job("t", policy="freeze")
        self.good("t")
        self.shop(self.change("filled", "t"))
        error = self.blocked("t")
        self.assertIn("column `extra` (INTEGER) is new", error["message"])
        self.assertIn("tidemark run t --accept-drift", error["hint"])
        self.good("t", "--accept-drift")
        self.assertEqual(["5", "5", "7", None], [row[0] for row in self.table("t", "extra, id")])
        self.good("t")  # what was accepted is known now
        self.assertEqual([], self.plan("t")["drift"])

    def test_frozen_columns_stop_a_run_that_would_read_nothing(self):
        self.shop(self.make("t"))
        self.job("t", policy="freeze")
        self.good("t")
        self.shop("alter table t add column extra int")
        self.blocked("t")

    def test_an_append_gets_values_of_old_rows_by_reading_everything(self):
        self.shop(self.make("t"))
        self.job("t", load="append")
        self.good("t")
        self.shop(self.change("filled", "t"))
        time.sleep(1.2)
        self.assertIn("--full", self.blocked("t")["hint"])
        self.good("t", "--full")
        self.assertEqual(["5", "5", "7", None], [row[0] for row in self.table("t", "extra, id")])

    def test_what_was_ignored_comes_whole_when_the_policy_changes(self):
        self.shop(self.make("t"))
        self.job("t", policy="ignore")
        self.good("t")
        self.shop(self.change("filled", "t"))
        self.good("t")
        self.assertNotIn("extra", self.columns("t"))
        self.shop("insert into t (id, name, amount) values (5, 'e', 50)")
        self.job("t", policy="evolve")
        self.good("t")
        self.assertEqual(["5", "5", "7", None, "5"], [row[0] for row in self.table("t", "extra, id")])

    def test_a_column_that_no_old_row_has_a_value_in_costs_no_second_read(self):
        self.shop(self.make("t"))
        self.job("t")
        self.good("t")
        self.shop(self.change("new", "t"))
        self.assertEqual(2, self.good("t")["streams"][0]["rows_read"])
        # An update that the watermark does not see is known before the column comes.
        self.shop("alter table t add column late int; update t set late = 1 where id = 1; "
                  "insert into t (id, name) values (5, 'e')")
        self.assertEqual(5, self.good("t")["streams"][0]["rows_read"])
        self.assertEqual(["1", None, None, None, None], [row[0] for row in self.table("t", "late, id")])

    def test_refused_rows_name_the_column_and_come_in_later(self):
        self.shop(self.make("t"))
        self.job("t", policy="quarantine")
        self.good("t")
        self.shop(self.change("new", "t"))
        self.good("t")
        refused = self.project.rows("select rule, column_name, message, row_key from tidemark_quarantine")
        self.assertEqual([("schema_drift extra", "extra")], [tuple(row[:2]) for row in refused])
        self.assertIn("extra = 7", refused[0][2])
        self.assertIn('"id"', refused[0][3])
        self.job("t", policy="evolve")
        self.shop("insert into t (id, name) values (5, 'e')")
        self.good("t")  # rows below the watermark have values: all is read again, which answers for the refused one
        self.assertEqual([None, None, "7", None, None], [row[0] for row in self.table("t", "extra, id")])
        self.assertEqual([["0"]], [list(row) for row in self.project.rows(
            "select count(*) from tidemark_quarantine where resolved_at is null")])

    def test_a_job_without_drift_says_so(self):
        self.shop(self.make("t"))
        self.job("t")
        self.good("t")
        self.shop("insert into t (id, name) values (3, 'c')")
        stream = self.plan("t")
        self.assertEqual(([], None), (stream["drift"], stream["blocked"]))


if __name__ == "__main__":
    unittest.main()
