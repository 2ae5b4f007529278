#!/usr/bin/env python3
"""Jobs that run when something has changed: files, a table of PostgreSQL or SQLite, what another job loads.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import contextlib
import signal
import sqlite3
import time
import unittest

import servers_test
from support.project import PROJECT_YAML
from support.served import READ, Served
from support.temporary_postgres import TemporaryPostgres

SOON = "check: 1s, settle: 1s"
QUIET_SECONDS = 6


class When(Served):
    def watching(self, name, when, more=""):
        self.job(name, f"when: {{{when}}}\n{more}")

    def assert_quiet(self, job, seconds=QUIET_SECONDS):
        before = len(self.fires(job))
        time.sleep(seconds)
        self.assertEqual(before, len(self.fires(job)), "nothing has changed")

    def stays_at(self, job):
        """How many fires have ended, once no more come: a table's change is followed more than once."""
        count, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            if self.done(job) != count:
                count, since = self.done(job), time.monotonic()
            time.sleep(0.2)
        return count


class Files(When):
    def test_new_and_changed_files_are_followed_and_nothing_else(self):
        self.watching("a", f'file: "landing.a-*.csv", {SOON}')
        self.project.write("data/other.csv", "id\n1\n")
        self.serve()
        self.wait_for(lambda: self.done("a") == 1)
        self.project.write("data/other.csv", "id\n2\n")
        self.assert_quiet("a")
        self.project.write("data/a-2.csv", "id\n3\n")
        self.wait_for(lambda: self.done("a") == 2)
        (self.project.dir / "data/a-2.csv").unlink()
        self.assert_quiet("a")
        self.stop()
        self.assertEqual(3, self.project.count("a"))

    def test_a_file_is_followed_once_it_grows_no_more(self):
        self.watching("a", 'file: "landing.a-*.csv", check: 1s, settle: 3s')
        (self.project.dir / "data/a-1.csv").unlink()
        self.serve()
        self.wait_for(lambda: self.project.dir.joinpath(".tidemark/store.db").exists())
        with open(self.project.dir / "data/a-2.csv", "w", encoding="utf-8") as file:
            file.write("id\n")
            for number in range(12):
                file.write(f"{number}\n")
                file.flush()
                time.sleep(0.5)
                self.assertEqual([], self.fires("a"), "it still grows")
        self.wait_for(lambda: self.done("a") == 1)
        self.stop()
        self.assertEqual(12, self.project.count("a"))

    def test_a_restart_follows_what_changed_meanwhile_and_nothing_else(self):
        self.watching("a", f'file: "landing.a-*.csv", {SOON}')
        self.watching("skips", f'file: "landing.skips-*.csv", {SOON}', "missed: skip\n")
        self.serve()
        self.wait_for(lambda: self.done("a") == 1)
        self.stop()
        self.serve()
        self.assert_quiet("a")
        self.stop()
        self.project.write("data/a-2.csv", "id\n3\n")
        self.serve()
        self.wait_for(lambda: self.done("a") == 2)
        self.assertEqual([], self.fires("skips"), "it was there before anybody looked")
        self.project.write("data/skips-2.csv", "id\n3\n")
        self.wait_for(lambda: self.done("skips") == 1)
        self.stop()

    def test_what_changes_while_it_runs_is_followed_after_it(self):
        self.watching("a", f'file: "landing.a-*.csv", {SOON}')
        self.serve()
        self.wait_for(lambda: self.done("a") == 1)
        for number in range(2, 7):
            self.project.write(f"data/a-{number}.csv", f"id\n{number}\n")
            time.sleep(1.2)
        self.wait_for(lambda: self.project.call("query", "warehouse", "select count(*) from a").out.count("7") > 0)
        self.stop()
        self.assertEqual(7, self.project.count("a"))
        times = [fire for fire, *_ in self.fires("a")]
        self.assertEqual(len(times), len(set(times)))

    def test_what_cannot_be_looked_at_is_told_and_followed_when_it_can(self):
        self.project.write("tidemark.yaml", PROJECT_YAML + "  away: {files: not-yet}\n")
        self.project.job("a", READ.replace("NAME", "a").replace("landing", "away") +
                         f'when: {{file: "away.a-*.csv", {SOON}}}\n')
        self.job("b", f'when: {{file: "landing.b-*.csv", {SOON}}}\n')
        self.serve()
        self.wait_for(lambda: self.done("b") == 1)
        self.assertEqual([], self.fires("a"))
        self.project.write("not-yet/a-1.csv", "id\n1\n")
        self.wait_for(lambda: self.done("a") == 1)
        self.stop()

    def test_an_edited_paused_and_removed_watch_is_taken_up(self):
        self.watching("a", f'file: "landing.a-*.csv", {SOON}')
        self.serve()
        self.wait_for(lambda: self.done("a") == 1)
        self.watching("a", f'file: "landing.a-*.csv", {SOON}', "enabled: false\n")
        time.sleep(2)
        self.project.write("data/a-2.csv", "id\n3\n")
        self.assert_quiet("a", 4)
        self.watching("a", f'file: "landing.a-*.csv", {SOON}')
        self.wait_for(lambda: self.done("a") >= 2)
        self.stop()
        self.assertEqual(3, self.project.count("a"))

    def test_status_and_schedule_say_what_is_watched(self):
        self.watching("a", f'file: "landing.a-*.csv", {SOON}')
        said = self.project.call("schedule", "a")
        self.assertIn("a has no times of its own: it runs when file landing.a-*.csv changes, looked at every 1.0 s, once "
                      "nothing more has changed for 1.0 s", said.err)
        self.assertEqual("file landing.a-*.csv", self.project.call("schedule", "a", "--json").json[0]["when"])
        self.serve()
        self.wait_for(lambda: self.done("a") == 1)
        watched = self.project.call("status", "--json").json["watched"]
        self.assertEqual([("a", "file landing.a-*.csv", None)],
                         [(one["job"], one["watched"], one["unseen"]) for one in watched])
        self.assertIn("file landing.a-*.csv", self.project.call("status").out)
        self.stop()


