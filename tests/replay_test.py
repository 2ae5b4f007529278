"""Replay: a run's stage is loaded again without its source, once where twice would double."""

import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

TIDEMARK = os.environ.get("TIDEMARK_BINARY", "build/dev/tidemark")

PROJECT = "connections:\n  landing: {files: data}\n  wh: {duckdb: wh.duckdb}\n"
STOPPED = """from: {connection: landing, files: "r-*.csv"}
rules: {positive: v > 0}
quarantine: {stop_above: 10%}
to: {connection: wh, table: r, load: LOAD}
"""


class ReplayTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-replay-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "jobs").mkdir()
        (self.folder / "data").mkdir()
        (self.folder / "tidemark.yaml").write_text(PROJECT)

    def job(self, load):
        (self.folder / "jobs/r.yaml").write_text(STOPPED.replace("LOAD", load))

    def data(self, number, first, rows, bad_every):
        lines = [f"{i},{-1 if i % bad_every == 0 else i}" for i in range(first, first + rows)]
        (self.folder / f"data/r-{number}.csv").write_text("id,v\n" + "\n".join(lines) + "\n")

    def call(self, *arguments):
        done = subprocess.run([TIDEMARK, *arguments, "--project", self.folder, "--json"], capture_output=True,
                              text=True, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else None

    def rows(self, sql):
        code, answer = self.call("query", "wh", sql)
        self.assertEqual(code, 0, answer)
        return answer["rows"]

    def stopped_run(self, load):
        self.job(load)
        self.data(1, 1, 2000, 4)
        code, run = self.call("run", "r")
        self.assertEqual((code, run["status"]), (3, "blocked"))
        return run["run_id"]

    def test_goes_on_where_stop_above_stopped_without_the_source(self):
        run = self.stopped_run("append")
        code, refused = self.call("quarantine", "r", "--limit", "1000")
        self.assertEqual((code, len(refused["rows"])), (0, 500))
        shutil.rmtree(self.folder / "data")
        code, replayed = self.call("replay", run)
        self.assertEqual((code, replayed["status"]), (0, "success"))
        self.assertEqual(self.rows("select count(*), sum(v) from r"), [[1500, "1500000"]])
        self.assertEqual(self.rows("select count(*) from tidemark_quarantine"), [[500]])
        self.assertEqual(self.rows("select seq, kind, rows, rejected from tidemark_loads"), [[1, "window", 1500, 500]])
        # Again, and the replay itself again: rows of an append are loaded once.
        for again in (run, replayed["run_id"]):
            code, second = self.call("replay", again)
            self.assertEqual((code, second["status"]), (0, "skipped"))
        self.assertEqual(self.rows("select count(*) from r"), [[1500]])
        # The watermark stands behind the window: the next run finds nothing.
        (self.folder / "data").mkdir()
        self.data(1, 1, 2000, 4)
        self.assertEqual(self.call("run", "r")[1]["status"], "skipped")

    def own_state(self):
        return (self.rows("select * from tidemark_ledger where job = 'r'"), self.rows("select count(*), sum(v) from r"),
                self.call("quarantine", "r")[1]["rows"], self.call("runs", "r")[1])

    def two_windows(self, load="append"):
        with open(self.folder / "tidemark.yaml", "a", encoding="utf-8") as project:
            project.write("  lab: {duckdb: lab.duckdb}\n  alias: {duckdb: wh.duckdb}\n")
        self.job(load)
        runs = []
        for number, first in ((1, 1), (2, 101)):
            self.data(number, first, 100, 20)
            code, run = self.call("run", "r")
            self.assertEqual(code, 0, run)
            runs.append(run["run_id"])
        shutil.rmtree(self.folder / "data")
        return runs

    def trial_rows(self, trial, what="count(*)"):
        """What the table of a trial, as its run describes it, answers."""
        place, run = trial["job"].partition("@")[2].rsplit(".", 1)
        return self.call("query", place, f"select {what} from tidemark_trials.r_{run}")[1]["rows"]

    def test_a_trial_goes_into_a_new_table_and_touches_nothing_else(self):
        for load in ("append", "upsert, key: [id]", "full"):
            with self.subTest(load=load):
                self.setUp()
                first, second = self.two_windows(load)
                before = self.own_state()
                names = set()
                for run, to in ((second, "lab"), (first, "wh"), (first, "lab"), (first, "alias")):
                    code, trial = self.call("replay", run, "--to", to)
                    self.assertEqual((code, trial["status"]), (0, "success"), trial)
                    name = trial["job"]
                    names.add(name)
                    self.assertEqual(f"r@{to}.{trial['run_id']}", name)
                    rows = self.trial_rows(trial, "count(*), min(id)")
                    self.assertEqual(rows, [[190 if load == "full" and run == second else 95,
                                             101 if run == second and load != "full" else 1]])
                    code, refused = self.call("quarantine", name)
                    self.assertEqual((code, len(refused["rows"])), (0, 10 if rows[0][0] == 190 else 5))
                    self.assertEqual([one["run_id"] for one in self.call("runs", name)[1]], [trial["run_id"]])
                self.assertEqual(len(names), 4)
                self.assertEqual(before, self.own_state())

    def test_a_trial_says_what_it_is_not(self):
        first, _ = self.two_windows()
        for to, code in (("landing", "user.no_target"), ("nowhere", "user.no_connection"), ("LAB", "user.no_connection"),
                         ("lab.r", "user.no_connection")):
            with self.subTest(to=to):
                exit_code, answer = self.call("replay", first, "--to", to)
                self.assertEqual(answer["error"]["code"], code, answer)
                self.assertNotEqual(exit_code, 0)
                self.assertTrue(answer["error"]["hint"])
        # A variable of a shell that was not set, or the next option, is no connection.
        for to in ("", "--quiet"):
            self.assertEqual(self.call("replay", first, "--to", to)[0], 2)
        self.assertEqual(len(self.call("runs")[1]), 2)
        # What a trial loaded is no run of the job: it is not replayed as one.
        trial = self.call("replay", first, "--to", "lab")[1]
        self.assertEqual(self.call("replay", trial["run_id"])[1]["error"]["code"], "user.trial")
        self.assertEqual(self.call("replay", trial["run_id"], "--to", "lab")[0], 0)
        for command in (("run",), ("plan",), ("replay", "--quarantined")):
            self.assertEqual(self.call(*command, trial["job"])[1]["error"]["code"], "user.no_job")
        # It is there to look at when its job is gone.
        (self.folder / "jobs/r.yaml").unlink()
        self.assertEqual(len(self.call("runs", trial["job"])[1]), 1)
        self.assertEqual(len(self.call("quarantine", trial["job"])[1]["rows"]), 5)
        self.assertEqual(self.call("runs", "r@lab.never")[1]["error"]["code"], "user.no_job")

    def killed(self, at, *arguments):
        """False where the command ended before that durable step."""
        log = self.folder / f"fault-{at}.log"
        done = subprocess.run(["env", f"TIDEMARK_FAILPOINT=durable@{at}=kill", f"TIDEMARK_FAILPOINT_LOG={log}", TIDEMARK,
                               *arguments, "--project", self.folder], capture_output=True, check=False)
        self.assertEqual(done.returncode, -9 if log.exists() else 0, done.stderr)
        return log.exists()

    def test_a_trial_that_is_killed_is_whole_or_not_there(self):
        first, _ = self.two_windows("upsert, key: [id]")
        before = self.own_state()
        at, whole = 1, 0
        while self.killed(at, "replay", first, "--to", "lab"):
            at += 1
            with self.subTest(killed_at=at):
                # Whatever command runs next says what became of it.
                code, again = self.call("replay", first, "--to", "lab")
                self.assertEqual((code, self.trial_rows(again)), (0, [[95]]))
                left = self.call("runs")[1][1]
                if left["run_id"] != again["run_id"] and left["status"] == "success" and "@" in left["job"]:
                    whole += 1
                    self.assertEqual(self.trial_rows(left, "count(*), count(distinct id)"), [[95, 95]])
        self.assertGreater(at, 5)
        tables = self.call("query", "lab", "select count(*) from duckdb_tables() where schema_name = 'tidemark_trials'")
        trials = [run for run in self.call("runs", "--limit", "1000")[1] if "@" in run["job"] and run["status"] == "success"]
        self.assertEqual(tables[1]["rows"], [[len(trials)]])
        self.assertGreater(whole, 0)
        self.assertEqual(before[:3], self.own_state()[:3])

    def test_a_trial_leaves_a_run_of_its_job_that_died(self):
        first, _ = self.two_windows()
        (self.folder / "data").mkdir()
        self.data(3, 201, 100, 20)
        self.assertTrue(self.killed(8, "run", "r"))
        rows = self.rows("select count(*) from r")
        self.assertEqual(self.call("replay", first, "--to", "lab")[0], 0)
        self.assertEqual(self.rows("select count(*) from r"), rows)
        self.assertEqual(self.call("run", "r")[0], 0)
        self.assertEqual(self.rows("select count(*) from r"), [[285]])

    def test_a_replay_that_died_goes_on_with_the_same_job_only(self):
        run = self.stopped_run("append")
        self.assertTrue(self.killed(10, "replay", run))
        text = (self.folder / "jobs/r.yaml").read_text()
        (self.folder / "jobs/r.yaml").write_text(text.replace("v > 0", "v > 1000"))
        code, again = self.call("replay", run)
        self.assertEqual((code, again["status"]), (0, "success"), again)
        self.assertEqual(self.rows("select count(*), min(v) from r"), [[750, 1001]])

    def test_of_a_run_whose_target_was_changed_the_old_one_is_asked(self):
        first, _ = self.two_windows()
        (self.folder / "data").mkdir()
        at = 9
        while True:  # the step behind the commit of the target
            at += 1
            self.data(at, 1000 * at, 10, 20)
            self.assertTrue(self.killed(at, "run", "r"))
            if self.rows(f"select count(*) from r where id >= {1000 * at}") != [[0]]:
                break
            self.assertEqual(self.call("run", "r")[0], 0)
        text = (self.folder / "jobs/r.yaml").read_text()
        (self.folder / "jobs/r.yaml").write_text(text.replace("wh, table: r", "lab, table: r"))
        self.call("run", "r")
        left = self.call("runs", "r", "--limit", "2")[1][1]
        self.assertEqual(left["status"], "success", left)

    def test_of_a_stopped_run_shows_what_would_be_loaded(self):
        run = self.stopped_run("append")
        code, trial = self.call("replay", run, "--to", "wh")
        self.assertEqual((code, trial["streams"][0]["rows_loaded"]), (0, 1500))
        # The blocked run is still the job's last, with the rows that it refused.
        self.assertEqual(len(self.call("quarantine", "r", "--limit", "1000")[1]["rows"]), 500)
        self.assertEqual(self.call("replay", run)[1]["status"], "success")
        self.assertEqual(self.rows("select count(*) from r"), [[1500]])

    def test_with_the_job_as_it_was(self):
        (self.folder / "jobs/steps.sql").write_text("select id, v * 10 as v from rows")
        job = STOPPED.replace("LOAD", "upsert, key: [id]").replace("to:", "transform: [{sql: steps.sql}]\nto:")
        path = self.folder / "jobs/r.yaml"
        path.write_text(job)
        self.data(1, 1, 100, 20)
        first = self.call("run", "r")[1]["run_id"]
        self.assertEqual(self.rows("select count(*), sum(v) from r"), [[95, str((5050 - 300) * 10)]])
        # Another rule, and another file behind the same name.
        path.write_text(job.replace("v > 0", "v > 500"))
        (self.folder / "jobs/steps.sql").write_text("select id, v * 100 as v from rows")
        for more, loaded in (([], sum(i for i in range(6, 101) if i % 20) * 100),
                             (["--as-it-was"], (5050 - 300) * 10)):
            code, trial = self.call("replay", first, "--to", "wh", *more)
            self.assertEqual(code, 0, trial)
            self.assertEqual(self.trial_rows(trial, "sum(v)"), [[str(loaded)]])
        self.assertEqual(self.call("replay", first, "--as-it-was")[1]["status"], "success")
        self.assertEqual(self.rows("select count(*), sum(v) from r"), [[95, str((5050 - 300) * 10)]])
        # As it was it loaded into another table, so its rows have no place in the present one.
        path.write_text(job.replace("table: r,", "table: r2,"))
        self.assertEqual(self.call("replay", first, "--as-it-was")[1]["error"]["code"], "user.other_target")
        path.unlink()
        self.assertEqual(self.call("replay", first, "--as-it-was")[1]["error"]["code"], "user.other_target")
        (self.folder / "tidemark.yaml").write_text(PROJECT.replace("landing: {files: data}", "gone: {files: data}"))
        code, gone = self.call("replay", first, "--as-it-was", "--to", "wh")
        self.assertEqual((code, gone["streams"][0]["rows_loaded"]), (0, 95), gone)
        # What was kept is held against its hash.
        with contextlib.closing(sqlite3.connect(self.folder / ".tidemark/store.db")) as store, store:
            store.execute("update etl_job_texts set texts = replace(texts, 'v > 0', 'v > 90')")
        self.assertEqual(self.call("replay", first, "--as-it-was", "--to", "wh")[1]["error"]["code"], "store.kept_job")

    def test_loads_the_newest_window_again_with_the_mended_rule(self):
        self.job("upsert, key: [id]")
        self.data(1, 1, 100, 4)
        first = self.call("run", "r")[1]
        self.assertEqual((first["status"], first["streams"][0]["rows_rejected"]), ("success", 25))
        text = (self.folder / "jobs/r.yaml").read_text()
        (self.folder / "jobs/r.yaml").write_text(text.replace("v > 0", "v >= -1"))
        code, replayed = self.call("replay", first["run_id"])
        self.assertEqual((code, replayed["status"]), (0, "success"))
        self.assertEqual(self.rows("select count(*), count(distinct id) from r"), [[100, 100]])
        self.assertEqual(self.rows("select count(*) from tidemark_quarantine where resolved_at is null"), [[0]])
        self.assertEqual(self.rows("select resolution from tidemark_quarantine group by all"),
                         [["superseded by run " + replayed["run_id"]]])
        self.assertEqual(self.rows("select seq from tidemark_ledger"), [[1]])
        self.data(2, 50, 100, 1000)
        self.assertEqual(self.call("run", "r")[1]["status"], "success")
        code, answer = self.call("replay", first["run_id"])
        self.assertEqual((code, answer["error"]["code"]), (2, "plan.replay_superseded"))

    def test_of_a_full_read_replaces_as_the_run_would_have(self):
        self.job("append")
        self.data(1, 1, 2000, 5000)
        self.assertEqual(self.call("run", "r")[1]["status"], "success")
        self.data(2, 2001, 2000, 4)
        code, blocked = self.call("run", "r", "--full")
        self.assertEqual((code, blocked["error"]["code"]), (3, "blocked.quarantine"))
        code, replayed = self.call("replay", blocked["run_id"])
        self.assertEqual((code, replayed["status"]), (0, "success"))
        self.assertEqual(self.rows("select count(*), count(distinct id) from r"), [[3500, 3500]])
        # Replayed again it replaces again, and its guards hold.
        code, again = self.call("replay", replayed["run_id"])
        self.assertEqual((code, again["status"]), (0, "success"))
        self.assertEqual(self.rows("select count(*), count(distinct id) from r"), [[3500, 3500]])
        (self.folder / "data/r-2.csv").unlink()
        self.data(1, 1, 500, 5000)
        code, shrunk = self.call("run", "r", "--full")
        self.assertEqual((code, shrunk["error"]["code"]), (3, "blocked.shrunk_source"))
        code, refused = self.call("replay", shrunk["run_id"])
        self.assertEqual((code, refused["error"]["code"]), (3, "blocked.shrunk_source"))
        self.assertEqual(self.rows("select count(*), count(distinct id) from r"), [[3500, 3500]])
        code, allowed = self.call("replay", shrunk["run_id"], "--allow-empty")
        self.assertEqual((code, allowed["status"]), (0, "success"))
        self.assertEqual(self.rows("select count(*) from r"), [[500]])

    def test_says_why_it_cannot(self):
        run = self.stopped_run("upsert, key: [id]")
        self.assertEqual(self.call("replay", "nosuchrun")[1]["error"]["code"], "run.unknown")
        segment = next(self.folder.glob(".tidemark/stage/**/segment-*.parquet"))
        whole = segment.read_bytes()
        segment.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        code, answer = self.call("replay", run)
        self.assertEqual((code, answer["error"]["code"]), (1, "stage.corrupt"))
        self.assertIn(segment.name, answer["error"]["message"])
        # The next run reads the window again and has a stage of its own. What it loaded stays: the older read holds
        # older versions of the same rows.
        other = self.call("run", "r")[1]["run_id"]
        self.assertEqual(self.call("replay", other)[1]["status"], "success")
        segment.write_bytes(whole)
        code, answer = self.call("replay", run)
        self.assertEqual((code, answer["error"]["code"]), (2, "plan.replay_superseded"))
        self.assertEqual(self.call("replay", other)[1]["status"], "success")
        shutil.rmtree(segment.parent)
        code, answer = self.call("replay", run)
        self.assertEqual((code, answer["error"]["code"]), (2, "plan.replay_no_stage"))


if __name__ == "__main__":
    unittest.main()
