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
