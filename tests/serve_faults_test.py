#!/usr/bin/env python3
"""`tidemark serve` where its store is full or takes no writes, and where files are gone that jobs need.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import datetime
import time
import unittest

import servers_test
from support.io_faults import io_faults, is_built
from support.project import PROJECT_YAML
from support.served import Served
from support.temporary_postgres import TemporaryPostgres


class InAFile(Served):
    @unittest.skipUnless(is_built(), "the library that breaks calls is built with the tests only")
    def test_a_full_disk_under_the_store_ends_nothing_and_loses_no_time(self):
        self.job("a", "every: 1s\nmissed: all\noverlap: queue\n")
        self.serve()
        self.wait_for(lambda: self.done("a") >= 2)
        self.stop()
        self.served = self.project.start("serve", env=io_faults("store.db", ["write", "truncate"], nth=40, do="ENOSPC",
                                                                then="ENOSPC"))
        time.sleep(8)
        self.assertIsNone(self.served.poll(), "it ended")
        self.served.kill()
        _, told = self.served.communicate(timeout=60)
        self.served = None
        self.assertIn("the store does not answer, so nothing begins until it does", told.decode())
        self.assertIn("free space on", told.decode())
        self.serve()
        before = self.done("a")
        self.wait_for(lambda: self.done("a") >= before + 10)
        self.stop()
        fires = self.fires("a")
        seconds = [int(datetime.datetime.fromisoformat(fire).timestamp()) for fire, *_ in fires]
        self.assertEqual(list(range(seconds[0], seconds[-1] + 1)), seconds, "none is missing, none is twice")
        self.assertEqual({"done"}, {state for _, state, _, _ in fires[:-1]})
        self.assertEqual(2, self.project.count("a"))

    def test_a_calendars_file_that_is_gone_leaves_all_as_it_was(self):
        days = self.project.write("holidays.csv", "2020-01-01\n")
        self.project.write("tidemark.yaml", PROJECT_YAML + "calendars: {here: {file: holidays.csv}}\n")
        self.job("a", "every: 1s\ncalendar: here\n")
        self.served = self.project.start("serve")
        self.wait_for(lambda: self.done("a") >= 1)
        days.unlink()
        time.sleep(2)
        before = self.done("a")
        self.wait_for(lambda: self.done("a") >= before + 2)
        today = datetime.datetime.now(datetime.UTC).date()
        days.write_text("".join(f"{today + datetime.timedelta(days=more)}\n" for more in (-1, 0, 1)))
        time.sleep(3)
        off = len(self.fires("a"))
        time.sleep(2)
        self.assertEqual(off, len(self.fires("a")), "it is there again, and is taken up")
        self.served.terminate()
        _, told = self.served.communicate(timeout=60)
        self.served = None
        self.assertIn("the project's files have faults; all stays as it was", told.decode())
        days.unlink()
        done = self.project.call("serve")
        self.assertEqual(2, done.code)
        self.assertIn("holidays.csv", done.err)


class InPostgres(servers_test.Servers):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store = cls.enterClassContext(TemporaryPostgres())

    def takes_no_writes(self, on):
        more = "default_transaction_read_only = on\n" if on else ""
        (self.store.data / "postgresql.auto.conf").write_text(more)
        self.store.sql("select pg_reload_conf()")

    def test_a_store_that_takes_no_writes_is_waited_for(self):
        self.job("a", "every: 2s\noverlap: queue\nmissed: all\n")
        servers = [servers_test.Server(self, name).start() for name in ("one", "other")]
        self.wait_for(lambda: len(self.done("a")) >= 2)
        with self.written():
            self.takes_no_writes(True)
            time.sleep(9)
            for server in servers:
                self.assertIsNone(server.process.poll(), "it ended")
            self.takes_no_writes(False)
            back = time.time()
            self.wait_for(lambda: [at for at in self.done("a") if at > back], 90)
        last = time.time()
        self.wait_for(lambda: [at for at in self.done("a") if at > last], 90)
        for server in servers:
            code, err = server.kill(servers_test.signal.SIGTERM)
            self.assertEqual(0, code, err)
        times = [round(at) for at, state in self.fires("a") if state in ("done", "waiting")]
        self.assertEqual(list(range(times[0], times[-1] + 2, 2)), times)
        self.assert_all_there_once("a")


if __name__ == "__main__":
    unittest.main()