class Datasets(When):
    def test_a_chain_runs_when_the_job_before_it_has_loaded_something(self):
        self.watching("a", f'file: "landing.a-*.csv", {SOON}')
        self.project.job("b", 'from: {connection: landing, files: "a-*.csv"}\n'
                              "to: {connection: warehouse, table: b, load: full}\n"
                              "when: {dataset: warehouse.a, check: 1s}\n")
        self.serve()
        self.wait_for(lambda: self.done("b") == 1)
        self.project.call("run", "a")
        self.assert_quiet("b", 4)
        self.project.write("data/a-2.csv", "id\n3\n")
        self.wait_for(lambda: self.done("b") == 2)
        self.stop()
        self.assertEqual(3, self.project.count("b"))
        self.serve()
        self.assert_quiet("b", 4)
        self.stop()


class Tables(When):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())

    def copy(self, name, source, table, when):
        self.project.job(name, f"from: {{connection: {source}, table: {table}, watermark: id}}\n"
                               f"to: {{connection: warehouse, table: {name}, load: upsert, key: [id]}}\n"
                               f"when: {{{when}}}\n")

    def test_a_table_of_postgres_is_followed_until_nothing_is_behind_its_watermark(self):
        self.project.write("tidemark.yaml", PROJECT_YAML +
                           f'  live: {{postgres: "postgres://postgres@127.0.0.1:{self.server.port}/postgres"}}\n')
        self.server.sql("create table orders (id bigserial primary key, x xid8 not null default pg_current_xact_id()); "
                        "create index on orders (x); create table other (id int)")
        self.project.job("a", "from: {connection: live, table: orders, watermark: x}\n"
                              "to: {connection: warehouse, table: a, load: append}\n"
                              "when: {table: live.orders, check: 1s}\n")
        self.serve()
        self.wait_for(lambda: self.done("a") >= 1)
        quiet = self.stays_at("a")
        self.server.sql("insert into other values (1)")
        self.assertEqual(quiet, self.stays_at("a"), "another table is no change of this one")
        with self.server.session("postgres") as open_one:
            open_one.run("begin; insert into other values (2)")
            self.server.sql("insert into orders (id) values (100)")
            self.wait_for(lambda: self.done("a") > quiet)
            self.stays_at("a")
            open_one.run("commit")
        self.wait_for(lambda: "100" in self.project.call("query", "warehouse", "select id from a").out)
        quiet = self.stays_at("a")
        self.server.sql("truncate orders")
        self.wait_for(lambda: self.done("a") > quiet)
        self.stop()

    def test_a_table_of_sqlite_is_followed(self):
        with contextlib.closing(sqlite3.connect(self.project.dir / "shop.db", isolation_level=None)) as shop:
            shop.execute("create table orders (id integer primary key)")
            self.copy("a", "shop", "orders", "table: shop.orders, check: 1s")
            self.serve()
            self.wait_for(lambda: self.done("a") >= 1)
            for number in range(1, 4):
                quiet = self.stays_at("a")
                shop.execute("insert into orders values (?)", (10 * number,))
                self.wait_for(lambda quiet=quiet: self.done("a") > quiet)
                shop.execute("insert into orders values (?)", (10 * number + 1,))
            self.stays_at("a")
            self.stop()
        self.assertEqual(6, self.project.count("a"))


class Several(servers_test.Servers):
    def test_two_servers_follow_a_change_once(self):
        self.job("a", "when: {table: shop.source_a, check: 1s}\n")
        servers = [servers_test.Server(self, name).start() for name in ("one", "other")]
        self.wait_for(lambda: self.done("a"))
        for _ in range(3):
            quiet = self.quiet()
            self.ask("insert into source_a default values")
            self.wait_for(lambda quiet=quiet: len(self.fires("a")) > quiet)
        # The change itself, and twice at most for what may have stayed behind the watermark.
        self.assertLessEqual(self.quiet(), quiet + 3)
        for server in servers:
            code, err = server.kill(signal.SIGTERM)
            self.assertEqual(0, code, err)
        self.assertEqual({"done"}, {state for _, state in self.fires("a")})
        self.assert_all_there_once("a")

    def quiet(self):
        # Two servers and a database on busy cores: the last one that follows may be late.
        count, since = -1, time.monotonic()
        while time.monotonic() - since < 2 * QUIET_SECONDS:
            if len(self.fires("a")) != count:
                count, since = len(self.fires("a")), time.monotonic()
            time.sleep(0.2)
        return count


if __name__ == "__main__":
    unittest.main()
