#!/usr/bin/env python3
"""One guard for several processes: four folders of one project share a store in PostgreSQL, and read from one source.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import signal
import time
import unittest

from support.project import Project, finish
from support.temporary_postgres import TemporaryPostgres

PROJECT = """\
store: postgres://postgres@127.0.0.1:{store}/{database}
lease: {lease}
connections:
  shop:      {{postgres: "{source}", guard: {{{guard}}}}}
  warehouse: {{duckdb: warehouse.duckdb}}
"""
ROWS = 20000
PATIENCE_SECONDS = 60

SESSIONS = ("select count(*) from pg_stat_activity where datname = 'shop' and backend_type = 'client backend' "
            "and application_name like 'tidemark %'")
READING = "select count(*) from pg_stat_progress_copy where datname = 'shop'"
# What each session has been sent so far. Over a socket of the machine it is ahead of what was read by 0.2 MB at most,
# over TCP by several.
PROGRESS = "select pid, tuples_processed from pg_stat_progress_copy where datname = 'shop' order by pid"


class SharedGuardTest(unittest.TestCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        cls.source = cls.enterClassContext(TemporaryPostgres())
        cls.store = cls.enterClassContext(TemporaryPostgres(("synchronous_commit=on",)))
        cls.source.sql("create database shop")
        cls.source.sql(f"create table t as select i, repeat('x', 3000) as s from generate_series(1, {ROWS}) i;"
                       "create table few as select i from generate_series(1, 3000) i", "shop")

    def setUp(self):
        SharedGuardTest.number += 1
        self.database = f"store_{self.number}"
        self.store.sql(f"create database {self.database}")
        self.started = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def folder(self, job, guard, table="t", lease="30s"):
        project = Project("")
        self.addCleanup(project.__exit__)
        project.write("tidemark.yaml", PROJECT.format(store=self.store.port, database=self.database, lease=lease,
                                                      source=f"host={self.source.folder} port={self.source.port} "
                                                             "dbname=shop user=postgres", guard=guard))
        project.job(job, f"from: {{connection: shop, table: {table}}}\n"
                         f"to: {{connection: warehouse, table: {job}, load: full}}\n")
        return project

    def start(self, project, job):
        process = project.start("run", job, "--json")
        self.started.append(process)
        return process

    def shop(self, sql):
        return self.source.sql(sql, "shop")

    def wait_until(self, is_so, what):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def progress(self):
        return {pid: int(rows) for pid, rows in (line.split("|") for line in self.shop(PROGRESS).splitlines())}

    def rate_over(self, seconds):
        """Rows a second of those sessions that read all the time."""
        before, begin = self.progress(), time.monotonic()
        time.sleep(seconds)
        after, end = self.progress(), time.monotonic()
        self.assertEqual(before.keys(), after.keys())
        return sum(after[pid] - before[pid] for pid in after) / (end - begin)


class Sessions(SharedGuardTest):
    def test_four_jobs_of_four_processes_never_have_more_than_two(self):
        names = ["a", "b", "c", "d"]
        folders = [self.folder(name, "connections: 2, rows_per_second: 3000", "few") for name in names]
        for _ in range(2):
            processes = [self.start(folder, name) for folder, name in zip(folders, names)]
            seen = []
            while any(process.poll() is None for process in processes):
                seen.append(int(self.shop(SESSIONS)))
            for process in processes:
                done = finish(process)
                self.assertEqual(0, done.code, done.err)
                self.assertEqual(3000, sum(stream["rows_loaded"] for stream in done.json["streams"]))
            self.assertEqual(2, max(seen), seen)
        self.assertEqual("0", self.store.sql("select count(*) from tidemark.etl_guard_shares", self.database))


class Rates(SharedGuardTest):
    def test_four_processes_keep_one_rate_and_those_that_are_left_take_it(self):
        guard = "rows_per_second: 1000"
        names = ["a", "b", "c", "d"]
        processes = [self.start(self.folder(name, guard), name) for name in names]
        self.wait_until(lambda: self.shop(READING) == "4", "four that read")
        time.sleep(4)
        rate = self.rate_over(10)
        print(f"four processes: {rate:.0f} rows a second of 1000")
        self.assertAlmostEqual(1000, rate, delta=50)
        for process in processes[:2]:
            process.kill()
            process.communicate()
        time.sleep(3)
        rate = self.rate_over(10)
        print(f"two that are left: {rate:.0f}")
        # Never more; on a busy machine two read a little less, since each waits for its turn.
        self.assertLess(rate, 1050)
        self.assertGreater(rate, 900)


class Silence(SharedGuardTest):
    def test_a_process_that_stands_still_loses_its_place_and_reads_no_more(self):
        guard = "connections: 1, rows_per_second: 1000"
        still = self.start(self.folder("still", guard, lease="4s"), "still")
        self.wait_until(lambda: self.shop(READING) == "1", "one that reads")
        other_folder = self.folder("other", guard, "few", lease="4s")
        shown = other_folder.call("connection", "show", "shop", "--json").json["connections"][0]["in_use"]
        self.assertEqual([{"job": "still", "sessions": 1}], shown[0]["jobs"])
        self.assertIn(f"process {still.pid}", other_folder.call("connection", "show", "shop").out)
        other = self.start(other_folder, "other")
        time.sleep(1)
        self.assertEqual("1", self.shop(SESSIONS))
        still.send_signal(signal.SIGSTOP)
        # Its session stands there; it is the one that the other one's comes beside.
        done = finish(other)
        self.assertEqual(0, done.code, done.err)
        before = self.progress()
        self.assertEqual(1, len(before))
        still.send_signal(signal.SIGCONT)
        gone_by = time.monotonic() + 5
        while (now := self.progress()).keys() & before.keys():
            self.assertLess(time.monotonic(), gone_by, (before, now))
            time.sleep(0.05)
        done = finish(still)
        self.assertIn(done.code, (0, 1), done.err)
        if done.code:
            self.assertIn(done.json["error"]["code"], ("guard.lost", "run.lease_lost"))


class StoreAway(SharedGuardTest):
    def test_what_reads_goes_on_for_the_time_of_the_lease(self):
        process = self.start(self.folder("a", "connections: 1, rows_per_second: 2000"), "a")
        self.wait_until(lambda: self.shop(READING) == "1", "one that reads")
        before = self.progress()
        self.store.stop()
        time.sleep(3)
        self.assertGreater(sum(self.progress().values()), sum(before.values()))
        self.store.start()
        done = finish(process)
        self.assertEqual(0, done.code, done.err)
        self.assertEqual(ROWS, sum(stream["rows_loaded"] for stream in done.json["streams"]))


if __name__ == "__main__":
    unittest.main()
