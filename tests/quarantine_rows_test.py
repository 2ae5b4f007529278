#!/usr/bin/env python3
"""One refused row: looked at, edited beside its original, and loaded as it was edited, once, over the command line and
the API. The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import json
import pathlib
import shutil
import time
import unittest

from support.api_client import ServedApi
from support.goals import DuckdbGoal, MysqlGoal, PostgresGoal
from support.json_schema import faults
from support.temporary_mariadb import TemporaryMariadb
from support.temporary_postgres import TemporaryPostgres

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMA = json.loads((ROOT / "docs/reference/schemas/quarantine-row.json").read_text())
JOB = """\
from: {{connection: landing, files: "part-*.csv", columns: {{id: bigint, amount: "decimal(10,2)", day: date, note: varchar}}}}
rules: {{positive: {rule}}}
to: {{connection: goal, table: facts, load: {load}}}
"""
APPEND, UPSERT = "append", "upsert, key: [id]"


class Cases:
    """Run for each target."""

    goal = DuckdbGoal

    def setUp(self):
        self.at = self.goal()
        self.addCleanup(lambda: self.at.close())
        self.project = self.at.project

    def job(self, load=APPEND, rule="amount >= 0"):
        self.project.job("facts", JOB.format(load=load, rule=rule))

    def part(self, number, *rows):
        self.project.write(f"data/part-{number}.csv", "id,amount,day,note\n" + "".join(row + "\n" for row in rows))

    def good(self, *arguments, code=0):
        done = self.project.call(*arguments, "--json")
        self.assertEqual(code, done.code, done.err)
        return done.json

    def run_job(self):
        return self.good("run", "facts")

    def ids(self):
        """{the row's own id: the id of the refused row} of those that are open."""
        listed = self.good("quarantine", "facts")
        at = {column["name"]: number for number, column in enumerate(listed["columns"])}
        return {json.loads(row[at["payload"]])["id"]: row[at["id"]] for row in listed["rows"]}

    def show(self, row):
        found = self.good("quarantine", "show", "facts", row)
        self.assertEqual([], faults(found, SCHEMA))
        return found

    def edit(self, row, *options):
        return self.good("quarantine", "edit", "facts", row, *options)

    def refused(self, *arguments, code=2):
        return self.good(*arguments, code=code)["error"]["code"]

    def replay(self, *rows):
        words = [word for row in rows for word in ("--id", row)]
        stream = self.good("replay", "--quarantined", "facts", *words)["streams"][0]
        return tuple(stream[name] for name in ("rows_read", "rows_loaded", "rows_rejected"))

    def facts(self):
        return sorted((int(i), amount) for i, amount in self.at.rows("select id, amount from facts"))

    def three(self, load=APPEND):
        self.job(load)
        self.part(1, "1,10.00,2026-01-01,good", "2,-20.10,2026-01-02,bad", "3,-30.00,2026-01-03,worse")
        self.run_job()
        return self.ids()

    def test_a_row_is_shown_edited_and_loaded(self):
        for load in (APPEND, UPSERT):
            with self.subTest(load=load):
                self.at.close()
                self.at = self.goal()
                self.project = self.at.project
                ids = self.three(load)
                self.assertEqual({"2", "3"}, set(ids))
                row = self.show(ids["2"])
                self.assertEqual(("open", "positive", [], [], None),
                                 tuple(row[name] for name in ("state", "rule", "edits", "tries", "no_edit")))
                self.assertEqual([("id", "BIGINT", "2"), ("amount", "DECIMAL(10,2)", "-20.10"),
                                  ("day", "DATE", "2026-01-02"), ("note", "VARCHAR", "bad")],
                                 [(one["column"], one["type"], one["value"]) for one in row["columns"]])
                stood = self.at.rows("select payload, message, locator, refused_at from tidemark_quarantine "
                                     "where resolved_at is null order by locator")
                edited = self.edit(ids["2"], "--set", "amount=12.50", "--null", "note")
                self.assertNotEqual(row["version"], edited["version"])
                edited = self.edit(ids["2"], "--set", "note=was = bad")
                self.assertEqual([], faults(edited, SCHEMA))
                self.assertEqual([1, 2], [one["edit"] for one in edited["edits"]])
                self.assertEqual([("-20.10", True, "12.50"), ("bad", True, "was = bad")],
                                 [(one["value"], one["is_edited"], one["edited"])
                                  for one in edited["columns"] if one["column"] in ("amount", "note")])
                # The original stands as it stood, and nothing is loaded yet.
                self.assertEqual(stood, self.at.rows("select payload, message, locator, refused_at from "
                                                     "tidemark_quarantine where resolved_at is null order by locator"))
                self.assertEqual(ids, self.ids())
                self.assertEqual([(1, "10.00")], self.facts())
                self.assertEqual((1, 1, 0), self.replay(ids["2"]))
                self.assertEqual([(1, "10.00"), (2, "12.50")], self.facts())
                self.assertEqual([["2026-01-02", "was = bad"]], self.at.rows("select day, note from facts where id = 2"))
                done = self.show(ids["2"])
                self.assertEqual("loaded", done["state"])
                self.assertIn("with edit 2 by run", done["resolution"])
                self.assertEqual({"3"}, set(self.ids()))
                # What is settled is settled.
                self.assertEqual("user.row_closed",
                                 self.refused("quarantine", "edit", "facts", ids["2"], "--set", "amount=1"))
                self.assertEqual("user.row_not_open",
                                 self.refused_run("replay", "--quarantined", "facts", "--id", ids["2"]))
                self.assertEqual([(1, "10.00"), (2, "12.50")], self.facts())
                self.assertEqual("skipped", self.run_job()["status"])

    def refused_run(self, *arguments):
        done = self.project.call(*arguments, "--json")
        self.assertNotEqual(0, done.code)
        return done.json["error"]["code"]

    def test_refused_again_it_stays_open_and_says_why(self):
        ids = self.three()
        self.edit(ids["2"], "--set", "amount=-5.00")
        self.assertEqual((1, 0, 1), self.replay(ids["2"]))
        row = self.show(ids["2"])
        self.assertEqual(("open", 1), (row["state"], len(row["tries"])))
        self.assertIn("-20.10", row["message"])
        self.assertEqual("positive", row["tries"][0]["rule"])
        self.assertIn("-5.00", row["tries"][0]["message"])
        # For the same reason as the last time: that is there already.
        self.assertEqual((1, 0, 1), self.replay(ids["2"]))
        self.assertEqual((2, 0, 2), self.replay())
        self.assertEqual(row["tries"], self.show(ids["2"])["tries"])
        # By a rule that is new.
        self.job(rule="amount >= -5 and note <> 'bad'")
        self.assertEqual((1, 0, 1), self.replay(ids["2"]))
        self.assertEqual(2, len(self.show(ids["2"])["tries"]))
        self.edit(ids["2"], "--set", "note=fine")
        # Whoever asks for all has the edits too; the other row is tried as it came.
        self.assertEqual((2, 1, 1), self.replay())
        self.assertEqual([(1, "10.00"), (2, "-5.00")], self.facts())
        self.assertEqual([], self.show(ids["3"])["tries"])

    def test_a_value_that_the_column_does_not_hold_is_refused(self):
        ids = self.three()
        before = self.show(ids["2"])
        for word, code in (("amount=12.505", "user.bad_value"), ("amount=123456789.00", "user.bad_value"),
                           ("amount=twelve", "user.bad_value"), ("amount=", "user.bad_value"),
                           ("day=2026-02-30", "user.bad_value"), ("day=2026-02-03 10:00:00", "user.bad_value"),
                           ("amuont=12.50", "user.no_column"), ("amount", "user.usage")):
            with self.subTest(word):
                self.assertEqual(code, self.refused("quarantine", "edit", "facts", ids["2"], "--set", word))
        for values in ('{"amount": 12.5}', "[]", '{"amount"'):
            with self.subTest(values):
                done = self.project.call("quarantine", "edit", "facts", ids["2"], f"--values={values}", "--json")
                self.assertIn(done.code, (1, 2), done.err)
        self.assertEqual("user.no_values", self.refused("quarantine", "edit", "facts", ids["2"]))
        self.assertEqual("user.no_row", self.refused("quarantine", "edit", "facts", "0" * 32, "--set", "amount=1"))
        self.assertEqual("user.no_row", self.refused("quarantine", "show", "facts", "' or '1'='1"))
        self.assertEqual(before, self.show(ids["2"]))

    def test_windows_with_other_columns_keep_their_edits(self):
        job = JOB.format(load=APPEND, rule="amount >= 0") + "transform: [{drop: [note]}]\n"
        self.project.job("facts", job)
        self.part(1, "1,10.00,2026-01-01,good", "2,-20.10,2026-01-02,bad")
        self.run_job()
        old = self.ids()["2"]
        self.edit(old, "--set", "note=n/a", "--set", "amount=2.00")
        self.project.job("facts", job.replace("note: varchar", "note: integer"))
        self.part(2, "3,-30.00,2026-01-03,7", "4,-40.00,2026-01-04,8")
        self.run_job()
        ids = self.ids()
        self.assertEqual({"2", "3", "4"}, set(ids))
        for row in ("3", "4"):
            self.edit(ids[row], "--set", f"amount={row}.00")
        # `n/a` is no integer, and nobody asked for its row.
        self.assertEqual((1, 1, 0), self.replay(ids["3"]))
        self.assertEqual([(1, "10.00"), (3, "3.00")], self.facts())
        self.assertEqual((1, 1, 0), self.replay())
        self.assertEqual([(1, "10.00"), (3, "3.00"), (4, "4.00")], self.facts())
        self.assertEqual("open", self.show(old)["state"])
        # A row of the newer columns is open again, and the old one is asked for.
        self.part(3, "5,-50.00,2026-01-05,9")
        self.run_job()
        self.assertEqual((1, 1, 0), self.replay(old))
        self.assertEqual([(1, "10.00"), (2, "2.00"), (3, "3.00"), (4, "4.00")], self.facts())

    def test_an_edit_of_another_version_is_refused(self):
        ids = self.three()
        version = self.show(ids["2"])["version"]
        self.edit(ids["2"], "--set", "amount=1.00", "--version", version)
        self.assertEqual("user.row_changed", self.refused("quarantine", "edit", "facts", ids["2"], "--set", "amount=2.00",
                                                          "--version", version))
        self.assertEqual((1, 1, 0), self.replay(ids["2"]))
        self.assertEqual([(1, "10.00"), (2, "1.00")], self.facts())

    def test_the_key_is_changed_in_the_source(self):
        ids = self.three(UPSERT)
        self.assertEqual("user.key_column", self.refused("quarantine", "edit", "facts", ids["2"], "--set", "id=7"))
        # A newer good version settles what was edited and not tried.
        self.edit(ids["2"], "--set", "amount=1.00")
        self.part(2, "2,22.00,2026-01-05,newer")
        self.run_job()
        self.assertEqual("superseded", self.show(ids["2"])["state"])
        self.assertEqual((1, 0, 1), self.replay())
        self.assertEqual([(1, "10.00"), (2, "22.00")], self.facts())
        # Of a key's versions the newest alone may be asked for.
        self.part(3, "3,-33.00,2026-01-06,newest")
        self.run_job()
        self.edit(ids["3"], "--set", "amount=3.00")
        done = self.project.call("replay", "--quarantined", "facts", "--id", ids["3"])
        self.assertEqual(0, done.code, done.err)
        self.assertIn("with a newer version that is refused too", done.err + done.out)
        newest = next(row for row in self.good("quarantine", "facts")["rows"] if "-33.00" in json.dumps(row))[-1]
        self.edit(newest, "--set", "amount=4.00")
        self.assertEqual((1, 1, 0), self.replay(newest))
        self.assertEqual([(1, "10.00"), (2, "22.00"), (3, "4.00")], self.facts())
        self.assertEqual("superseded", self.show(ids["3"])["state"])


class Killed:
    """Beside Cases: the process dies everywhere."""

    killed = APPEND  # the load

    def test_killed_at_every_step_of_an_edit_and_of_its_load(self):
        ids = self.three(self.killed)
        row = ids["2"]
        before = self.at
        for command, least in ((("quarantine", "edit", "facts", row, "--set", "amount=12.50"), 1),
                               (("replay", "--quarantined", "facts", "--id", row), 5)):
            killed = 0
            while True:
                self.at = before.copy()
                self.project = self.at.project
                fault = ("env", f"TIDEMARK_FAILPOINT=durable@{killed + 1}=kill",
                         f"TIDEMARK_FAILPOINT_LOG={self.project.dir / 'fault.log'}")
                done = self.project.call(*command, prefix=fault)
                if done.code == 0:
                    break
                killed += 1
                self.assertEqual(-9, done.code, done.err)
                with self.subTest(command=command[0], killed_at=killed):
                    # It is there whole or not at all, and the row is loaded once, as it was edited.
                    self.assertLessEqual(len(self.show(row)["edits"]), 1)
                    if not self.show(row)["edits"]:
                        self.edit(row, "--set", "amount=12.50")
                    self.replay()
                    self.assertEqual([(1, "10.00"), (2, "12.50")], self.facts())
                    self.assertIn("loaded with edit 1 by run", self.show(row)["resolution"])
                self.at.close()
            self.assertGreaterEqual(killed, least)
            if before is not self.at:
                before.close()
            before = self.at


class IntoDuckdb(Killed, Cases, unittest.TestCase):
    def test_rows_that_take_no_edit_say_why(self):
        self.job()
        self.part(1, "1,10.00,2026-01-01,good", "x,-20.10,2026-01-02,bad", "3,-30.00,2026-01-03,worse")
        self.run_job()
        listed = self.good("quarantine", "facts")["rows"]
        raw = next(row for row in listed if row[0] == "extract")[-1]
        row = self.show(raw)
        self.assertEqual(("extract", []), (row["rule"], row["columns"]))
        self.assertIn("x,-20.10", row["raw"])
        self.assertIn("bytes alone", row["no_edit"])
        self.assertEqual("user.row_raw", self.refused("quarantine", "edit", "facts", raw, "--set", "amount=1"))
        done = self.project.call("quarantine", "show", "facts", raw)
        self.assertEqual(0, done.code, done.err)
        self.assertIn("extract", done.out)
        shutil.rmtree(self.project.dir / ".tidemark/stage")
        other = next(row for row in listed if row[0] == "positive")[-1]
        self.assertIn("stage", self.show(other)["no_edit"])
        self.assertEqual("user.row_no_stage", self.refused("quarantine", "edit", "facts", other, "--set", "amount=1"))

    def test_a_row_that_no_replay_takes_alone_takes_no_edit(self):
        ids = self.three()
        self.job(rule="amount >= 0 or row_number() over () < 0")
        self.assertIn("window function", self.show(ids["2"])["no_edit"])
        self.assertEqual("plan.rows_together", self.refused("quarantine", "edit", "facts", ids["2"], "--set", "amount=1"))

    def test_a_row_of_a_stopped_run_is_shown(self):
        self.job()
        self.project.job("facts", JOB.format(load=APPEND, rule="amount >= 0") + "quarantine: {stop_above: 1%}\n")
        self.part(1, *(f"{at},{-at}.00,2026-01-01,n" for at in range(1500)))
        self.assertEqual(3, self.project.call("run", "facts").code)
        row = next(iter(self.ids().values()))
        self.assertIn("stop_above", self.show(row)["no_edit"])
        self.assertEqual("user.row_stopped", self.refused("quarantine", "edit", "facts", row, "--set", "amount=1"))

    def test_bytes_times_and_texts_come_through(self):
        self.project.job("facts", """\
from: {connection: landing, files: "part-*.csv", columns: {id: bigint, amount: double, at: timestamptz, tag: uuid}}
transform: [{derive: {twice: amount * 2}}]
rules: {positive: amount >= 0}
to: {connection: goal, table: facts, load: append}
""")
        self.project.write("data/part-1.csv", "id,amount,at,tag\n1,-1.5,2026-01-01 00:00:00+00,"
                                              "6f2c1c6e-3a0e-4f3a-9a54-0c8f3f8b0a11\n")
        self.run_job()
        row = self.good("quarantine", "facts")["rows"][0][-1]
        for word in ("at=2026-01-01 12:00:00", "tag=6f2c", "amount=1e999"):
            self.assertEqual("user.bad_value", self.refused("quarantine", "edit", "facts", row, "--set", word))
        self.edit(row, "--set", "amount=0.1", "--set", "at=2026-05-01 12:00:00+02", "--set",
                  "tag=00000000-0000-0000-0000-000000000001")
        self.assertEqual((1, 1, 0), self.replay(row))
        self.assertEqual([["0.1", "0.2", "1777629600000000", "00000000-0000-0000-0000-000000000001"]],
                         self.at.rows("select amount::varchar, twice::varchar, epoch_us(\"at\"), tag::varchar from facts"))

    def test_usage(self):
        ids = self.three()
        self.assertEqual("user.usage", self.refused("quarantine", "look", "facts", "x"))
        # Whose edit it is says who makes it.
        self.assertEqual("user.usage", self.refused("quarantine", "edit", "facts", ids["2"], "--set", "amount=1", "--by",
                                                    "somebody"))
        self.assertEqual([], self.show(ids["2"])["edits"])
        self.assertEqual("user.usage", self.refused("quarantine", "show", "facts"))
        # A job may have such a name.
        self.assertEqual("user.no_job", self.refused("quarantine", "show"))
        self.assertEqual("user.usage", self.refused("replay", "facts", "--id", "0" * 32))


class IntoPostgres(Killed, Cases, unittest.TestCase):
    goal = PostgresGoal
    killed = UPSERT

    @classmethod
    def setUpClass(cls):
        PostgresGoal.server = TemporaryPostgres().__enter__()
        cls.addClassCleanup(PostgresGoal.server.__exit__, None, None, None)


class IntoMysql(Killed, Cases, unittest.TestCase):
    goal = MysqlGoal

    @classmethod
    def setUpClass(cls):
        MysqlGoal.server = TemporaryMariadb().__enter__()
        cls.addClassCleanup(MysqlGoal.server.__exit__, None, None, None)


class OverTheApi(ServedApi):
    def setUp(self):
        super().setUp()
        self.project.write("tidemark.yaml", DuckdbGoal.yaml + "api: {listen: \"127.0.0.1:0\"}\n")
        self.project.job("facts", JOB.format(load=APPEND, rule="amount >= 0"))
        self.project.write("data/part-1.csv", "id,amount,day,note\n1,10.00,2026-01-01,a\n2,-20.10,2026-01-02,b\n"
                                              "3,-30.00,2026-01-03,c\n")
        self.serve()
        self.ended(self.begin("/v1/jobs/facts/runs"))
        listed = self.get("/v1/jobs/facts/quarantine")
        at = {column["name"]: number for number, column in enumerate(listed["columns"])}
        self.rows = {json.loads(row[at["payload"]])["id"]: row[at["id"]] for row in listed["rows"]}
        self.place = "/v1/jobs/facts/quarantine/" + self.rows["2"]

    def edit(self, values, role="editor", place=None, **headers):
        return self.ask("PATCH", place or self.place, role, {"values": values}, **headers)

    def test_look_edit_and_replay(self):
        looked = self.ask("GET", self.place, "operator")
        self.assertEqual((200, "open"), (looked.status, looked.json["state"]))
        self.assertEqual([], faults(looked.json, SCHEMA))
        tag = looked.headers["ETag"]
        self.assertEqual(304, self.ask("GET", self.place, If_None_Match=tag).status)
        for headers, status, code in (({}, 428, "api.no_if_match"), ({"If_Match": '"9-x"'}, 412, "user.row_changed"),
                                      ({"If_Match": "x"}, 412, "user.row_changed")):
            refused = self.edit({"amount": "12.50"}, **headers)
            self.assertEqual((status, code), (refused.status, refused.code))
        edited = self.edit({"amount": "12.50", "note": None}, If_Match=tag)
        self.assertEqual(200, edited.status, edited.body)
        self.assertEqual("editor", edited.json["edits"][0]["by"])
        self.assertNotEqual(tag, edited.headers["ETag"])
        self.assertEqual(edited.headers["ETag"], self.ask("GET", self.place).headers["ETag"])
        self.assertEqual(412, self.edit({"amount": "1.00"}, If_Match=tag).status)
        audited = [deed for deed in self.get("/v1/audit")["deeds"] if deed["what"] == "quarantine.edit"]
        self.assertEqual((200, f"facts {self.rows['2']}: amount, note", "editor"),
                         next((deed["status"], deed["on"], deed["name"]) for deed in audited if deed["status"] == 200))
        self.assertNotIn("12.50", json.dumps(audited))
        done = self.ended(self.begin("/v1/jobs/facts/quarantine/replay", {"ids": [self.rows["2"]]}))
        self.assertEqual(("done", 1), (done["state"], done["result"]["streams"][0]["rows_loaded"]), done)
        row = self.get(self.place)
        self.assertEqual("loaded", row["state"])
        self.assertIn("with edit 1", row["resolution"])
        self.assertEqual((409, "user.row_closed"), self.answer(self.edit({"amount": "1.00"}, If_Match="*")))
        self.assertEqual("open", self.get("/v1/jobs/facts/quarantine/" + self.rows["3"])["state"])
        again = self.ended(self.begin("/v1/jobs/facts/quarantine/replay", {"ids": [self.rows["2"]]}))
        self.assertEqual(("failed", "user.row_not_open"), (again["state"], again["problem"]["code"]))

    @staticmethod
    def answer(answer):
        return answer.status, answer.code

    def test_what_is_wrong_is_said(self):
        for values, status, code in (({"amuont": "1"}, 422, "user.no_column"), ({"amount": "1.005"}, 422, "user.bad_value"),
                                     ({"amount": 1.5}, 400, "api.bad_body"), ({}, 400, "api.bad_body"),
                                     ([], 400, "api.bad_body"), ({"amount": "\0"}, 422, "user.bad_value")):
            with self.subTest(values):
                self.assertEqual((status, code), self.answer(self.edit(values, If_Match="*")))
        nobody = "/v1/jobs/facts/quarantine/" + "0" * 32
        self.assertEqual((404, "user.no_row"), self.answer(self.ask("GET", nobody)))
        self.assertEqual((404, "user.no_row"), self.answer(self.edit({"amount": "1"}, place=nobody, If_Match="*")))
        # A word of a path is no row.
        self.assertEqual((405, "api.unknown_method"), self.answer(self.ask("GET", "/v1/jobs/facts/quarantine/replay")))
        for ids in (["0" * 32] * 101, [], ["x"], ["0" * 31 + "\0"], [self.rows["2"], ""], None):
            with self.subTest(ids=ids):
                asked = self.ask("POST", "/v1/jobs/facts/quarantine/replay", "operator", {"ids": ids})
                self.assertEqual((400, "api.bad_body"), self.answer(asked))
        self.assertEqual([], self.get(self.place)["edits"])

    def test_who_may(self):
        self.assertEqual((403, "access.role"), self.answer(self.ask("GET", self.place, "viewer")))
        self.assertEqual((403, "access.role"), self.answer(self.edit({"amount": "1"}, "operator", If_Match="*")))
        self.token("other", "editor", "sales_*")
        time.sleep(2.1)  # a service knows of it within two seconds
        self.assertEqual((404, "user.no_job"), self.answer(self.edit({"amount": "1"}, "other", If_Match="*")))
        self.assertEqual((404, "user.no_job"), self.answer(self.ask("GET", self.place, "other")))


if __name__ == "__main__":
    unittest.main()
