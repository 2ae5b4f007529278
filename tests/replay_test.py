"""Replay: a run's stage is loaded again without its source, once where twice would double."""

import json
import os
import pathlib
import shutil
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

    def test_a_trial_goes_into_a_new_table_and_touches_nothing_else(self):
        for load in ("append", "upsert, key: [id]", "full"):
            with self.subTest(load=load):
                self.setUp()
                first, second = self.two_windows(load)
                before = self.own_state()
                tables = []
                for run, to in ((second, "lab"), (first, "wh"), (first, "wh.tried"), (first, "lab.tried"), (first, "alias")):
                    code, trial = self.call("replay", run, "--to", to)
                    self.assertEqual((code, trial["status"]), (0, "success"), trial)
                    name = trial["job"]
                    place, table = name.partition("@")[2].split(".", 1)
                    self.assertEqual((to + ".").split(".")[0], place)
                    self.assertEqual("tried" if "." in to else "r_" + trial["run_id"], table)
                    tables.append((place, table))
                    rows = self.call("query", place, f"select count(*), min(id) from {table}")[1]["rows"]
                    self.assertEqual(rows, [[190 if load == "full" and run == second else 95,
                                             101 if run == second and load != "full" else 1]])
                    code, refused = self.call("quarantine", name)
                    self.assertEqual((code, len(refused["rows"])), (0, 10 if rows[0][0] == 190 else 5))
                    self.assertEqual([one["run_id"] for one in self.call("runs", name)[1]], [trial["run_id"]])
                self.assertEqual(len(set(tables)), 5)
                self.assertEqual(before, self.own_state())

    def test_a_trial_never_changes_a_table(self):
        first, _ = self.two_windows()
        self.assertEqual(self.call("replay", first, "--to", "lab.tried")[0], 0)
        for to, code in (("lab.tried", "user.trial_table"), ("LAB.tried", "user.no_connection"), ("lab.TRIED", "user.trial_table"),
                         ("wh.r", "user.trial_table"), ("alias.R", "user.trial_table"), ("alias.main.r", "user.trial_table"),
                         ("lab.r", "user.trial_table"), ("lab.", "user.trial_table"), ("landing", "user.no_target"),
                         ("nowhere", "user.no_connection"), ("lab.tidemark_ledger", "user.trial_table")):
            with self.subTest(to=to):
                exit_code, answer = self.call("replay", first, "--to", to)
                self.assertEqual(answer["error"]["code"], code, answer)
                self.assertNotEqual(exit_code, 0)
                self.assertTrue(answer["error"]["hint"])
        self.assertEqual(self.call("query", "lab", "select count(*) from tried")[1]["rows"], [[95]])
        # What a trial loaded is no run of the job: it is not replayed as one.
        trial = self.call("runs", "r@lab.tried")[1][-1]["run_id"]
        self.assertEqual(self.call("replay", trial)[1]["error"]["code"], "user.trial")
        self.assertEqual(self.call("replay", trial, "--to", "lab")[0], 0)
        self.assertEqual(self.call("run", "r@lab.tried")[1]["error"]["code"], "user.no_job")

    def test_a_trial_that_is_killed_is_whole_or_not_there(self):
        first, _ = self.two_windows("upsert, key: [id]")
        before = self.own_state()
        killed, whole = 0, 0
        while True:
            table = f"tried_{killed}"
            fault = self.folder / f"fault-{killed}.log"
            done = subprocess.run(
                ["env", f"TIDEMARK_FAILPOINT=durable@{killed + 1}=kill", f"TIDEMARK_FAILPOINT_LOG={fault}", TIDEMARK,
                 "replay", first, "--to", f"lab.{table}", "--project", self.folder], capture_output=True, check=False)
            if not fault.exists():
                self.assertEqual(done.returncode, 0, done.stderr)
                break
            killed += 1
            with self.subTest(killed_at=killed):
                # Whatever command runs next says what became of it.
                code, again = self.call("replay", first, "--to", f"lab.{table}")
                left = self.call("runs", f"r@lab.{table}")[1]
                if code == 0:
                    self.assertIn(left[-1]["status"], ("failed", "success"))
                else:
                    self.assertEqual((again["error"]["code"], left[-1]["status"]), ("user.trial_table", "success"))
                    whole += 1
                self.assertEqual(self.call("query", "lab", f"select count(*), count(distinct id) from {table}")[1]["rows"],
                                 [[95, 95]])
                self.assertEqual(len(self.call("quarantine", f"r@lab.{table}")[1]["rows"]), 5)
        self.assertGreater(killed, 5)
        self.assertGreater(whole, 0)
        self.assertEqual(before, self.own_state())

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
            self.assertEqual(self.rows(f"select sum(v) from r_{trial['run_id']}"), [[str(loaded)]])
        self.assertEqual(self.call("replay", first, "--as-it-was")[1]["status"], "success")
        self.assertEqual(self.rows("select count(*), sum(v) from r"), [[95, str((5050 - 300) * 10)]])
        # As it was it loaded into another table, so its rows have no place in the present one.
        path.write_text(job.replace("table: r,", "table: r2,"))
        self.assertEqual(self.call("replay", first, "--as-it-was")[1]["error"]["code"], "user.other_target")
        path.unlink()
        code, gone = self.call("replay", first, "--as-it-was", "--to", "wh")
        self.assertEqual((code, gone["streams"][0]["rows_loaded"]), (0, 95), gone)

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
