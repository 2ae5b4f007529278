#!/usr/bin/env python3
"""`tidemark serve`: every time of every job is run once, whatever happens to the process in between.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import datetime
import fcntl
import os
import signal
import time
import unittest

from support.project import PROJECT_YAML
from support.served import Served


class Serve(Served):
    def test_jobs_run_at_their_times_and_load_what_is_new(self):
        self.job("a")
        self.job("b", "every: 2s\n")
        self.job("by_hand", "")
        self.serve()
        self.wait_for(lambda: self.done("a") >= 3 and self.done("b") >= 1)
        self.project.write("data/a-2.csv", "id\n3\n")
        before = self.done("a")
        self.wait_for(lambda: self.done("a") >= before + 3)
        told = self.stop()
        self.assertEqual(3, self.project.count("a"))
        self.assertEqual(2, self.project.count("b"))
        self.assertEqual(0, self.project.count("by_hand"))
        times = [fire for fire, *_ in self.fires("a")]
        self.assertEqual(len(times), len(set(times)))
        self.assertTrue({"running", "done"} <= {note["state"] for note in told})

    def test_killed_again_and_again_it_runs_each_time_once(self):
        self.job("a", "every: 1s\nmissed: all\noverlap: queue\n")
        for _ in range(4):
            before = self.done("a")
            self.serve()
            self.wait_for(lambda before=before: self.done("a") >= before + 2)
            self.stop(signal.SIGKILL)
            time.sleep(1.5)
        self.serve()
        before = self.done("a")
        self.wait_for(lambda: self.done("a") >= before + 3)
        self.stop()
        fires = self.fires("a")
        seconds = [int(time.mktime(time.strptime(fire[:19], "%Y-%m-%dT%H:%M:%S"))) for fire, *_ in fires]
        self.assertEqual(list(range(seconds[0], seconds[-1] + 1)), seconds, "none is missing, none is twice")
        self.assertEqual({"done"}, {state for _, state, _, _ in fires[:-1]})
        self.assertEqual(2, self.project.count("a"))

    def test_edited_paused_and_removed_jobs_are_taken_up(self):
        self.job("a", "every: 1h\n")
        self.job("gone")
        self.serve()
        self.wait_for(lambda: self.done("gone") >= 1)
        self.assertEqual(0, self.done("a"))
        self.job("a")
        (self.project.dir / "jobs/gone.yaml").unlink()
        self.wait_for(lambda: self.done("a") >= 2)
        gone = len(self.fires("gone"))
        self.job("a", "every: 1s\nenabled: false\n")
        time.sleep(2)
        paused = len(self.fires("a"))
        time.sleep(2)
        self.assertEqual((gone, paused), (len(self.fires("gone")), len(self.fires("a"))))
        self.job("a", "every: nonsense\n")
        time.sleep(1)
        self.job("a")
        self.wait_for(lambda: len(self.fires("a")) > paused)
        self.stop()

    def test_what_is_edited_while_it_begins_is_taken_up(self):
        self.job("gone")
        self.job("moved", "")
        moved = self.project.dir / "jobs/moved.yaml"
        moved.rename(self.project.dir / "moved.kept")
        self.project.run("gone")
        # It has read the project when it waits for another owner.
        with open(self.project.dir / ".tidemark/lock", "a+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.utime(self.project.dir / "jobs/gone.yaml", (1, 1))
            time.sleep(1.5)
            self.serve("--wait", "30s")
            time.sleep(1.5)
            self.job("late")
            (self.project.dir / "jobs/gone.yaml").unlink()
            self.job("moved")
            os.utime(moved, (1, 1))
        self.wait_for(lambda: self.done("late") >= 1 and self.done("moved") >= 1)
        gone = len(self.fires("gone"))
        time.sleep(3)
        self.assertEqual(gone, len(self.fires("gone")))
        self.stop()

    def test_a_job_with_times_waits_for_the_one_before_it(self):
        self.job("orders", "every: 2s\n")
        self.job("facts", "every: 2s\nafter: [orders]\n")
        self.serve()
        self.wait_for(lambda: self.done("facts") >= 2)
        self.stop()
        runs = {run["run_id"]: run for run in self.project.call("runs", "--json").json}
        orders = {fire: runs[run] for fire, state, _, run in self.fires("orders") if state == "done"}
        facts = {fire: runs[run] for fire, state, _, run in self.fires("facts") if state == "done"}
        self.assertGreaterEqual(len(facts), 2)
        for fire, run in facts.items():
            self.assertLessEqual(orders[fire]["ended_at"], run["started_at"])

    def test_an_edited_file_of_a_calendar_is_taken_up(self):
        today = datetime.datetime.now(datetime.UTC).date()
        near = [today + datetime.timedelta(days=days) for days in (-1, 0, 1)]
        self.project.write("holidays.csv", "".join(f"{day}\n" for day in near))
        self.project.write("tidemark.yaml", PROJECT_YAML + "calendars: {here: {file: holidays.csv}}\n")
        self.job("a", "every: 1s\ncalendar: here\n")
        self.job("b")
        self.serve()
        self.wait_for(lambda: self.done("b") >= 3)
        self.assertEqual([], self.fires("a"))
        self.project.write("holidays.csv", f"{near[0]}\n")
        self.wait_for(lambda: self.done("a") >= 2)
        self.stop()

    def test_a_job_that_cannot_be_run_does_not_hold_the_others(self):
        self.job("a")
        self.project.job("broken", 'from: {connection: landing, files: "broken-*.csv"}\n'
                                   "rules: {there: nothing > 1}\n"
                                   "to: {connection: warehouse, table: broken, load: append}\nevery: 1s\n")
        self.project.write("data/broken-1.csv", "id\n1\n")
        self.serve()
        self.wait_for(lambda: self.done("a") >= 3)
        self.stop()
        self.assertEqual({"failed"}, {state for _, state, _, _ in self.fires("broken")})


if __name__ == "__main__":
    unittest.main()
