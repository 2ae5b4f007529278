#!/usr/bin/env python3
"""`tidemark status`: what goes on, from the store alone and with what a service knows beside.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time
import unittest

from support.json_schema import faults
from support.project import BINARY, PROJECT_YAML, ROOT, finish, program_environment
from support.served import READ, Served

SCHEMA = json.loads((ROOT / "docs/reference/schemas/status.json").read_text(encoding="utf-8"))
ENDLESS = """\
from:
  connection: shop
  query: with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000000000) select i from n
to: {connection: warehouse, table: NAME, load: full}
"""
BROKEN = READ.replace("to:", "rules: {there: nothing > 1}\nto:")


class Status(Served):
    def setUp(self):
        super().setUp()
        self.project.write("shop.db", "")

    def status(self):
        done = self.project.call("status", "--json")
        self.assertEqual(0, done.code, done.err)
        self.assertEqual([], faults(done.json, SCHEMA))
        return done.json

    def page(self):
        done = self.project.call("status")
        self.assertEqual((0, ""), (done.code, done.err))
        return done.out

    def wait_for_status(self, what):
        deadline = time.monotonic() + 60
        while not (found := what(self.status())):
            self.assertLess(time.monotonic(), deadline, f"it did not come to that: {self.status()}")
            time.sleep(0.2)
        return found

    def endless(self, name, schedule=""):
        self.project.job(name, ENDLESS.replace("NAME", name) + schedule)

    def serve_and_wait(self):
        self.serve()
        self.wait_for(lambda: (self.project.dir / ".tidemark/sock").exists())

    def test_a_project_that_never_ran_has_nothing_to_show(self):
        self.job("a")
        found = self.status()
        self.assertEqual(([], [], [], None), (found["servers"], found["running"], found["failed"], found["delay"]))
        self.assertIn("server  none", self.page())
        self.assertFalse((self.project.dir / ".tidemark/store.db").exists(), "looking makes no store")

    def test_a_failure_is_shown_until_a_run_ends_well(self):
        self.project.write("data/a-1.csv", "id\n1\n")
        self.project.job("a", BROKEN.replace("NAME", "a"))
        self.assertEqual(2, self.project.run("a")[0].code)
        [failed] = self.status()["failed"]
        self.assertEqual(("a", "failed"), (failed["job"], failed["state"]))
        self.assertIn("nothing", failed["message"])
        self.assertIn(failed["run_id"], self.page())
        self.project.job("a", READ.replace("NAME", "a"))
        self.assertEqual(0, self.project.run("a")[0].code)
        self.assertEqual([], self.status()["failed"])

    def test_a_run_whose_process_is_gone_is_stuck(self):
        self.endless("numbers")
        run = self.project.start("run", "numbers", "--quiet")
        [running] = self.wait_for_status(lambda found: found["running"])
        self.assertIsNone(running["stuck"])
        self.assertLess(running["heartbeat_ms"], 30_000)
        run.send_signal(signal.SIGKILL)
        finish(run)
        [left] = self.status()["running"]
        self.assertEqual(running["run_id"], left["run_id"])
        self.assertIn("is gone", left["stuck"])

    def test_a_service_tells_how_far_runs_are_what_waits_and_what_is_next(self):
        self.project.write("tidemark.yaml", PROJECT_YAML + "workers: 1\n")
        self.endless("numbers", "every: 1s\n")
        self.serve_and_wait()
        [running] = self.wait_for_status(lambda found: [run for run in found["running"] if run["rows"] > 0])
        self.assertEqual(("numbers", "extract", None), (running["job"], running["step"], running["stuck"]))
        self.job("a", "every: 1s\n")
        waiting = self.wait_for_status(lambda found: found["waiting"])
        self.assertEqual("a", waiting[0]["job"])
        found = self.status()
        self.assertEqual((1, 1), (found["fires"]["running"], found["fires"]["waiting"]))
        self.assertEqual(1, len(found["servers"]))
        self.assertEqual({"a", "numbers"}, {fire["job"] for fire in found["next"]})
        self.assertGreaterEqual(found["delay"]["fires"], 1)
        self.assertLess(found["delay"]["p50_ms"], 10_000)
        page = self.page()
        for words in ("1 running, 1 waiting", "running\n", "waiting\n", "for its turn", "next\n", running["run_id"]):
            self.assertIn(words, page)

    def test_what_is_tried_again_and_a_connection_at_rest(self):
        with socket.socket() as closed:  # bound and not listening: nobody answers there
            closed.bind(("127.0.0.1", 0))
            self.project.write("tidemark.yaml", PROJECT_YAML + "  away: {postgres: host=127.0.0.1 port="
                               f"{closed.getsockname()[1]} dbname=none user=nobody}}\n")
            for name in ("a", "b"):
                self.project.job(name, "from: {connection: away, table: t}\nto: {connection: warehouse, table: "
                                 f"{name}, load: full}}\nevery: 1s\nretries: {{attempts: 9, pause: 10ms}}\n")
            self.serve_and_wait()
            [rest] = self.wait_for_status(lambda found: found["resting"])
            self.assertEqual("away", rest["connection"])
            retries = self.wait_for_status(lambda found: [one for one in found["to_retry"] if "rest" in one["reason"]])
            self.assertIsNotNone(retries[0]["next_at"])
            self.assertEqual({"a", "b"}, {one["job"] for one in self.status()["failed"]})
            # A new fire may have come in the place of what is tried again.
            words = ("connections at rest\n", "waiting for their next attempt\n")
            deadline = time.monotonic() + 30
            while not all(word in (page := self.page()) for word in words):
                self.assertLess(time.monotonic(), deadline, page)
                time.sleep(0.2)

    def test_who_waits_for_whom_is_told_also_where_nothing_was_taken_yet(self):
        self.project.write("tidemark.yaml", PROJECT_YAML + "workers: 2\n")
        self.endless("numbers", "every: 1s\n")
        self.job("a", "every: 1s\n")
        self.job("window", "every: 2s\nafter: {all: [numbers], wait: 60s}\n")
        self.job("behind", "after: [numbers, a]\n")
        self.job("any", "after: {any: [a]}\n")
        self.serve_and_wait()
        [waits] = self.wait_for_status(lambda found: [one for one in found["waiting"] if one["reason"]])
        self.assertEqual("window", waits["job"])
        [behind] = self.wait_for_status(lambda found: [one for one in found["followers"] if one["job"] == "behind"])
        self.assertRegex(behind["awaited"], r"^numbers of \S+, which runs$")
        page = self.page()
        self.assertRegex(page, r"window +\S+ +waits for numbers of ")
        self.assertRegex(page, r"\nafter others\n[^\n]+\n[^\n]+\n(any.*\n)?behind +numbers of \S+, which runs\n")

    def test_what_failed_is_counted_without_jobs_that_are_gone(self):
        self.project.write("data/a-1.csv", "id\n1\n")
        for name in ("a", "gone"):
            self.project.job(name, BROKEN.replace("NAME-", "a-").replace("NAME", name))
            self.assertEqual(2, self.project.run(name)[0].code)
        self.assertEqual(2, self.status()["failed_total"])
        (self.project.dir / "jobs/gone.yaml").unlink()
        self.assertEqual(["a"], [one["job"] for one in self.status()["failed"]])

    def test_a_page_fits_the_terminal(self):
        self.endless("numbers_of_a_job_with_a_name_that_takes_its_room")
        run = self.project.start("run", "numbers_of_a_job_with_a_name_that_takes_its_room", "--quiet")
        self.wait_for_status(lambda found: found["running"])
        run.send_signal(signal.SIGKILL)
        finish(run)
        for columns, whole in ((80, False), (200, True)):
            with self.subTest(columns=columns):
                process, terminal = self.watch(40, columns)
                lines = self.drawn(terminal, 2).split("\x1b[J")[0].replace("\x1b[K", "").split("\r\n")
                process.send_signal(signal.SIGINT)
                process.wait(30)
                self.assertLess(max(len(line.rstrip("\r").split("\x1b[H")[-1]) for line in lines), columns)
                below = [line for line in lines if line.startswith("    stuck?: ")]
                self.assertEqual(0 if whole else 1, len(below), lines)
                self.assertIn("is gone", "\n".join(lines))

    def watch(self, lines, columns=100):
        """`status --watch` on a terminal: the process, and our end of the terminal."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
        process = subprocess.Popen([str(BINARY), "status", "--watch"], cwd=self.project.dir, stdin=subprocess.DEVNULL,
                                   stdout=theirs, stderr=subprocess.PIPE,
                                   env={**program_environment(), "TERM": "xterm"})
        os.close(theirs)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process, ours

    def drawn(self, terminal, pages):
        text, deadline = "", time.monotonic() + 60
        while text.count("\x1b[J") < pages:
            self.assertLess(time.monotonic(), deadline, repr(text))
            if select.select([terminal], [], [], 0.1)[0]:
                text += os.read(terminal, 65536).decode()
        return text

    def test_on_a_terminal_it_is_drawn_over_until_ctrl_c(self):
        self.job("a")
        for served in (False, True):
            if served:
                self.serve_and_wait()
            with self.subTest(served=served):
                process, terminal = self.watch(6)
                text = self.drawn(terminal, 3)
                self.assertEqual(1, text.count("\x1b[2J"), "the screen is emptied once")
                pages = text.split("\x1b[H")[1:]
                self.assertGreaterEqual(len(pages), 3)
                self.assertTrue(all(page.count("\n") <= 5 for page in pages), "no page is longer than the terminal")
                self.assertNotEqual(pages[0].split("\r\n")[0], pages[2].split("\r\n")[0], "the time goes on")
                self.assertIn("server  process" if served else "server  none", text)
                process.send_signal(signal.SIGINT)
                self.assertEqual(0, process.wait(30))

    def test_not_on_a_terminal_it_is_one_page(self):
        done = self.project.call("status", "--watch", timeout=30)
        self.assertEqual(0, done.code, done.err)
        self.assertEqual(1, done.out.count("server  "))
        self.assertNotIn("\x1b", done.out)


if __name__ == "__main__":
    unittest.main()
