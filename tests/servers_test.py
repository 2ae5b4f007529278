#!/usr/bin/env python3
"""Several servers serve one project over one store in PostgreSQL: each fire once and none missing, whoever dies.

The program is $TIDEMARK_BINARY, default build/dev/tidemark. $TIDEMARK_SERVERS_SECONDS: how long servers are killed,
default 60; `make soak` takes 300.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import tempfile
import threading
import time
import unittest

from support.project import Project, start
from support.temporary_postgres import TemporaryPostgres

SECONDS = int(os.environ.get("TIDEMARK_SERVERS_SECONDS", "60"))
EVERY = 2
KILL_EVERY = 10

YAML = """\
store: postgres://postgres@127.0.0.1:{store_port}/{database}
workers: {workers}
pools: {{narrow: 1}}
connections:
  shop:      {{postgres: "postgres://postgres@127.0.0.1:{port}/{database}"}}
  warehouse: {{postgres: "postgres://postgres@127.0.0.1:{port}/{database}"}}
"""
JOB = """\
from: {{connection: shop, table: source_{name}, watermark: tidemark_xid}}
to: {{connection: warehouse, table: target_{name}, load: append}}
{schedule}"""


class Server:
    """One that serves the project from a folder of its own."""

    def __init__(self, test, name, ahead=0, options=(), workers=4):
        self.test, self.name, self.options = test, name, options
        self.env = {"TIDEMARK_CLOCK_AHEAD": str(ahead)}
        self.project = Project(YAML.format(port=test.server.port, store_port=test.store.port, database=test.database,
                                           workers=workers),
                               folder=test.folder / name)
        self.process, self.lines = None, []
        for job, schedule in test.jobs.items():
            self.project.job(job, JOB.format(name=job, schedule=schedule))
        test.addCleanup(self.kill)

    def start(self):
        self.process = start(["serve", "--json", "--drain", "20s", *self.options], self.project.dir, env=self.env)
        self.reader = threading.Thread(target=self.read, args=(self.process,))
        self.reader.start()
        return self

    def read(self, process):
        for line in process.stdout:
            if line.startswith(b'{"') and line.endswith(b"}\n"):
                self.lines.append(json.loads(line))

    def kill(self, how=signal.SIGKILL):
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        code = self.process.wait(timeout=60)
        self.reader.join()
        err = self.process.stderr.read().decode(errors="replace")
        self.process.stdout.close()
        self.process.stderr.close()
        self.process = None
        return code, err

    def did(self, state="done"):
        """The fires that it took to that state, as (job, time)."""
        return [(line["job"], line["fire"]) for line in self.lines if line["state"] == state]


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres(settings=("max_connections=200",)))
        cls.store = cls.server
        cls.databases = 0

    def setUp(self):
        type(self).databases += 1
        self.database = f"servers_{self.databases}"
        for server in {self.server, self.store}:
            server.sql(f"create database {self.database}")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-servers-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.jobs = {}

    def job(self, name, schedule):
        self.jobs[name] = schedule
        self.ask(f"create table source_{name} (id bigserial primary key, tidemark_xid xid8 not null default "
                 f"pg_current_xact_id()); create index on source_{name} (tidemark_xid)")

    def ask(self, sql):
        return self.server.sql(sql, self.database)

    def ask_store(self, sql):
        return self.store.sql(sql, self.database)

    def fires(self, job, what="state"):
        """[(seconds since 1970, `what`)], oldest first; nothing before the first server has made the store."""
        if self.ask_store("select to_regclass('tidemark.etl_fires') is null") == "t":
            return []
        rows = self.ask_store(f"select extract(epoch from fire_time::timestamptz)::numeric(20, 3), {what} from "
                        f"tidemark.etl_fires f join tidemark.etl_jobs using (job_id) where name = '{job}' order by 1")
        return [(float(at), text) for at, text in (row.split("|") for row in rows.splitlines())]

    def wait_for(self, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not (found := what()):
            self.assertLess(time.monotonic(), deadline, "it did not come to that")
            time.sleep(0.2)
        return found

    def done(self, job):
        return [at for at, state in self.fires(job) if state == "done"]

    def write(self, stop):
        number = 0
        while not stop.is_set():
            number += 1
            for job in self.jobs:
                self.ask(f"insert into source_{job} default values")
            stop.wait(0.3)

    @contextlib.contextmanager
    def written(self):
        stop = threading.Event()
        writer = threading.Thread(target=self.write, args=(stop,))
        writer.start()
        try:
            yield
        finally:
            stop.set()
            writer.join()

    def assert_all_there_once(self, job):
        missing = self.ask(f"select count(*) from source_{job} left join target_{job} using (id) where "
                           f"target_{job}.id is null")
        doubled = self.ask(f"select count(*) - count(distinct id) from target_{job}")
        self.assertEqual(("0", "0"), (missing, doubled), job)


class Killed(Servers):
    def test_each_fire_is_run_once_whoever_is_killed_and_whatever_their_clocks_say(self):
        for name in ("a", "b", "c"):
            self.job(name, f"every: {EVERY}s\noverlap: queue\nmissed: all\n")
        servers = [Server(self, "one").start(), Server(self, "other", ahead=300)]
        self.wait_for(lambda: self.done("a"))
        servers[1].start()
        kills = 0
        with self.written():
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                time.sleep(min(KILL_EVERY, max(0.1, end - time.monotonic())))
                victim = servers[kills % 2]
                kills += 1
                victim.kill()
                victim.start()
        began = time.time()
        for job in self.jobs:
            self.wait_for(lambda job=job: [at for at in self.done(job) if at > began], 90)
        # All of before have ended too, and a last window has all that was written.
        self.wait_for(lambda: not self.open_before(began), 90)
        last = time.time()
        for job in self.jobs:
            self.wait_for(lambda job=job: [at for at in self.done(job) if at > last], 60)
        for server in servers:
            code, err = server.kill(signal.SIGTERM)
            self.assertEqual(0, code, err)
        counts = {}
        for job in self.jobs:
            times = [round(at) for at, state in self.fires(job) if state in ("done", "waiting")]
            self.assertEqual(list(range(times[0], times[-1] + EVERY, EVERY)), times, f"{job}: one is missing")
            self.assertGreater(len(times), SECONDS / EVERY)
            self.assertLess(times[-1], time.time() + EVERY, "by the clock that is ahead")
            self.assert_all_there_once(job)
            counts[job] = len(times)
        ran = [len(server.did()) for server in servers]
        print(f"{sum(counts.values())} fires of {len(counts)} jobs, {kills} kills; by server: {ran}", flush=True)
        self.assertGreater(min(ran), 0, "one of them did all")

    def open_before(self, at):
        return [job for job in self.jobs for fire, state in self.fires(job)
                if fire < at and state in ("waiting", "running", "retry_wait")]

    def test_one_that_hangs_has_its_fires_taken_and_does_no_harm_when_it_goes_on(self):
        self.job("a", "every: 2s\noverlap: queue\n")
        one, other = Server(self, "one").start(), Server(self, "other")
        self.wait_for(lambda: self.done("a"))
        with self.written():
            one.process.send_signal(signal.SIGSTOP)
            other.start()
            self.wait_for(lambda: len(other.did()) > 3, 120)
            one.process.send_signal(signal.SIGCONT)
            time.sleep(6)
        last = time.time()
        self.wait_for(lambda: [at for at in self.done("a") if at > last], 60)
        for server in (one, other):
            code, err = server.kill(signal.SIGTERM)
            self.assertEqual(0, code, err)
        times = [round(at) for at, state in self.fires("a") if state in ("done", "waiting")]
        self.assertEqual(list(range(times[0], times[-1] + 2, 2)), times)
        self.assert_all_there_once("a")


class StoreAway(Servers):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store = cls.enterClassContext(TemporaryPostgres())

    def test_while_the_store_is_away_runs_wait_and_no_fire_is_lost(self):
        self.job("a", "every: 2s\noverlap: queue\nmissed: all\n")
        servers = [Server(self, "one").start(), Server(self, "other").start()]
        self.wait_for(lambda: len(self.done("a")) >= 2)
        with self.written():
            self.store.stop()
            time.sleep(12)
            for server in servers:
                self.assertIsNone(server.process.poll(), "it ended")
            self.store.start()
            back = time.time()
            self.wait_for(lambda: [at for at in self.done("a") if at > back], 90)
        last = time.time()
        self.wait_for(lambda: [at for at in self.done("a") if at > last], 90)
        for server in servers:
            code, err = server.kill(signal.SIGTERM)
            self.assertEqual(0, code, err)
        times = [round(at) for at, state in self.fires("a") if state in ("done", "waiting")]
        self.assertEqual(list(range(times[0], times[-1] + 2, 2)), times)
        self.assert_all_there_once("a")


class Together(Servers):
    def test_one_takes_what_is_due_and_another_runs_it_if_it_has_the_label(self):
        self.job("a", "every: 1s\n")
        self.job("eu", "every: 1s\nlabel: eu\n")
        scheduler = Server(self, "scheduler", options=("--role", "scheduler")).start()
        self.wait_for(lambda: self.fires("a"))  # so it is the first of them
        worker = Server(self, "worker", options=("--role", "worker")).start()
        self.wait_for(lambda: len(self.done("a")) >= 3)
        self.assertEqual([], self.done("eu"))
        self.assertEqual(["waiting"], [state for _, state in self.fires("eu") if state != "skipped"])
        labelled = Server(self, "labelled", options=("--role", "worker", "--label", "eu")).start()
        self.wait_for(lambda: len(self.done("eu")) >= 2)
        found = scheduler.project.call("status", "--json").json["servers"]
        self.assertEqual([("scheduler", []), ("worker", []), ("worker", ["eu"])],
                         [(one["role"], one["labels"]) for one in found])
        self.assertIn(", worker, label eu, since", scheduler.project.call("status").out)
        self.assertEqual([], scheduler.did())
        self.assertEqual([], [job for job, _ in worker.did() if job == "eu"])
        self.assertGreater(len(labelled.did()), 1)

    def test_a_rolling_restart_loses_no_fire(self):
        self.job("a", "every: 1s\noverlap: queue\n")
        servers = [Server(self, "one").start(), Server(self, "other").start()]
        self.wait_for(lambda: len(self.done("a")) >= 2)
        for server in servers:
            code, err = server.kill(signal.SIGTERM)
            self.assertEqual(0, code, err)
            server.start()
            before = time.time()
            self.wait_for(lambda at=before: len([one for one in self.done("a") if one > at]) >= 2)
        for server in servers:
            server.kill(signal.SIGTERM)
        times = [round(at) for at, state in self.fires("a") if state in ("done", "waiting")]
        self.assertEqual(list(range(times[0], times[-1] + 1)), times)

    def test_pools_are_of_all_servers_and_a_job_runs_once_at_a_time(self):
        for name in ("a", "b"):
            self.job(name, "every: 1s\npool: narrow\n")
        for name in ("one", "other"):
            Server(self, name).start()
        self.wait_for(lambda: len(self.done("a")) >= 5 and len(self.done("b")) >= 5)
        together = self.ask("select count(*) from tidemark.etl_runs one join tidemark.etl_runs other on "
                            "one.run_id < other.run_id and one.run_start < other.run_end and "
                            "other.run_start < one.run_end")
        self.assertEqual("0", together)

    def test_a_job_follows_others_that_run_elsewhere(self):
        self.job("first", "every: 2s\nlabel: eu\n")
        self.job("then", "after: [first]\n")
        Server(self, "one", options=("--label", "eu")).start()
        Server(self, "other").start()
        self.wait_for(lambda: len(self.done("then")) >= 4)
        followed = [inputs for _, inputs in self.fires("then", "inputs")]
        self.assertEqual(len(set(followed)), len(followed), "one was followed twice")

    def test_a_store_in_a_file_is_for_one(self):
        with Project() as project:
            done = project.call("serve", "--role", "worker")
            self.assertEqual(2, done.code)
            self.assertIn("one server does all", done.err)
            self.assertIn("tidemark store migrate", done.err)


if __name__ == "__main__":
    unittest.main()
