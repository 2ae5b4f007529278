"""A large table is read by several sessions; a read that dies goes on behind the last segment of each part of it."""

import json
import pathlib
import signal
import subprocess
import unittest

from crash.world import environment
from support.duckdb_file import DuckdbFile
from support.project import BINARY, Project, finish
from support.temporary_postgres import TemporaryPostgres

PROJECT = """\
segment: 16MB
connections:
  shop: {{postgres: "{source}", guard: {{{guard}}}}}
  goal: {{duckdb: goal.duckdb}}
  mirror: {{postgres: "{mirror}"}}
"""
ROWS = 300_000
ROW_BYTES = 500
# What a process may have read and not noted, of each of two readers: a segment, a step, and what is under way.
READ_AGAIN_MAX = 2 * (16 + 8 + 8) * 1_000_000 // ROW_BYTES
NOT_AHEAD = "the target could not take the rows while they were read"
SUMS = "select count(*), count(distinct id), sum(id), sum(version), sum(length(filler)) from "


class SplitsTest(unittest.TestCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())
        cls.server.sql("create database pattern")
        cls.server.sql(f"""
            create table t (id bigint primary key, version int not null default 1,
                            at timestamptz not null default now(), filler text not null);
            insert into t (id, filler) select i, repeat(md5(i::text), {ROW_BYTES // 32}) from generate_series(1, {ROWS}) i;
            create index on t (at); analyze t;
            create function touch() returns trigger language plpgsql as $$ begin new.at = now(); return new; end $$;
            create trigger touch before insert or update on t for each row execute function touch()
            """, "pattern")

    def setUp(self):
        SplitsTest.number += 1
        self.database = f"shop_{self.number}"
        self.server.sql(f"create database {self.database} template pattern")
        self.project = self.enterContext(Project(""))
        self.guard("")

    def guard(self, text):
        self.project.write("tidemark.yaml", PROJECT.format(
            source=self.server.conninfo(self.database), mirror=self.server.conninfo("postgres"), guard=text))

    def sql(self, text):
        return self.server.sql(text, self.database)

    def job(self, load, more=""):
        key = ", key: id" if load == "upsert" else ""
        self.project.job("copy", f"from: {{connection: shop, table: t{more}}}\n"
                                 f"to: {{connection: goal, table: copied, load: {load}{key}}}\n")

    def run_with(self, failpoint):
        log = self.project.dir / "fired.log"
        log.unlink(missing_ok=True)
        done = finish(subprocess.Popen([str(BINARY), "run", "copy", "--json"], cwd=self.project.dir,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       env=environment(failpoint, log)))
        self.assertTrue(log.exists(), f"{failpoint} was not reached: {done.err}")
        return done

    def run_copy(self):
        done = self.project.call("run", "copy", "--json")
        self.assertEqual(done.code, 0, done.err)
        return done.json

    def expect_equal(self):
        there = [[str(value) for value in self.sql(SUMS + "t").strip().split("|")]]
        with DuckdbFile(self.project.dir / "goal.duckdb") as file:
            self.assertEqual(file.rows(SUMS + "copied"), there)

    def rows_read(self):
        """By ranges of pages, of all sessions that have ended."""
        return int(self.sql("select pg_stat_clear_snapshot(); select seq_tup_read from pg_stat_user_tables "
                            "where relname = 't'").split()[-1])

    def noted(self):
        journals = list(pathlib.Path(self.project.dir).rglob("journal.json"))
        if not journals:
            return 0
        journal = json.loads(journals[0].read_text())
        self.assertGreater(len(journal["splits"]), 1)
        return json.loads(journal["manifest"])["rows_read"]

    def test_a_killed_first_load_goes_on_while_rows_change(self):
        for load in ("append", "upsert"):
            with self.subTest(load):
                self.setUp()
                self.job(load, ", watermark: at")
                died = self.run_with("source.next@140=kill")
                self.assertEqual(died.code, -signal.SIGKILL, died.err)
                noted = self.noted()
                self.assertGreater(noted, 140 * 2048 - READ_AGAIN_MAX)
                self.sql("update t set version = version + 1 where id % 1000 = 7; delete from t where id % 1000 = 8; "
                         f"insert into t (id, filler) select {ROWS} + i, 'new' from generate_series(1, 500) i; "
                         "select pg_sleep(1.1)")
                self.run_copy()
                first = self.project.call("runs", "copy", "--json").json[-1]
                shown = self.project.call("show", first["run_id"], "--json").out
                self.assertIn(f"{noted:,} of them by a process that died", shown)
                self.run_copy()
                self.assertEqual(list(pathlib.Path(self.project.dir).rglob("*.partial")), [])
                # What was read before it was changed or taken away is still there.
                with DuckdbFile(self.project.dir / "goal.duckdb") as file:
                    file_rows = file.rows("select count(distinct id) from copied where version = 1 and filler <> 'new'")
                    self.assertGreaterEqual(int(file_rows[0][0]), ROWS - 600)
                    newest = file.rows("select count(*) from (select id, max(version) as version from copied group by id) "
                                       "where version = 2 or id > 300000")
                    self.assertEqual(newest, [["800"]])
                    doubled = file.rows("select count(*) from (select id from copied group by id, version "
                                        "having count(*) > 1)")
                    self.assertEqual(doubled, [["0"]])

    def test_what_is_read_again_is_a_segment_of_each_part(self):
        self.job("append", ", watermark: at")
        self.sql("select pg_sleep(1.1)")
        before = self.rows_read()
        self.run_with("source.next@140=kill")
        self.run_copy()
        self.assertLessEqual(self.rows_read() - before - ROWS, READ_AGAIN_MAX)
        self.expect_equal()

    def test_a_full_load_begins_anew(self):
        self.job("full")
        self.run_with("source.next@100=kill")
        self.assertEqual(self.noted(), 0)
        self.run_copy()
        self.expect_equal()

    def test_a_lost_connection_costs_a_segment_not_the_run(self):
        self.job("append", ", watermark: at")
        self.sql("select pg_sleep(1.1)")
        done = self.run_with("postgres.copy_read@100000=reset")
        self.assertEqual(done.code, 0, done.err)
        self.expect_equal()
        self.job("full")
        self.assertNotEqual(self.run_with("postgres.copy_read@100000=reset").code, 0)
        self.run_copy()
        self.expect_equal()

    def mirror(self):
        self.server.sql("drop table if exists copied")
        self.project.job("copy", "from: {connection: shop, table: t}\n"
                                 "to: {connection: mirror, table: copied, load: full}\n")

    def expect_mirrored(self):
        self.assertEqual(self.server.sql(SUMS + "copied", "postgres"), self.sql(SUMS + "t"))

    def shown(self):
        last = self.project.call("runs", "copy", "--json").json[0]["run_id"]
        return self.project.call("show", last, "--json").out

    def was_ahead(self):
        return "which has the rows since they were read" in self.shown()

    def tables(self):
        with DuckdbFile(self.project.dir / "goal.duckdb") as file:
            return [row[0] for row in file.rows("select table_name from duckdb_tables() "
                                                "where table_name not like 'tidemark%'")]

    def test_rows_that_are_sent_while_they_are_read_are_in_with_the_load_or_not_at_all(self):
        self.job("full")
        self.assertIn("the target gets the rows while they are read", self.project.call("plan", "copy").out)
        for failpoint in ("source.next@100=kill", "files.rename@1=kill", "engine.commit@1=kill",
                          "engine.committed@1=kill"):
            for again in (False, True):
                with self.subTest(failpoint, again=again):
                    self.sql(f"update t set version = version + 1 where id % 100 = {int(again)}")
                    self.assertEqual(self.run_with(failpoint).code, -signal.SIGKILL)
                    self.run_copy()
                    self.expect_equal()
                    self.assertEqual(self.tables(), ["copied"])
                    if not again:
                        (self.project.dir / "goal.duckdb").unlink()
        self.run_copy()
        self.assertTrue(self.was_ahead())
        self.assertEqual(self.tables(), ["copied"])

    def test_a_copy_that_is_open_while_rows_are_read(self):
        self.mirror()
        for fault in ("postgres.copy_put@20=kill", "postgres.copy_end@1=kill", "postgres.commit@1=kill",
                      "postgres.committed@1=kill"):
            with self.subTest(fault):
                self.sql("update t set version = version + 1 where id % 100 = 3")
                self.assertEqual(self.run_with(fault).code, -signal.SIGKILL)
                self.run_copy()
                self.expect_mirrored()
        self.run_copy()
        self.assertTrue(self.was_ahead())

    def test_a_target_that_is_lost_meanwhile_costs_only_the_head_start(self):
        self.mirror()
        for fault in ("postgres.copy_put@20=reset", "postgres.copy_put@90=shutdown", "postgres.copy_end@1=reset"):
            with self.subTest(fault):
                done = self.run_with(fault)
                self.assertEqual(done.code, 0, done.err)
                self.assertIn(NOT_AHEAD, self.shown())
                self.expect_mirrored()

    def alter_while_it_is_sent(self, change):
        run = subprocess.Popen([str(BINARY), "run", "copy"], cwd=self.project.dir, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while int(self.server.sql("select count(*) from pg_stat_activity where query like 'copy pg_temp%'", "postgres")) < 1:
            self.assertIsNone(run.poll())
        self.server.sql("set lock_timeout = '200ms'; alter table copied " + change, "postgres")
        self.assertIsNone(run.poll())
        done = finish(run)
        self.assertEqual(done.code, 0, done.err)
        self.expect_mirrored()

    def test_a_table_that_is_altered_meanwhile_is_loaded_as_it_is_then(self):
        self.mirror()
        self.run_copy()
        self.alter_while_it_is_sent("add column note text default 'mine'")
        self.assertNotIn(NOT_AHEAD, self.shown())
        self.assertEqual(self.server.sql("select count(note) from copied", "postgres").strip(), str(ROWS))
        self.alter_while_it_is_sent("alter column filler type varchar(1000)")
        self.assertIn(NOT_AHEAD, self.shown())
        self.assertEqual(self.server.sql("select count(note) from copied", "postgres").strip(), str(ROWS))

    def test_a_rule_that_refuses_a_row_loads_from_the_stage(self):
        self.project.job("copy", "from: {connection: shop, table: t}\nrules: {few: id > 10}\n"
                                 "to: {connection: goal, table: copied, load: full}\n")
        self.run_copy()
        self.assertFalse(self.was_ahead())
        with DuckdbFile(self.project.dir / "goal.duckdb") as file:
            self.assertEqual(file.rows("select count(*), min(id) from copied"), [[str(ROWS - 10), "11"]])
            self.assertEqual(file.rows("select count(*) from tidemark_quarantine"), [["10"]])
        self.assertEqual(self.tables(), ["copied"])

    def test_steps_that_need_no_other_row_are_taken_on_the_way(self):
        """What they make, what they refuse, and what rules then refuse: the same ahead as from the stage."""
        steps = ("transform:\n  - derive: {part: 'id % 100', hundredth: '(100 / nullif(id % 1000, 7))::decimal(9,3)'}\n"
                 "  - cast: {version: smallint}\n  - rename: {filler: text}\n  - drop: [at]\n")
        sums = ("select count(*), sum(id), sum(part), sum(version), sum(hundredth), sum(length(text)), "
                "(select count(*) from tidemark_quarantine where seq = (select max(seq) from tidemark_loads)) from copied")

        def answer():
            if target == "mirror":
                return self.server.sql(sums, "postgres").strip().split("|")
            with DuckdbFile(self.project.dir / "goal.duckdb") as file:
                return file.rows(sums)[0]

        self.server.sql("drop table if exists copied")
        self.sql("update t set version = 300 where id % 1000 = 5")
        for target in ("goal", "mirror"):
            for what, ahead in ((steps, True), (steps + "rules: {few: part < 200}\n", True),
                                (steps.replace("smallint", "utinyint"), True),
                                (steps + "rules: {few: part <> 50}\n", False)):
                with self.subTest(target, what=what):
                    text = (f"from: {{connection: shop, table: t}}\n{what}"
                            f"to: {{connection: {target}, table: copied, load: full}}\n")
                    self.project.job("copy", text)
                    self.run_copy()
                    self.assertEqual(self.was_ahead(), ahead, self.shown())
                    sent = answer()
                    # The time is of the load, not of the row, so these come from the stage.
                    self.project.job("copy", text.replace("drop: [at]", "derive: {at: now()}\n  - drop: [at]"))
                    self.run_copy()
                    self.assertFalse(self.was_ahead())
                    self.assertEqual(answer(), sent)

    def test_readers_keep_to_the_guards_sessions(self):
        for sessions in (1, 2):
            self.guard(f"connections: {sessions}")
            self.job("full", ", readers: 8")
            run = subprocess.Popen([str(BINARY), "run", "copy"], cwd=self.project.dir, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            most = before = 0
            while run.poll() is None:
                there = int(self.sql("select count(*) from pg_stat_activity where datname = current_database() and "
                                     "backend_type = 'client backend' and pid <> pg_backend_pid()"))
                # The server may not have heard yet that one was closed: what two looks see counts.
                most, before = max(most, min(before, there)), there
            done = finish(run)
            self.assertEqual(done.code, 0, done.err)
            self.assertEqual(most, sessions)
            self.expect_equal()

    def test_plan_tells_the_parts(self):
        self.job("append", ", watermark: at")
        plan = self.project.call("plan", "copy")
        self.assertEqual(plan.code, 0, plan.err)
        self.assertIn("a read that dies goes on behind its last segment", plan.out)
        self.assertRegex(plan.out, r"in \d parts: pages 0 to \d+, \.\.\., pages \d+ and on")


if __name__ == "__main__":
    unittest.main()
