#!/usr/bin/env python3
"""`tidemark backfill`: a job's past is run again in parts, once each, whatever dies or is stopped in between."""

import contextlib
import signal
import sqlite3
import time
import unittest

from support.project import Project, listing
from support.temporary_postgres import TemporaryPostgres

DAY = "timestamptz '2026-01-01 00:00+00' + i * interval '1 hour'"


class BackfillTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())

    def setUp(self):
        self.database = self.id().rsplit(".", 1)[1][:60]
        self.server.sql(f"create database {self.database}")
        self.project = self.enterContext(Project(self.settings()))
        # Ten days, a row each hour.
        self.shop(f"create table t (id int primary key, name text, at timestamptz not null); create index on t (at); "
                  f"insert into t select i, 'n' || i, {DAY} from generate_series(0, 239) i")

    def settings(self, guard=""):
        shop = f"{{postgres: \"{self.server.conninfo(self.database)}\"{guard}}}"
        return f"connections:\n  shop: {shop}\n  warehouse: {{duckdb: warehouse.duckdb}}\n"

    def shop(self, sql):
        return self.server.sql(sql, self.database)

    def job(self, load="load: upsert", table="t", name="t", more=""):
        self.project.job(name, f"from: {{connection: shop, table: {table}, watermark: at}}\n{more}"
                               f"to: {{connection: warehouse, table: {name}, {load}}}\n")

    def loaded(self):
        done, run = self.project.run("t")
        self.assertEqual(0, done.code, done.err)
        return run

    def load_what_is_new(self):
        """Rows of the last second wait for the next run."""
        time.sleep(1.5)
        return self.loaded()

    def backfill(self, *words, code=0, **options):
        done = self.project.call("backfill", *words, "--json", **options)
        self.assertEqual(code, done.code, done.err)
        return done.json

    def rows(self):
        return self.project.rows("select id, name from t order by id")

    def source_rows(self, where="true"):
        text = self.shop(f"select id, name from t where {where} order by id")
        return [line.split("|") for line in text.splitlines()]

    def states(self, document):
        return [part["state"] for part in document["parts"]]

    def backfill_loads(self):
        return int(self.project.rows("select count(*) from tidemark_loads where kind = 'backfill'")[0][0])

    def test_rows_that_changed_below_the_watermark_arrive_and_the_watermark_stays(self):
        self.job()
        self.loaded()
        ledger = self.project.ledger("t")
        # Late: their times are long behind the watermark.
        self.shop("update t set name = 'late' where id between 30 and 50; insert into t values "
                  "(1000, 'new', '2026-01-04 10:00+00'); update t set name = 'outside' where id = 200")
        self.loaded()
        self.assertNotIn(["1000", "new"], self.rows())
        document = self.backfill("t", "--from", "2026-01-01", "--to", "2026-01-05", "--by", "1d")
        self.assertEqual(("done", 4, ["done"] * 4), (document["state"], document["parts_done"], self.states(document)))
        self.assertEqual(self.source_rows("id <> 200"), [row for row in self.rows() if row[0] != "200"])
        self.assertIn(["200", "n200"], self.rows())
        self.assertEqual(ledger[0][0], self.project.ledger("t")[0][0])
        self.assertEqual(97, document["rows_loaded"])
        self.assertEqual({"source"}, {part["read_from"] for part in document["parts"]})
        # The job's own runs go on where they were.
        self.shop("insert into t values (2000, 'live', now())")
        self.load_what_is_new()
        self.assertIn(["2000", "live"], self.rows())

    def test_append_is_replaced_by_its_range_and_not_doubled(self):
        self.job("load: append")
        self.loaded()
        before = self.rows()
        self.shop("update t set name = 'late' where id = 30; delete from t where id = 31")
        for _ in range(2):
            document = self.backfill("t", "--from", "2026-01-01", "--to", "2026-01-04", "--by", "1d",
                                     "--order", "newest")
            self.assertEqual("done", document["state"])
            runs = [part["run_id"] for part in document["parts"]]
            self.assertEqual(sorted(runs, reverse=True), runs, "the newest part ran first, and runs are named in order")
            self.assertEqual(self.source_rows(), self.rows())
        self.assertNotEqual(before, self.rows())
        # A source that lost its rows does not wipe the target.
        self.shop("delete from t where id < 24")
        document = self.backfill("t", "--from", "2026-01-01", "--to", "2026-01-03", "--by", "1d", code=3)
        self.assertEqual(["failed", "done"], self.states(document))
        self.assertIn("gave no rows", document["parts"][0]["error"])
        self.assertEqual(24, sum(int(row[0]) < 24 for row in self.rows()))

    def test_append_whose_rows_cannot_make_place_is_refused(self):
        self.job("load: append", more="transform:\n  - derive: {at: '\"at\" + interval 1 day'}\n")
        self.loaded()
        done = self.project.call("backfill", "t", "--from", "2026-01-01", "--json")
        self.assertEqual((2, "plan.backfill_append"), (done.code, done.json["error"]["code"]), done.err)
        self.assertIn("key", done.json["error"]["hint"])
        self.assertEqual(240, len(self.rows()))

    def begin_slow(self):
        """A backfill of ten parts that is held in its third by a lock; its process and its id."""
        self.job()
        self.loaded()
        self.shop("update t set name = 'late'")
        # Each part waits a moment, so that somebody can come in between.
        self.project.write("tidemark.yaml", self.settings(", guard: {rows_per_second: 40}"))
        process = self.project.start("backfill", "t", "--from", "2026-01-01", "--to", "2026-01-11", "--by", "1d",
                                     "--rate-share", "100%", "--json")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            listed = self.project.call("backfill", "list", "--json")
            if listed.code == 0 and listed.json and listed.json[0]["parts_done"] >= 2:
                return process, listed.json[0]["backfill_id"]
            self.assertIsNone(process.poll(), process.stderr.read() if process.poll() is not None else "")
            time.sleep(0.1)
        self.fail("no part was done in time")

    def test_after_kill_9_only_what_is_missing_is_run(self):
        process, number = self.begin_slow()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.project.write("tidemark.yaml", self.settings())
        left = self.backfill("show", number)
        self.assertEqual("running", left["state"])
        done_before = {part["number"]: part["run_id"] for part in left["parts"] if part["state"] == "done"}
        self.assertTrue(2 <= len(done_before) < 10, left)
        # The same command finds the open one.
        document = self.backfill("t", "--from", "2026-01-01", "--to", "2026-01-11", "--by", "1d")
        self.assertEqual((number, "done"), (document["backfill_id"], document["state"]))
        for part in document["parts"]:
            self.assertEqual(done_before.get(part["number"], part["run_id"]), part["run_id"])
        self.assertEqual(self.source_rows(), self.rows())
        self.assertEqual(10, self.backfill_loads())
        self.assertEqual(1, len(self.backfill("list", "t")))

    def test_whichever_step_dies_each_part_is_loaded_once(self):
        for load in ("upsert", "append"):
            self.job(f"load: {load}", name=load)
            self.assertEqual(0, self.project.run(load)[0].code)
        self.shop("update t set name = 'late'")
        faults = ["engine.commit@2=kill", "engine.committed@1=kill", "engine.committed@2=kill",
                  "engine.committed@4=kill", "files.renamed@2=kill", "engine.commit@1=engine"]
        faults += [f"store.committed@{number}=kill" for number in range(1, 22, 4)]
        faults += [f"store.commit@{number}=kill" for number in range(3, 24, 4)]
        words = ("--from", "2026-01-01", "--to", "2026-01-03", "--by", "1d", "--json")
        log = self.project.dir / "failpoints.log"
        for number, fault in enumerate(faults):
            job = ("upsert", "append")[number % 2]
            with self.subTest(fault=fault, job=job):
                self.project.call("backfill", job, *words,
                                  env={"TIDEMARK_FAILPOINT": fault, "TIDEMARK_FAILPOINT_LOG": str(log)})
                open_ones = [one for one in self.backfill("list", job) if one["state"] not in ("done", "cancelled")]
                if open_ones:
                    self.assertEqual("done", self.backfill("retry", open_ones[0]["backfill_id"])["state"])
                loads = self.project.rows(f"select count(*), count(distinct load_id) from tidemark_loads where "
                                          f"kind = 'backfill' and job = '{job}'")[0]
                done = [one for one in self.backfill("list", job) if one["state"] == "done"]
                self.assertEqual([str(2 * len(done))] * 2, loads)
                self.assertEqual(240, self.project.count(job))
                self.assertEqual([["48"]], self.project.rows(f"select count(*) from {job} where name = 'late'"))
        hit = log.read_text().split("\n")
        self.assertGreater(len(hit), len(faults) // 2)

    def test_pause_lets_the_part_end_resume_goes_on_and_live_runs_come_in_between(self):
        process, number = self.begin_slow()
        # A live run of the same project goes first.
        run = self.project.call("run", "t", "--wait", "60s", "--json")
        self.assertEqual(0, run.code, run.err)
        self.assertIsNone(process.poll())
        self.assertEqual("paused", self.backfill("pause", number)["state"])
        out, err = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, err)
        left = self.backfill("show", number)
        self.assertEqual({"done", "waiting"}, set(self.states(left)))
        self.project.write("tidemark.yaml", self.settings())
        document = self.backfill("resume", number)
        self.assertEqual(("done", ["done"] * 10), (document["state"], self.states(document)))
        self.assertEqual(self.source_rows(), self.rows())
        done = self.project.call("backfill", "pause", number, "--json")
        self.assertEqual((2, "user.backfill_state"), (done.code, done.json["error"]["code"]))

    def test_cancel_ends_the_part_that_runs_and_skips_the_rest(self):
        process, number = self.begin_slow()
        self.assertEqual("cancelled", self.backfill("cancel", number)["state"])
        process.communicate(timeout=60)
        self.assertEqual(130, process.returncode)
        ended = self.backfill("show", number)
        self.assertEqual({"done", "skipped"}, set(self.states(ended)))
        self.assertEqual(self.backfill_loads(), ended["parts_done"])
        self.assertEqual(2, self.project.call("backfill", "resume", number).code)

    def test_parts_that_failed_do_not_stop_the_others_and_are_tried_again(self):
        self.job("load: upsert", more="quarantine: {stop_above: 10%}\nrules:\n  good: name <> 'bad'\n")
        self.loaded()
        self.shop("insert into t select i + 10000, 'bad', timestamptz '2026-01-02 00:00+00' + "
                  "(i % 3600) * interval '1 second' from generate_series(1, 2000) i")
        document = self.backfill("t", "--from", "2026-01-01", "--to", "2026-01-05", "--by", "1d", code=3)
        self.assertEqual(("failed", ["done", "failed", "done", "done"]), (document["state"], self.states(document)))
        self.assertIn("1 of 4 parts failed", document["note"])
        self.shop("update t set name = 'good' where name = 'bad'")
        again = self.backfill("retry", document["backfill_id"])
        self.assertEqual(("done", ["done"] * 4), (again["state"], self.states(again)))
        self.assertEqual(document["parts"][0]["run_id"], again["parts"][0]["run_id"])
        self.assertEqual(self.source_rows(), self.rows())

    def test_what_would_fail_in_every_part_ends_it_and_resume_goes_on(self):
        self.job()
        self.loaded()
        self.project.write("tidemark.yaml", self.settings(", guard: {quiet_hours: [\"00:00-23:59\"]}"))
        document = self.backfill("t", "--from", "2026-01-01", "--to", "2026-01-05", "--by", "1d", code=3)
        self.assertEqual(("failed", ["waiting"] * 4), (document["state"], self.states(document)))
        self.project.write("tidemark.yaml", self.settings())
        self.assertEqual("done", self.backfill("resume", document["backfill_id"])["state"])

    def test_rows_that_the_source_has_no_more_come_from_the_stage(self):
        for load in ("append", "upsert"):
            with self.subTest(load=load):
                name = "t"
                self.project = self.enterContext(Project(self.settings()))
                self.shop("truncate t; insert into t select i, 'n' || i, " + DAY + " from generate_series(0, 239) i")
                self.job(f"load: {load}", name=name)
                self.loaded()
                # A second window has a newer version of a key of the first.
                self.shop("update t set name = 'newer', at = now() where id = 5")
                self.load_what_is_new()
                self.assertIn(["5", "newer"], self.rows())
                before = self.rows()
                self.shop("delete from t")
                self.job(f"load: {load}", more="transform:\n  - derive: {name: \"name || '!'\"}\n")
                document = self.backfill("t", "--from", "2026-01-01", "--to", "2026-01-03", "--by", "1d",
                                         "--from-stage", "only")
                self.assertEqual(["stage", "stage"], [part["read_from"] for part in document["parts"]])
                inside = [row for row in self.rows() if row[1].endswith("!")]
                self.assertEqual(47 if load == "upsert" else 48, len(inside))
                self.assertEqual(len(before), len(self.rows()))
                self.assertIn(["5", "newer"], self.rows())
        for stage in (self.project.dir / ".tidemark/stage/t/main").iterdir():
            (stage / "manifest.json").unlink()
        done = self.project.call("backfill", "t", "--from", "2026-01-01", "--from-stage", "only", "--json")
        self.assertEqual((2, "plan.backfill_no_stage"), (done.code, done.json["error"]["code"]), done.err)

    def test_a_dry_run_shows_parts_and_an_estimate_and_touches_nothing(self):
        self.job()
        self.loaded()
        self.shop("analyze t")
        before = listing(self.project.dir)
        document = self.backfill("t", "--from", "2026-01-01", "--to", "2026-01-11", "--dry-run")
        self.assertEqual(("planned", "1d", 10), (document["state"], document["by"], document["parts_total"]))
        self.assertTrue(200 <= document["rows_estimated"] <= 260, document["rows_estimated"])
        self.assertIsNotNone(document["ms_left"])
        after = listing(self.project.dir)
        self.assertEqual({name for name in before if "store.db" not in name},
                         {name for name in after if "store.db" not in name})
        self.assertEqual(before["warehouse.duckdb"], after["warehouse.duckdb"])
        self.assertEqual([], self.backfill("list"))

    def test_what_comes_after_is_owed_one_run_for_each_backfill_whatever_dies(self):
        self.job()
        self.loaded()
        self.project.job("report", "from: {connection: shop, table: t}\n"
                                   "to: {connection: warehouse, table: report, load: full}\nafter: [t]\n")
        words = ("t", "--from", "2026-01-01", "--to", "2026-01-03", "--by", "1d")
        plan = self.backfill(*words, "--dry-run")
        self.assertEqual((False, ["report"]), (plan["downstream"], plan["followers"]))
        self.assertEqual("done", self.backfill(*words)["state"])
        self.assertEqual(0, self.owed("report"))
        done = 0
        faults = [f"store.commit@{number}=kill" for number in range(20, 40, 4)]
        faults += [f"store.committed@{number}=kill" for number in range(22, 40, 4)]
        for fault in faults:
            with self.subTest(fault=fault):
                self.project.call("backfill", *words, "--downstream", "--json", env={"TIDEMARK_FAILPOINT": fault})
                left = [one for one in self.backfill("list", "t") if one["state"] != "done"]
                if left:
                    self.assertEqual("done", self.backfill("resume", left[0]["backfill_id"])["state"])
                done += 1
                self.assertEqual(done, self.owed("report"))
        cancelled = self.project.call("backfill", *words, "--downstream", "--detach", "--json").json["backfill_id"]
        self.assertEqual("cancelled", self.backfill("cancel", cancelled)["state"])
        self.assertEqual(done, self.owed("report"))

    def owed(self, job):
        with contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db")) as store:
            return store.execute("select count(*) from etl_fires join etl_jobs using (job_id) where name = ? and state = "
                                 "'waiting'", (job,)).fetchone()[0]

    def test_the_rate_share_holds(self):
        self.job()
        self.loaded()
        self.project.write("tidemark.yaml", self.settings(", guard: {rows_per_second: 200}"))
        began = time.monotonic()
        self.backfill("t", "--from", "2026-01-01", "--to", "2026-01-11", "--by", "1y", "--rate-share", "25%")
        # 240 rows at 50 a second.
        self.assertGreater(time.monotonic() - began, 4)

    def test_numbers_are_cut_by_count(self):
        self.shop("create table n (id bigint primary key, v text); insert into n select i, 'v' from "
                  "generate_series(1, 5000) i")
        self.project.job("n", "from: {connection: shop, table: n, watermark: id}\n"
                              "to: {connection: warehouse, table: n, load: append}\n")
        self.assertEqual(0, self.project.run("n")[0].code)
        before = self.project.count("n")
        self.shop("update n set v = 'w'")
        document = self.backfill("n", "--from", "0", "--to", "3000", "--by", "1000")
        self.assertEqual([("0", "1000"), ("1000", "2000"), ("2000", "3000")],
                         [(part["lo"], part["hi"]) for part in document["parts"]])
        self.assertEqual(before, self.project.count("n"))
        self.assertEqual([["2999"]], self.project.rows("select count(*) from n where v = 'w'"))

    def test_bad_input_says_what_to_write(self):
        self.job()
        for words, code in ((("nothing", "--from", "2026-01-01"), "user.no_job"),
                            (("t",), "user.usage"),
                            (("t", "--from", "2026-01-01"), "plan.backfill_not_loaded")):
            done = self.project.call("backfill", *words, "--json")
            self.assertEqual((2, code), (done.code, done.json["error"]["code"]), done.err)
        self.loaded()
        self.project.job("whole", "from: {connection: shop, table: t}\n"
                                  "to: {connection: warehouse, table: whole, load: full}\n")
        self.project.job("xmin", "from: {connection: shop, table: t, watermark: xmin, allow_seq_scan: true}\n"
                                 "to: {connection: warehouse, table: x, load: upsert}\n")
        self.assertEqual(0, self.project.run("xmin")[0].code)
        for words, code in ((("t", "--from", "2026-02-01", "--to", "2026-01-01"), "user.backfill_order"),
                            (("t", "--from", "2099-01-01"), "user.backfill_above"),
                            (("t", "--from", "2026-01-01", "--by", "100"), "user.backfill_step"),
                            (("t", "--from", "12"), "user.backfill_value"),
                            (("t", "--from", "2026-01-01", "--rate-share", "0%"), "user.usage"),
                            (("t", "--from", "2026-01-01", "--order", "random"), "user.usage"),
                            (("whole", "--from", "2026-01-01"), "plan.backfill_no_values"),
                            (("xmin", "--from", "2026-01-01"), "plan.backfill_no_values"),
                            (("show", "nothing"), "backfill.unknown"),
                            (("show",), "user.usage")):
            with self.subTest(words=words):
                done = self.project.call("backfill", *words, "--json")
                self.assertEqual((2, code), (done.code, done.json["error"]["code"]), done.err)
                self.assertTrue(done.json["error"]["hint"])
        self.assertEqual([], self.backfill("list"))


if __name__ == "__main__":
    unittest.main()
