#!/usr/bin/env python3
"""Tests the checker of run histories, support/run_events.py: sound histories pass, and every broken one is found."""

import contextlib
import pathlib
import re
import shutil
import sqlite3
import tempfile
import unittest

from support.project import Project
from support.run_events import Load, check_store, read_states

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMA = "".join(re.findall(r'R"sql\((.*?)\)sql"', (ROOT / "src/store/migrations.cc").read_text(), re.S))
STATES = read_states()
AT = "2026-01-01T00:00:00.000000Z"
LOADED = ["planned", "extracting", "staged", "checked", "loading", "committed", "done"]


class History:
    """A store with the program's own tables, filled by hand."""

    def __init__(self, path):
        self.path = path
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.executescript(SCHEMA)
        self.database.execute(
            "insert into etl_jobs values ('j', 'copy', '', '', '', '', 't', 'incremental', '', null, 1, '', ?)", [AT])

    def event(self, run, stream, before, after, message=""):
        self.database.execute(
            "insert into run_events select ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, 'plan', ?6, '' "
            "from run_events where run_id = ?1", [run, AT, stream, before, after, message])

    def run(self, run, streams, kind="run", ended=True):
        """`streams`: name -> (seq, the states it went through); a tuple among them is a take-over's (state, fence)."""
        outcome = STATES.worst([self.last(path) for _, path in streams.values()])
        status = STATES.status[outcome] if ended else "running"
        status = {"blocked": "failed", "cancelled": "failed"}.get(status, status)
        self.database.execute(
            "insert into etl_runs (run_id, job_id, run_start, run_end, status, state, kind, pid, plan_json) "
            "values (?, 'j', ?, ?, ?, ?, ?, 1, '')", [run, run, AT if ended else None, status, outcome, kind])
        self.event(run, "", None, "planned", "run begun")
        for name, (seq, path) in streams.items():
            self._stream(run, name, seq, path)
        if ended:
            self.event(run, "", None, outcome, "")

    @staticmethod
    def last(path):
        return [step for step in path if isinstance(step, str)][-1]

    def _stream(self, run, name, seq, path):
        before, version, fence = None, 0, 1
        for step in path:
            version += 1
            if isinstance(step, tuple):
                fence = step[1]
                self.event(run, name, None, None, f"taken over at {step[0]}, version {version}, fence {fence}")
            else:
                self.event(run, name, before, step, "committed" if step == "committed" else "")
                before = step
        ended = AT if STATES.is_final(before) else None
        self.database.execute(
            "insert into etl_run_streams (run_id, stream, seq, state, version, fence, rows_good, rows_loaded, "
            "started_at, ended_at) values (?, ?, ?, ?, ?, ?, 5, ?, ?, ?)",
            [run, name, seq, before, version, fence, 5 if before in ("committed", "done") else 0, AT, ended])


# A sound store: two runs of two streams each; the second was taken over while it was loading, twice.
def fill(history):
    history.run("r1", {"orders": (1, LOADED), "lines": (1, ["planned", "extracting", "skipped"])})
    history.run("r2", {"orders": (2, LOADED[:5] + [("loading", 3), "retry_wait", ("retry_wait", 4), "staged", "checked",
                                                   "loading", "commit_unknown", "committed", "done"]),
                       "lines": (1, LOADED)})
    history.run("r3", {"orders": (3, LOADED[:3])}, ended=False)
    return [Load("copy", "orders", "window", 1, "r1"), Load("copy", "orders", "window", 2, "r2"),
            Load("copy", "lines", "window", 1, "r2")]


