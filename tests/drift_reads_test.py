#!/usr/bin/env python3
"""Columns of a source that change while a run reads it, and columns of files and of SQLite."""

import signal
import sqlite3
import time
import unittest

from support.drift import Drift
from support.duckdb_file import DuckdbFile
from support.project import finish

class MidRun(Drift):
    """A column changes when the plan is made, and before it is read.

    The plan of a job of two tables is made for both; the program is stopped where it reads the first one.
    """
    alterations = {
        "dropped": "alter table u drop column amount",
        "renamed": "alter table u rename column amount to total",
        "retyped": "alter table u alter column big type timestamptz using to_timestamp(big)",
        "resized": "alter table u alter column price type numeric(12,4)",
    }
    load = "upsert"
    listed = "\"public.t\", \"public.u\""

    def make_second(self):
        return self.make("u") + ("alter table u add column big bigint; alter table u add column price numeric(10,2); "
                                 "update u set big = 86400, price = 1.5; ")

    def pair(self):
        self.shop(self.make("t") + self.make_second())
        self.project.job("all", f"from: {{connection: shop, tables: [{self.listed}], watermark: at}}\n"
                                f"to: {{connection: {self.to}, table: \"{{table}}\", load: {self.load}, key: [id]}}\n")

    def while_stopped(self, sql):
        """Runs `all`, with `sql` done while it reads the first table; the document of the run."""
        time.sleep(self.settle)
        log = self.project.dir / "reached.log"
        log.unlink(missing_ok=True)
        process = self.project.start("run", "all", "--json", env={
            "TIDEMARK_FAILPOINT": "source.next@1=stop", "TIDEMARK_FAILPOINT_LOG": str(log)})
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 60
        while not log.exists() or not log.read_text():
            self.assertLess(time.monotonic(), deadline, "the failpoint was not reached")
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        self.shop(sql)
        process.send_signal(signal.SIGCONT)
        return finish(process).json

    def test_a_column_that_is_not_what_was_planned_loads_nothing(self):
        self.pair()
        self.good("all")
        for what, sql in self.alterations.items():
            with self.subTest(what):
                self.shop("insert into t (id, name) select max(id) + 1, 'x' from t; "
                          "insert into u (id, name) select max(id) + 1, 'x' from u")
                before = self.table("u", "*")
                run = self.while_stopped(sql)
                self.assertEqual("source.column_changed", (run["error"] or {}).get("code"), run)
                self.assertEqual(before, self.table("u", "*"))
                self.assertIn("run again", run["error"]["hint"])
                # What the plan of the next run makes of it is another matter.
                self.shop("drop table u; " + self.make_second())
                self.run_job("all", "--same-source")

    def test_a_column_that_comes_while_a_run_reads_is_there_whole_after_the_next(self):
        self.pair()
        self.good("all")
        self.shop("insert into t (id, name) values (3, 'c'); insert into u (id, name) values (3, 'c')")
        run = self.while_stopped("alter table u add column extra int default 5; "
                                 "insert into u (id, name, extra) values (4, 'd', 8)")
        self.assertEqual("success", run["status"], run["error"])
        self.assertNotIn("extra", self.columns("u"))
        self.shop("insert into t (id, name) values (5, 'e'); insert into u (id, name) values (5, 'e')")
        self.good("all")
        self.assertEqual(["5", "5", "5", "8", "5"], [row[0] for row in self.table("u", "extra, id")])


class MidRunMysql(MidRun):
    source_kind = "mysql"
    settle = 1.3
    listed = "t, u"
    alterations = {
        "dropped": "alter table u drop column amount",
        "renamed": "alter table u rename column amount to total",
        "retyped": "alter table u modify column big double",
    }


