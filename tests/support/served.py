"""A project that is served: `tidemark serve` in the background, and what it did."""

import contextlib
import json
import signal
import sqlite3
import time
import unittest

from support.project import Project

READ = 'from: {connection: landing, files: "NAME-*.csv"}\nto: {connection: warehouse, table: NAME, load: append}\n'


class Served(unittest.TestCase):
    def setUp(self):
        self.project = self.enterContext(Project())
        self.served = None
        self.addCleanup(self.stop)

    def job(self, name, schedule="every: 1s\n"):
        self.project.write(f"data/{name}-1.csv", "id\n1\n2\n")
        self.project.job(name, READ.replace("NAME", name) + schedule)

    def serve(self, *options):
        self.served = self.project.start("serve", "--json", *options)
        return self.served

    def stop(self, how=signal.SIGTERM):
        """What it printed, as documents."""
        if self.served is None:
            return []
        with contextlib.suppress(ProcessLookupError):
            self.served.send_signal(how)
        out, err = self.served.communicate(timeout=60)
        code, self.served = self.served.returncode, None
        if how != signal.SIGKILL:
            self.assertEqual(0, code, err)
        return [json.loads(line) for line in out.decode().splitlines() if line.endswith("}")]

    def fires(self, job):
        """[(time, state, attempts, run)], oldest first."""
        with contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db")) as store:
            return store.execute("select fire_time, state, attempts, run_id from etl_fires join etl_jobs using (job_id) "
                                 "where name = ? order by fire_time", (job,)).fetchall()

    def wait_for(self, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not (found := what()):
            self.assertLess(time.monotonic(), deadline, "it did not come to that")
            self.assertIsNone(self.served.poll(), "the service ended")
            time.sleep(0.1)
        return found

    def done(self, job):
        path = self.project.dir / ".tidemark/store.db"
        if not path.exists():
            return 0
        with contextlib.suppress(sqlite3.OperationalError):
            return sum(state == "done" for _, state, _, _ in self.fires(job))
        return 0