BROKEN = {
    "a step that is left out": (
        "update run_events set state_to = 'checked' where run_id = 'r1' and number = 3", "does not allow"),
    "a step from where it was not": (
        "update run_events set state_from = 'staged' where run_id = 'r1' and number = 3", "but it was planned"),
    "a state that is none": (
        "update run_events set state_to = 'finished' where run_id = 'r1' and number = 3", "does not allow"),
    "a step that was lost": (
        "delete from run_events where run_id = 'r1' and number = 4; "
        "update run_events set number = number - 1 where run_id = 'r1' and number > 4", "but it was extracting"),
    "a number that was lost": (
        "delete from run_events where run_id = 'r1' and number = 4", "one by one"),
    "a step after the end of its stream": (
        "update run_events set stream = 'orders', state_from = 'done', state_to = 'failed' "
        "where run_id = 'r1' and number = 9", "goes from done to failed"),
    "done and never committed": (
        "update run_events set state_to = 'commit_unknown' where run_id = 'r1' and number = 7; "
        "update run_events set state_from = 'commit_unknown' where run_id = 'r1' and number = 8", "never committed"),
    "a version that does not count up": (
        "update etl_run_streams set version = 6 where run_id = 'r1' and stream = 'orders'", "has version 6"),
    "a state that no event tells": (
        "update etl_run_streams set state = 'failed' where run_id = 'r1' and stream = 'orders'", "by its events"),
    "a fence that falls": (
        "update run_events set message = replace(message, 'fence 4', 'fence 2') where run_id = 'r2'",
        "with fence 2, but it had 3"),
    "a fence that no event tells": (
        "update etl_run_streams set fence = 9 where run_id = 'r2' and stream = 'orders'", "has fence 9"),
    "taken over at another state": (
        "update run_events set message = replace(message, 'at loading', 'at staged') where run_id = 'r2'",
        "taken over at staged, but it was loading"),
    "taken over at another version": (
        "update run_events set message = replace(message, 'version 6', 'version 5') where run_id = 'r2'",
        "taken over at version 5"),
    "an end that is better than its streams": (
        "update run_events set state_to = 'skipped' where run_id = 'r1' and number = 12", "ended as skipped"),
    "an end that is no end": (
        "update run_events set state_to = 'loading' where run_id = 'r1' and number = 12", "a run ends as loading"),
    "an end before its streams": (
        "insert into run_events values ('r3', 5, '', '', null, 'done', '', '', ''); "
        f"update etl_runs set run_end = '{AT}', status = 'success', state = 'done' where run_id = 'r3'",
        "it has ended, and orders is staged"),
    "an event after the end": (
        "insert into run_events values ('r1', 13, '', 'orders', null, null, '', 'a note', '')", "after the run's end"),
    "an end without an event": (
        "delete from run_events where run_id = 'r1' and number = 12", "no event says so"),
    "a success that was none": (
        "update etl_runs set status = 'failed' where run_id = 'r1'", "its status is failed"),
    "an open run that is called ended": (
        "update etl_runs set status = 'success' where run_id = 'r3'", "an open run has status"),
    "an open run in a better state than its streams": (
        "update etl_runs set state = 'loading' where run_id = 'r3'", "the worst of its streams staged"),
    "a stream without a history": (
        "insert into etl_run_streams (run_id, stream, seq, state, version, fence, started_at) "
        "values ('r3', 'more', 1, 'planned', 1, 1, '')", "more has no event"),
    "rows that were lost on the way": (
        "update etl_run_streams set rows_loaded = 4 where run_id = 'r1' and stream = 'orders'",
        "loaded 4 of 5 good rows"),
    "two runs that load one window": (
        "update etl_run_streams set seq = 1 where run_id = 'r2' and stream = 'orders'", "both loaded window 1"),
    "a lease that outlives its run": (
        "insert into etl_leases (job_id, token, run_id, holder, expires_at) values ('j', 1, 'r1', 'me', '2026-01-01')", "still holds the lease"),
}


class RunEvents(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.history = History(pathlib.Path(folder.name) / "store.db")
        self.addCleanup(self.history.database.close)
        self.loads = fill(self.history)

    def faults(self, loads=None):
        return check_store(self.history.path, STATES, self.loads if loads is None else loads)

    def found(self, faults, words):
        self.assertTrue([fault for fault in faults if words in fault], f"`{words}` is in none of {faults}")

    def test_a_sound_history_passes(self):
        self.assertEqual(self.faults(), [])
        self.assertEqual(check_store(self.history.path, STATES, None), [])

    def test_every_broken_history_is_found(self):
        for name, (sql, words) in BROKEN.items():
            with self.subTest(name):
                broken = self.history.path.with_name("broken.db")
                shutil.copy(self.history.path, broken)
                with contextlib.closing(sqlite3.connect(broken)) as database:
                    database.executescript(sql)
                self.found(check_store(broken, STATES, self.loads), words)

    def test_a_commit_that_the_ledger_does_not_have(self):
        self.found(self.faults(self.loads[1:]), "the ledger has no load of it as window 1")

    def test_a_commit_of_another_run_is_not_its_own(self):
        others = [Load("copy", "orders", "window", 1, "r2"), *self.loads[1:]]
        self.found(self.faults(others), "run r1: orders is committed, and the ledger has no load")
        self.history.database.execute("update run_events set message = 'found in the ledger' "
                                      "where run_id = 'r1' and state_to = 'committed'")
        self.assertEqual([fault for fault in self.faults(others) if fault.startswith("run r1")], [])

    def test_a_load_whose_run_says_it_failed(self):
        self.history.run("r4", {"orders": (3, LOADED[:5] + ["failed"])})
        self.assertEqual(self.faults(), [])
        self.found(self.faults([*self.loads, Load("copy", "orders", "window", 3, "r4")]), "it ended as failed")

    def test_a_load_of_a_run_that_nobody_knows(self):
        self.found(self.faults([*self.loads, Load("copy", "orders", "window", 3, "r9")]), "does not know")

    def test_a_replay_may_load_a_window_again(self):
        self.history.run("r5", {"orders": (1, ["planned", "staged", *LOADED[3:]])}, kind="replay")
        self.assertEqual(self.faults([*self.loads, Load("copy", "orders", "replay", 1, "r5")]), [])

    def test_what_the_program_writes_passes(self):
        with Project() as project:
            project.job("orders", 'from: {connection: landing, files: "*.csv"}\n'
                                  "to: {connection: warehouse, table: orders, load: append}\n")
            project.write("data/a.csv", "id,name\n1,one\n")
            self.assertEqual(project.run("orders")[0].code, 0)
            self.assertEqual(project.run("orders")[0].code, 0)  # nothing new
            project.write("data/b.csv", "id,other\n1,one\n")
            self.assertEqual(project.run("orders")[0].code, 1)
            rows = project.rows("select job, stream, kind, seq, run_id from tidemark_loads")
            loads = [Load(job, stream, kind, int(seq), run) for job, stream, kind, seq, run in rows]
            self.assertEqual(len(loads), 1)
            self.assertEqual(check_store(project.dir / ".tidemark/store.db", STATES, loads), [])


if __name__ == "__main__":
    unittest.main()
