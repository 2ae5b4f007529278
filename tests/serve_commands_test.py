#!/usr/bin/env python3
"""While `tidemark serve` owns a project, commands go to it: the same words and exit codes as without it.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import json
import re
import shutil
import signal
import socket
import stat
import time
import unittest

from support.project import finish
from support.served import Served

LONG = "select count(*) from range(100000000000) a(i) where hash(i) = 1"


def without_what_differs(text):
    """Ids, times and how long things took are another each time."""
    text = re.sub(r"\b(?=[a-z]*[0-9])[0-9a-z]{16}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][0-9:.]+Z?", "TIME", text)
    text = re.sub(r'("(duration|cpu)_ms": )\d+', r"\1N", text)
    text = re.sub(r"[0-9.]+ (ms|s)\b", "N s", text)
    # Columns are as wide as what stands in them.
    return re.sub(r"  +", "  ", re.sub(r"-{3,}", "---", text))


class Commands(Served):
    def served_with(self, *jobs):
        for job in jobs:
            self.job(job, "")
        self.serve()
        self.wait_for(lambda: (self.project.dir / ".tidemark/sock").exists())

    def test_they_answer_as_they_do_without_a_service(self):
        self.job("a", "")
        self.job("left_alone", "")
        for job, bad in (("a", ""), ("broken", "rules: {there: nothing > 1}\n")):
            self.project.job(job, f'from: {{connection: landing, files: "{job}-*.csv"}}\n{bad}'
                                  f"to: {{connection: warehouse, table: {job}, load: append}}\n")
        self.project.write("data/broken-1.csv", "id\n1\n")
        asked = [["run", "a"], ["run", "a", "--json"], ["run", "broken"], ["run", "nobody"], ["run"],
                 ["runs"], ["runs", "a", "--json"], ["show", "no-such-run"], ["plan", "left_alone"],
                 ["plan", "left_alone", "--json"], ["query", "warehouse", "select * from a order by id"],
                 ["query", "warehouse", "select wrong from a", "--json"], ["quarantine", "a"],
                 ["stage", "list", "a"], ["stage", "verify"], ["connection", "show", "--json"],
                 ["replay", "no-such-run"], ["verify", "a"], ["validate"], ["schedule"]]
        alone = [self.project.call(*one) for one in asked]
        (self.project.dir / "warehouse.duckdb").unlink()
        shutil.rmtree(self.project.dir / ".tidemark")
        self.serve()
        self.wait_for(lambda: (self.project.dir / ".tidemark/sock").exists())
        for one, before in zip(asked, alone, strict=True):
            now = self.project.call(*one)
            with self.subTest(" ".join(one)):
                self.assertEqual(before.code, now.code, now.err)
                self.assertEqual(without_what_differs(before.out), without_what_differs(now.out))
                self.assertEqual(without_what_differs(before.err), without_what_differs(now.err))
        self.assertIsNone(self.served.poll())

    def test_a_row_that_a_served_run_loads_can_be_asked_for(self):
        self.job("a")
        self.serve()
        self.wait_for(lambda: self.done("a") >= 1)
        for _ in range(5):
            answer = self.project.call("query", "warehouse", "select count(*) from a", "--json")
            self.assertEqual([["2"]], [[str(value) for value in row] for row in answer.json["rows"]], answer.err)

    def test_who_looks_first_leaves_the_warehouse_to_be_written(self):
        self.served_with("a")
        self.assertEqual(0, self.project.call("plan", "a").code)
        self.assertEqual(0, self.project.call("query", "warehouse", "select 1").code)
        self.assertEqual(0, self.project.run("a")[0].code)
        self.stop()
        self.assertEqual(2, self.project.count("a"))
        self.serve()
        self.wait_for(lambda: (self.project.dir / ".tidemark/sock").exists())
        self.assertEqual(0, self.project.call("query", "warehouse", "select * from a").code)
        self.project.write("data/a-2.csv", "id\n3\n")
        done, document = self.project.run("a")
        self.assertEqual((0, "success"), (done.code, document["status"]), done.err)
        self.stop()
        self.assertEqual(3, self.project.count("a"))

    def test_a_run_by_hand_waits_for_nothing_but_its_own_job(self):
        self.served_with("a", "b")
        for job in ("a", "b"):
            done, document = self.project.run(job)
            self.assertEqual((0, "success"), (done.code, document["status"]), done.err)
        self.stop()
        self.assertEqual(2, self.project.count("a"))

    def asking_for_long(self):
        """A command that goes on in the service."""
        self.served_with("a")
        asking = self.project.start("query", "warehouse", LONG)
        time.sleep(1)
        return asking

    def test_an_interrupted_command_is_cancelled_in_the_service(self):
        asking = self.asking_for_long()
        asking.send_signal(signal.SIGINT)
        done = finish(asking, 30)
        self.assertEqual(130, done.code, done.err)

    def test_a_command_whose_caller_is_gone_is_cancelled(self):
        asking = self.asking_for_long()
        asking.kill()
        finish(asking)
        began = time.monotonic()
        self.stop()
        self.assertLess(time.monotonic() - began, 20, "it drained for a command that nobody waits for")

    def test_a_service_that_is_killed_leaves_no_command_hanging_and_no_socket_in_the_way(self):
        asking = self.asking_for_long()
        self.stop(signal.SIGKILL)
        done = finish(asking, 30)
        self.assertEqual(1, done.code)
        self.assertIn("the service that owns this project ended", done.err)
        self.assertTrue((self.project.dir / ".tidemark/sock").exists())
        done, document = self.project.run("a")
        self.assertEqual((0, "success"), (done.code, document["status"]), done.err)

    def test_only_its_user_may_ask_and_nonsense_is_no_request(self):
        self.served_with("a")
        path = self.project.dir / ".tidemark/sock"
        self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
        for nonsense in (b"", b"\xff" * 100, b"r\x04\0\0\0null", b"r\x02\0\0\0{}"):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(path))
                caller.sendall(nonsense)
                caller.shutdown(socket.SHUT_WR)
                caller.settimeout(20)
                caller.recv(1000)
        self.assertEqual(0, self.project.call("runs").code)

    def test_another_version_is_told(self):
        self.served_with("a")
        request = json.dumps({"version": "0.0", "arguments": ["tidemark", "runs"], "folder": "/",
                              "live": False}).encode()
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(self.project.dir / ".tidemark/sock"))
            caller.sendall(b"r" + len(request).to_bytes(4, "little") + request)
            caller.settimeout(20)
            answer = b""
            while not answer.endswith(b"x\x01\0\0\x001"):
                more = caller.recv(1000)
                self.assertTrue(more, answer)
                answer += more
        self.assertIn(b"and this is 0.0", answer)

    def test_a_caller_that_does_not_read_holds_nobody(self):
        self.job("a", "")
        self.serve("--drain", "1s")
        path = self.project.dir / ".tidemark/sock"
        self.wait_for(path.exists)
        version = self.project.call("version", "--json").json["tidemark"]
        sql = "select repeat('x', 1000) from range(100000)"
        request = json.dumps({"version": version, "arguments": ["tidemark", "query", "warehouse", sql],
                              "folder": str(self.project.dir), "live": False}).encode()
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))
            caller.sendall(b"r" + len(request).to_bytes(4, "little") + request)
            caller.settimeout(30)
            self.assertTrue(caller.recv(1))
            began = time.monotonic()
            self.stop()
            self.assertLess(time.monotonic() - began, 20)

    def test_new_settings_wait_for_files_without_faults(self):
        self.job("a")
        self.serve()
        self.wait_for(lambda: self.done("a") >= 1)
        bad = self.project.job("bad", 'from: {connection: landing, files: "a-*.csv"}\nrules: {r: "id >"}\n'
                                      "to: {connection: warehouse, table: bad, load: append}\n")
        time.sleep(1.5)
        settings = self.project.dir / "tidemark.yaml"
        settings.write_text(settings.read_text() + "workers: 2\n")
        time.sleep(3)
        self.assertIsNone(self.served.poll(), "it ended for a fault in a file")
        bad.unlink()
        before = self.done("a")
        self.wait_for(lambda: self.done("a") > before)
        self.stop()

    def test_changed_settings_are_taken_up(self):
        self.served_with("a")
        settings = self.project.dir / "tidemark.yaml"
        settings.write_text(settings.read_text() + "  later: {files: later}\n")
        self.project.write("later/x.csv", "id\n7\n")
        self.project.job("x", 'from: {connection: later, files: "x.csv"}\n'
                              "to: {connection: warehouse, table: x, load: append}\nevery: 1s\n")
        self.wait_for(lambda: self.done("x") >= 1)
        told = self.stop()
        self.assertEqual(1, self.project.count("x"))
        self.assertTrue(told)


if __name__ == "__main__":
    unittest.main()
