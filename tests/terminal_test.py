"""What a run shows on a terminal: one line that is drawn over, with rows, rows per second and the step."""

import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from support.project import BINARY, Project, program_environment

COUNTING = """\
from:
  connection: shop
  query: with recursive n(i) as (select 1 union all select i + 1 from n where i < LAST) select i from n
to: {connection: warehouse, table: numbers, load: full}
"""
WAIT_SECONDS = 60


class TerminalTest(unittest.TestCase):
    def setUp(self):
        self.project = Project()
        self.addCleanup(self.project.__exit__)
        self.project.write("shop.db", "")

    def start(self, last):
        self.project.job("numbers", COUNTING.replace("LAST", str(last)))
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([str(BINARY), "run", "numbers"], cwd=self.project.dir, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=theirs, env=program_environment())
        os.close(theirs)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process, ours

    def read_until(self, terminal, pattern):
        text, deadline = "", time.monotonic() + WAIT_SECONDS
        while not re.search(pattern, text):
            self.assertLess(time.monotonic(), deadline, f"no {pattern!r} in {text[-500:]!r}")
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    text += os.read(terminal, 4096).decode()
                except OSError:  # the program closed it
                    break
        return text

    def test_live_counts_are_drawn_over_and_ctrl_c_ends_the_run(self):
        process, terminal = self.start(2_000_000_000)
        text = self.read_until(terminal, r"numbers  extract  [\d,]+ rows  [\d,]+ rows/s  [\d.]+ [KMG]?B")
        self.assertIn("\r\x1b[2K", text)
        self.assertNotIn("\n", text)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(WAIT_SECONDS), 130)
        self.assertIn(b"cancelled", process.stdout.read())

    def test_what_a_run_has_to_say_stays(self):
        process, terminal = self.start(10)
        text = self.read_until(terminal, r"10 good, 0 refused\r?\n")
        self.assertRegex(text, r"\x1b\[2Knumbers: 10 good, 0 refused")
        self.assertEqual(process.wait(WAIT_SECONDS), 0)


if __name__ == "__main__":
    unittest.main()