class Files(Drift):
    """New files with other columns than those that are loaded."""
    source_kind = "files"

    def setUp(self):
        super().setUp()
        self.number_of_files = 0

    def file(self, text):
        self.number_of_files += 1
        self.project.write(f"data/{self.number_of_files}.{self.ending}", text)

    def files_job(self, policy="evolve", ending="csv", load="append"):
        self.ending = ending
        self.project.job("f", f"from: {{connection: landing, files: \"*.{ending}\"}}\nschema_drift: {policy}\n"
                              f"to: {{connection: warehouse, table: f, load: {load}"
                              f"{', key: [id]' if load == 'upsert' else ''}}}\n")

    def test_a_new_column_of_a_file_is_added(self):
        for ending, first, second in (("csv", "id,n\n1,10\n", "id,extra,n\n2,7,20\n"),
                                      ("jsonl", '{"id": 1, "n": 10}\n', '{"id": 2, "n": 20, "extra": 7}\n')):
            with self.subTest(ending):
                self.setUp()
                self.files_job(ending=ending)
                self.file(first)
                self.good("f")
                self.file(second)
                told = [(one["column"], one["change"]) for one in self.plan("f")["drift"]]
                self.assertEqual([("extra", "new")], told)
                self.good("f")
                self.file(first.replace("1", "3", 1))
                self.good("f")
                self.assertEqual([["1", None], ["2", "7"], ["3", None]], self.table("f", "id, extra"))

    def test_each_policy_takes_a_new_column_in_its_own_way(self):
        for policy, wanted in (("freeze", "blocked"), ("ignore", [["1"], ["2"], ["3"]]),
                               ("quarantine", [["1"], ["3"]])):
            with self.subTest(policy):
                self.setUp()
                self.files_job(policy)
                self.file("id,n\n1,10\n")
                self.good("f")
                self.file("id,n,extra\n2,20,7\n3,30,\n")
                if wanted == "blocked":
                    self.blocked("f")
                    continue
                self.good("f")
                self.assertEqual(wanted, self.table("f", "id"))
                self.assertNotIn("extra", self.columns("f"))

    def test_what_was_ignored_in_files_is_read_again(self):
        self.files_job("ignore")
        self.file("id,n\n1,10\n")
        self.good("f")
        self.file("id,n,extra\n2,20,7\n")
        self.good("f")
        self.files_job("evolve")
        self.file("id,n,extra\n3,30,8\n")
        self.assertIn("--full", self.blocked("f")["hint"])
        self.good("f", "--full")
        self.assertEqual([["1", None], ["2", "7"], ["3", "8"]], self.table("f", "id, extra"))

    def test_a_file_without_a_column_has_no_data_for_it(self):
        self.files_job()
        self.file("id,n\n1,10\n")
        self.good("f")
        self.file("id\n2\n")
        self.assertEqual([("n", "dropped")], [(one["column"], one["change"]) for one in self.plan("f")["drift"]])
        self.good("f")
        self.assertEqual([["1", "10"], ["2", None]], self.table("f", "id, n"))

    def test_a_file_of_another_kind_is_refused_whole(self):
        self.files_job()
        self.file("id,n\n1,10\n")
        self.good("f")
        self.file("id,total\n2,20\n")
        self.assertEqual("source.header_changed", self.run_job("f")["error"]["code"])

    def test_parquet_files_with_a_new_column(self):
        with DuckdbFile(self.project.dir / "made.duckdb") as made:
            data = self.project.dir / "data"
            made.rows(f"copy (select 1 as id, 10 as n) to '{data}/1.parquet' (format parquet)")
            self.files_job(ending="parquet")
            self.good("f")
            made.rows(f"copy (select 'x' as extra, 2 as id, 20 as n) to '{data}/2.parquet' (format parquet)")
            made.rows(f"copy (select 3 as id, 30 as n) to '{data}/3.parquet' (format parquet)")
        self.good("f")
        self.assertEqual([["1", "10", None], ["2", "20", "x"], ["3", "30", None]], self.table("f", "id, n, extra"))


class Sqlite(Drift):
    source_kind = "files"

    def lite(self, sql):
        with sqlite3.connect(self.project.dir / "shop.db") as database:
            database.executescript(sql)
        database.close()

    def start(self, policy):
        self.lite("create table t (id integer primary key, name text, at integer); "
                  "insert into t values (1, 'a', 1), (2, 'b', 2)")
        self.project.job("t", f"from: {{connection: lite, table: t, watermark: at}}\nschema_drift: {policy}\n"
                              "to: {connection: warehouse, table: t, load: upsert, key: [id]}\n")
        self.good("t")

    def test_new_and_dropped_columns(self):
        for policy, wanted in (("evolve", [["5"], ["5"], ["7"]]), ("freeze", "blocked"), ("ignore", None)):
            with self.subTest(policy):
                self.setUp()
                self.start(policy)
                self.lite("alter table t add column extra integer default 5; insert into t values (3, 'c', 3, 7)")
                if wanted == "blocked":
                    self.blocked("t")
                    continue
                self.good("t")
                if wanted:
                    self.assertEqual(wanted, [[row[0]] for row in self.table("t", "extra, id")])
                else:
                    self.assertEqual(["id", "name", "at"], self.columns("t"))

    def test_a_dropped_column_has_no_values_from_then_on(self):
        self.start("evolve")
        self.lite("alter table t drop column name; insert into t values (3, 3)")
        self.good("t")
        # The row at the watermark is read again.
        self.assertEqual(["a", None, None], [row[0] for row in self.table("t", "name, id")])


if __name__ == "__main__":
    unittest.main()
