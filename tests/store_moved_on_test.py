#!/usr/bin/env python3
"""A store in PostgreSQL is moved on to a later version while a server of before serves.

The program is $TIDEMARK_BINARY, default build/dev/tidemark, with failpoints: by TIDEMARK_STORE_STEP it is its own later
version, which has one step more.
"""

import signal
import time
import unittest

from servers_test import Server, Servers

STEP = """ALTER TABLE etl_fires ADD COLUMN later TEXT NOT NULL DEFAULT '';
          ALTER TABLE etl_runs ADD COLUMN later INTEGER NOT NULL DEFAULT 0;
          CREATE TABLE etl_later (x INTEGER) STRICT"""


class MovedOn(Servers):
    def serve_before(self):
        self.job("a", "every: 1s\noverlap: queue\nmissed: all\n")
        before = Server(self, "before").start()
        self.wait_for(lambda: len(self.done("a")) >= 2)
        self.version = int(self.ask_store("select max(version) from tidemark.tidemark_schema"))
        return before

    def later(self, compatible_from):
        server = Server(self, "later")
        server.env["TIDEMARK_STORE_STEP"] = f"{compatible_from} {STEP}"
        return server.start()

    def moved_on(self):
        return self.ask_store("select max(version) from tidemark.tidemark_schema") == str(self.version + 1)

    def ran_since(self, server, count):
        had = len(server.did())
        self.wait_for(lambda: len(server.did()) >= had + count)

    def assert_each_once(self):
        last = time.time()
        self.wait_for(lambda: [at for at in self.done("a") if at > last], 60)

    def assert_none_missing(self):
        times = [round(at) for at, state in self.fires("a") if state in ("done", "waiting")]
        self.assertEqual(list(range(times[0], times[-1] + 1)), times)
        self.assert_all_there_once("a")

    def test_a_server_of_before_goes_on_beside_a_later_one_and_may_be_started_again(self):
        before = self.serve_before()
        with self.written():
            later = self.later(self.version)
            self.wait_for(self.moved_on)
            self.ran_since(before, 3)
            self.ran_since(later, 3)
            code, err = before.kill(signal.SIGTERM)
            self.assertEqual(0, code, err)
            before.start()
            self.ran_since(before, 3)
        self.assert_each_once()
        for server in (before, later):
            code, err = server.kill(signal.SIGTERM)
            self.assertEqual(0, code, err)
        self.assert_none_missing()

    def test_one_that_must_not_go_on_writes_no_more_and_says_so(self):
        before = self.serve_before()
        with self.written():
            later = self.later(self.version + 1)
            self.wait_for(self.moved_on)
            before.process.wait(timeout=30)
            at_its_end = len(before.did())
            self.ran_since(later, 3)
        code, err = before.kill()
        self.assertEqual(2, code, err)
        self.assertIn(f"has schema version {self.version + 1}", err)
        self.assertIn("use that one", err)
        code, err = before.start().kill(signal.SIGCONT)
        self.assertEqual(2, code, err)
        self.assertEqual(at_its_end, len(before.did()))
        self.assert_each_once()
        code, err = later.kill(signal.SIGTERM)
        self.assertEqual(0, code, err)
        self.assert_none_missing()


if __name__ == "__main__":
    unittest.main()
