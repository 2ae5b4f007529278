#!/usr/bin/env python3
"""Backfills under `tidemark serve`: parts in places that nothing else wants, whoever dies, and what comes after them.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import contextlib
import signal
import sqlite3
import time
import unittest

import servers_test
from support.served import Served
from support.temporary_postgres import TemporaryPostgres

DAY = "timestamptz '2026-01-01 00:00+00' + i * interval '1 hour'"
RANGE = ("--from", "2026-01-01", "--to", "2026-01-11", "--by", "1d")
TABLES = ("create table t (id int primary key, name text, at timestamptz not null); create index on t (at); "
          f"insert into t select i, 'n' || i, {DAY} from generate_series(0, 239) i; "
          "create table r (id int primary key); insert into r values (1)")


class BackfillServed(Served):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())

    def setUp(self):
        super().setUp()
        self.database = self.id().rsplit(".", 1)[1][:60]
        self.server.sql(f"create database {self.database}")
        self.server.sql(TABLES, self.database)
        self.settings()
        self.job_t()
        self.project.job("report", "from: {connection: shop, table: r}\n"
                                   "to: {connection: warehouse, table: report, load: full}\nafter: [t]\n")

    def settings(self, rate=None):
        guard = f", guard: {{rows_per_second: {rate}}}" if rate else ""
        self.project.write("tidemark.yaml", f"connections:\n  shop: {{postgres: \"{self.server.conninfo(self.database)}\""
                                            f"{guard}}}\n  warehouse: {{duckdb: warehouse.duckdb}}\n")

    def job_t(self, schedule=""):
        self.project.job("t", "from: {connection: shop, table: t, watermark: at}\n"
                              f"to: {{connection: warehouse, table: t, load: upsert}}\n{schedule}")

    def loaded(self):
        """All of it, and then its names are others: a backfill brings them."""
        self.assertEqual(0, self.project.run("t")[0].code)
        self.server.sql("update t set name = 'late'", self.database)

    def serve_slowly(self, rate=80):
        """A part takes more than half a second."""
        self.settings(rate)
        self.serve()
        self.wait_for(lambda: (self.project.dir / ".tidemark/sock").exists())

    def backfill(self, *words, code=0):
        done = self.project.call("backfill", *words, "--json")
        self.assertEqual(code, done.code, done.err)
        return done.json

    def detached(self, *words):
        document = self.backfill("t", *RANGE, "--rate-share", "50%", "--detach", *words)
        self.assertEqual(("running", True), (document["state"], document["detached"]))
        return document["backfill_id"]

    def shown(self, number):
        with contextlib.suppress(Exception):
            return self.backfill("show", number)
        return None

    def wait_until(self, number, what, seconds=90):
        return self.wait_for(lambda: (one := self.shown(number)) and what(one) and one, seconds)

    def asked(self, sql):
        with contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db")) as store:
            return store.execute(sql).fetchall()

    def late(self):
        return int(self.project.rows("select count(*) from t where name = 'late'")[0][0])

    def loads(self):
        return self.project.rows("select count(*), count(distinct load_id) from tidemark_loads where kind = 'backfill'")

    def test_the_service_runs_the_parts_and_what_comes_after_once(self):
        self.loaded()
        self.serve()
        self.wait_for(lambda: (self.project.dir / ".tidemark/sock").exists())
        number = self.detached("--downstream")
        done = self.wait_until(number, lambda one: one["state"] == "done")
        self.assertEqual((10, True, ["report"]), (done["parts_done"], done["downstream"], done["followers"]))
        self.wait_for(lambda: self.done("report") == 1)
        # Without being asked nobody runs behind one.
        other = self.detached("--no-downstream")
        self.wait_until(other, lambda one: one["state"] == "done")
        time.sleep(2)
        self.stop()
        self.assertEqual(1, len(self.fires("report")))
        self.assertEqual(240, self.late())

    def test_after_kill_9_the_service_goes_on_by_itself(self):
        self.loaded()
        self.serve_slowly()
        number = self.detached("--downstream")
        self.wait_until(number, lambda one: one["parts_done"] >= 2)
        for _ in range(2):
            self.stop(signal.SIGKILL)
            self.serve()
            self.wait_for(lambda: (self.project.dir / ".tidemark/sock").exists())
            before = self.wait_until(number, lambda one: True)["parts_done"]
            self.wait_until(number, lambda one, before=before: one["parts_done"] > before)
        done = self.wait_until(number, lambda one: one["state"] == "done")
        self.assertEqual(["done"] * 10, [part["state"] for part in done["parts"]])
        self.wait_for(lambda: self.done("report") == 1)
        self.stop()
        self.assertEqual(1, len(self.fires("report")))
        self.assertEqual([["10", "10"]], self.loads())
        self.assertEqual(240, self.late())

    def test_live_runs_go_first(self):
        self.loaded()
        self.job_t("every: 2s\n")
        self.serve_slowly(40)
        number = self.detached()
        self.wait_until(number, lambda one: one["parts_done"] >= 1)
        # One by hand has its turn after the part that goes on.
        by_hand = self.project.call("run", "t", "--wait", "30s", "--json")
        self.assertEqual(0, by_hand.code, by_hand.err)
        self.assertIn(self.shown(number)["state"], ("running", "done"))
        self.wait_until(number, lambda one: one["parts_done"] >= 6)
        self.stop()
        kinds = [kind for kind, in self.asked("select kind from etl_runs order by run_start")]
        between = "".join("b" if kind == "backfill" else "." for kind in kinds).strip(".").split("b")
        self.assertTrue(sum(1 for gap in between if gap) >= 2, kinds)
        self.assertEqual([], self.asked("select 1 from etl_runs where status = 'failed'"))

    def test_who_looks_on_may_leave(self):
        self.loaded()
        self.serve_slowly()
        looks = self.project.start("backfill", "t", *RANGE, "--json")
        found = self.wait_for(lambda: [one for one in self.backfill("list") if one["parts_done"] >= 1])
        looks.send_signal(signal.SIGINT)
        _, err = looks.communicate(timeout=30)
        self.assertEqual(130, looks.returncode, err)
        self.assertIn(b"it goes on in the service", err)
        number = found[0]["backfill_id"]
        self.assertEqual("running", self.shown(number)["state"])
        self.assertEqual("paused", self.backfill("pause", number)["state"])
        # Who resumes it looks on to its end.
        self.assertEqual("done", self.backfill("resume", number)["state"])
        cancelled = self.detached()
        self.wait_until(cancelled, lambda one: one["parts_done"] >= 1)
        self.assertEqual("cancelled", self.backfill("cancel", cancelled)["state"])
        ended = self.wait_until(cancelled, lambda one: not {part["state"] for part in one["parts"]} & {"running"})
        self.assertEqual({"done", "skipped"}, {part["state"] for part in ended["parts"]})
        self.stop()
        self.assertEqual(240, self.late())
        loads = 10 + ended["parts_done"]
        self.assertEqual([[str(loads)] * 2], self.loads())


class BackfillOfServers(servers_test.Servers):
    def setUp(self):
        super().setUp()
        self.ask(TABLES)
        self.ask("create table source_report (id bigserial primary key, tidemark_xid xid8 not null default "
                 "pg_current_xact_id()); create index on source_report (tidemark_xid)")
        self.jobs = {"report": "after: [t]\n"}

    def server_of(self, name):
        one = servers_test.Server(self, name)
        one.project.job("t", "from: {connection: shop, table: t, watermark: at}\n"
                             "to: {connection: warehouse, table: target_t, load: upsert}\n")
        return one

    def make_slow(self):
        """A part takes more than a second."""
        self.ask("update t set name = 'late'; create function slow() returns trigger language plpgsql as "
                 "$$begin perform pg_sleep(0.05); return new; end$$; create trigger slow before update on target_t "
                 "for each row execute function slow()")

    def test_a_run_on_another_machine_goes_between_two_parts(self):
        one, two = self.server_of("one"), self.server_of("two")
        self.assertEqual(0, one.project.run("t")[0].code)
        self.make_slow()
        backfill = one.project.start("backfill", "t", *RANGE, "--json")
        self.wait_for(lambda: self.ask("select count(*) from tidemark_loads where kind = 'backfill'").strip() != "0")
        for number in range(2):
            # Newer than the watermark of the run before, and older than what waits for the next.
            time.sleep(2 * number)
            self.ask(f"insert into t values ({1000 + number}, 'live', now() - interval '1500 ms')")
            live = two.project.call("run", "t", "--wait", "60s", "--json")
            self.assertEqual(0, live.code, live.err)
            self.assertIsNone(backfill.poll(), "it waited for the whole backfill")
        _, err = backfill.communicate(timeout=120)
        self.assertEqual(0, backfill.returncode, err)
        self.assertEqual("2", self.ask("select count(*) from target_t where name = 'live'").strip())
        self.assertEqual("240", self.ask("select count(*) from target_t where name = 'late'").strip())

    def test_each_part_is_of_one_server_and_goes_on_when_it_is_killed(self):
        one, two = self.server_of("one"), self.server_of("two")
        self.assertEqual(0, one.project.run("t")[0].code)
        self.make_slow()
        begun = one.project.call("backfill", "t", *RANGE, "--detach", "--downstream", "--json")
        self.assertEqual(0, begun.code, begun.err)
        number = begun.json["backfill_id"]
        one.start()
        two.start()

        def shown():
            return two.project.call("backfill", "show", number, "--json").json

        deadline = time.monotonic() + 120
        while (now := shown())["parts_done"] < 3:
            self.assertLess(time.monotonic(), deadline, now)
            time.sleep(0.2)
        one.kill()
        while (now := shown())["state"] == "running":
            self.assertLess(time.monotonic(), deadline, now)
            time.sleep(0.2)
        self.assertEqual(("done", 10), (now["state"], now["parts_done"]))
        self.assertEqual("240", self.ask("select count(*) from target_t where name = 'late'").strip())
        self.assertEqual("10|10", self.ask("select count(*), count(distinct load_id) from tidemark_loads where kind = "
                                           "'backfill'").strip())
        while [state for _, state in self.fires("report")] != ["done"]:
            self.assertLess(time.monotonic(), deadline, self.fires("report"))
            time.sleep(0.2)


if __name__ == "__main__":
    unittest.main()
