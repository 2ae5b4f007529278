#!/usr/bin/env python3
"""What `tidemark serve` finds of its jobs that a person should know of: told, told again after a start, and over.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import signal
import subprocess
import threading
import unittest

from support.project import PROJECT_YAML
from support.served import READ, Served
from support.temporary_postgres import TemporaryPostgres

BROKEN = READ.replace("NAME", "a").replace("\nto:", "\nrules: {small: nothing < 10}\nto:")


class AlertRules(Served):
    def serve(self, *options):
        """Its lines are in `self.lines` as they come."""
        self.served = self.project.start("serve", *options, stderr=subprocess.STDOUT)
        self.lines = []
        self.reader = threading.Thread(target=self.read, args=(self.served.stdout,))
        self.reader.start()

    def read(self, stream):
        for line in stream:
            self.lines.append(line.decode())

    def stop(self, how=signal.SIGTERM):
        if self.served is None:
            return
        self.served.send_signal(how)
        self.served.wait(timeout=60)
        self.reader.join()
        self.served.stdout.close()
        self.served = None

    def told(self, words):
        return [line for line in self.lines if words in line]

    def wait_for_line(self, words):
        return self.wait_for(lambda: self.told(words))[0]

    def test_a_job_that_fails_is_told_and_over_when_it_ends_well(self):
        self.job("a")
        self.project.job("a", BROKEN + "every: 1s\n")
        self.serve()
        told = self.wait_for_line("alert run_failed of job:a")
        self.assertIn("tidemark show", told)
        self.job("a")
        self.wait_for_line("alert run_failed of job:a is over")
        self.stop()
        self.assertEqual(2, len(self.told("alert run_failed")), "once each")

    def test_what_failed_before_a_start_is_told_after_it(self):
        self.job("a")
        self.project.job("a", BROKEN + "every: 7d\n")
        self.project.call("run", "a")
        self.serve()
        self.wait_for_line("alert run_failed of job:a")
        self.stop(signal.SIGKILL)
        self.serve()
        self.wait_for_line("alert run_failed of job:a")
        self.job("a", "every: 7d\n")
        self.wait_for_line("the files were changed")
        self.assertEqual(0, self.project.call("run", "a").code)
        self.wait_for_line("alert run_failed of job:a is over")
        self.stop()

    def test_what_a_plan_said_is_known_after_a_start(self):
        """By the time of the data, not of the run; and which columns came."""
        server = self.enterContext(TemporaryPostgres())
        server.sql("create table items (id integer primary key, changed_at timestamptz not null)")
        server.sql("insert into items values (1, now()), (2, now())")
        self.project.write("tidemark.yaml", PROJECT_YAML.replace("sqlite: shop.db",
                           f"postgres: 'host=127.0.0.1 port={server.port} dbname=postgres user=postgres'"))
        self.project.job("items", "from: {connection: shop, table: items, watermark: changed_at}\n"
                                  "to: {connection: warehouse, table: items, key: id}\n"
                                  "every: 7d\nslo: {freshness: 2s}\n")
        self.assertEqual(0, self.project.call("run", "items").code)
        server.sql("alter table items add column note text")
        server.sql("insert into items values (3, now(), 'x')")
        self.assertEqual(0, self.project.call("run", "items").code)
        self.serve()
        self.assertIn("has loaded nothing that is newer than", self.wait_for_line("alert data_stale of job:items"))
        self.assertIn("column `note` (VARCHAR) is new", self.wait_for_line("alert schema_drift of job:items"))
        self.stop()

    def test_data_that_is_older_than_was_promised_is_told(self):
        self.job("a", "every: 7d\nslo: {freshness: 2s}\n")
        self.assertEqual(0, self.project.call("run", "a").code)
        self.serve()
        self.wait_for_line("alert data_stale of job:a: a ended well last at")
        self.stop()


if __name__ == "__main__":
    unittest.main()
