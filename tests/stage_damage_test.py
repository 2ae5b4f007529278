#!/usr/bin/env python3
"""The stage as a person meets it: damage is stopped before the first row is loaded.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import shutil
import sqlite3
import unittest

from support.project import PROJECT_YAML, Project

# Many segments of one batch each, and one of refused rows: text stands where a number belongs.
JOB = """\
from: {connection: shop, table: r, watermark: id}
rules: {positive: v > 0}
quarantine: {stop_above: 10%}
to: {connection: warehouse, table: r, load: LOAD}
"""
APPEND, UPSERT = "append", "upsert, key: [id]"
ROWS = 5000


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


class StageTest(unittest.TestCase):
    def setUp(self):
        project = Project(PROJECT_YAML + "segment: 1KB\n")
        self.addCleanup(project.__exit__)
        self.project = project
        with sqlite3.connect(self.project.dir / "shop.db") as shop:
            shop.execute("CREATE TABLE r (id INTEGER PRIMARY KEY, v INTEGER)")
        shop.close()

    def rows(self, bad_every=0):
        """ROWS more rows; every 1000th has no number, of the others every `bad_every`-th breaks the rule."""
        with sqlite3.connect(self.project.dir / "shop.db") as shop:
            first, = shop.execute("SELECT count(*) FROM r").fetchone()
            shop.executemany("INSERT INTO r VALUES (?, ?)", (
                (first + i, "bad" if i % 1000 == 7 else -1 if bad_every and i % bad_every == 0 else i)
                for i in range(1, ROWS + 1)))
        shop.close()

    def mend(self):
        with sqlite3.connect(self.project.dir / "shop.db") as shop:
            shop.execute("UPDATE r SET v = id WHERE v = -1")
        shop.close()

    def run_job(self, load, status, code=0):
        self.project.job("r", JOB.replace("LOAD", load))
        done, run = self.project.run("r")
        self.assertEqual((done.code, run["status"]), (code, status), done.err)
        return run["run_id"]

    def stage(self, seq=1):
        found, = self.project.dir.glob(f".tidemark/stage/r/main/{seq}-*[0-9]")
        return found

    def target(self):
        """All that a stopped load must leave as it is; the fence grows with each who tries."""
        return [self.project.rows(f"SELECT {columns} FROM {table} ORDER BY ALL")
                for columns, table in (("*", "r"), ("* EXCLUDE (fence)", "tidemark_ledger"), ("*", "tidemark_loads"),
                                       ("*", "tidemark_quarantine"))]

    def replay(self, run):
        done = self.project.call("replay", run, "--json")
        return done, done.json

    def is_stopped(self, run, file):
        before = self.target()
        done, answer = self.replay(run)
        self.assertEqual((done.code, answer["error"]["code"]), (1, "stage.corrupt"), done.err)
        self.assertIn(str(file.relative_to(self.project.dir)), answer["error"]["message"])
        for advice in ("`tidemark run r`", "`tidemark stage verify r`"):
            self.assertIn(advice, answer["error"]["hint"])
        self.assertEqual(self.target(), before)
        self.assertEqual([stream["rows_loaded"] for stream in answer["streams"] if stream["rows_loaded"]], [])


def swap(one, other):
    beside = one.with_suffix(".beside")
    one.rename(beside)
    other.rename(one)
    beside.rename(other)


class Damage(StageTest):
    """Of a stage that is the target's next window, and of one that is loaded."""

    # What is done to the stage, and the file that the error names.
    CASES = {
        "a flipped bit": (lambda stage: flip(stage / "segment-000002.parquet", 777), "segment-000002.parquet"),
        "a flipped first bit": (lambda stage: flip(stage / "segment-000001.parquet", 0), "segment-000001.parquet"),
        "cut by one byte": (lambda stage: (stage / "segment-000001.parquet").write_bytes(
            (stage / "segment-000001.parquet").read_bytes()[:-1]), "segment-000001.parquet"),
        "emptied": (lambda stage: (stage / "segment-000002.parquet").write_bytes(b""), "segment-000002.parquet"),
        "missing": (lambda stage: (stage / "segment-000002.parquet").unlink(), "segment-000002.parquet"),
        "one more": (lambda stage: shutil.copy(stage / "segment-000001.parquet", stage / "segment-000009.parquet"),
                     "segment-000009.parquet"),
        "swapped": (lambda stage: swap(stage / "segment-000001.parquet", stage / "segment-000002.parquet"),
                    "segment-000001.parquet"),
        "refused rows, a flipped bit": (lambda stage: flip(stage / "rejects-000001.parquet", -100),
                                        "rejects-000001.parquet"),
        "refused rows, missing": (lambda stage: (stage / "rejects-000001.parquet").unlink(),
                                  "rejects-000001.parquet"),
        "manifest, a flipped bit": (lambda stage: flip(stage / "manifest.json", 200), "manifest.json"),
        "manifest, cut": (lambda stage: (stage / "manifest.json").write_bytes(
            (stage / "manifest.json").read_bytes()[:500]), "manifest.json"),
        "manifest, another number": (lambda stage: (stage / "manifest.json").write_text(
            (stage / "manifest.json").read_text().replace('"rows": ', '"rows": 1', 1)), "manifest.json"),
    }

    def every_case_is_stopped(self, run):
        stage = self.stage()
        kept = self.project.dir / "kept"
        shutil.copytree(stage, kept)
        self.assertGreater(len(list(stage.glob("segment-*"))), 2)
        for name, (damage, file) in self.CASES.items():
            with self.subTest(name):
                damage(stage)
                self.is_stopped(run, stage / file)
            shutil.rmtree(stage)
            shutil.copytree(kept, stage)
        done, answer = self.replay(run)
        self.assertEqual((done.code, answer["status"]), (0, "success"), done.err)

    def test_of_a_blocked_run(self):
        self.rows(bad_every=4)
        self.every_case_is_stopped(self.run_job(APPEND, "blocked", 3))
        # The newest row waits for the next window; 5 rows have no number, a quarter breaks the rule.
        self.assertEqual(self.project.rows("SELECT count(*), count(DISTINCT id) FROM r"), [["3745", "3745"]])
        self.assertEqual(self.project.rows("SELECT count(*) FROM tidemark_quarantine"), [["1254"]])

    def test_of_a_loaded_run(self):
        self.rows()
        self.every_case_is_stopped(self.run_job(UPSERT, "success"))
        self.assertEqual(self.project.rows("SELECT count(*), count(DISTINCT id) FROM r"), [["4995", "4995"]])

    def test_a_whole_stage_in_the_place_of_another(self):
        self.rows()
        self.run_job(UPSERT, "success")
        self.rows()
        run = self.run_job(UPSERT, "success")
        second = self.stage(2)
        shutil.rmtree(second)
        shutil.copytree(self.stage(1), second)
        self.is_stopped(run, self.stage(2) / "manifest.json")

    def test_the_job_goes_on_after_damage(self):
        self.rows(bad_every=4)
        run = self.run_job(APPEND, "blocked", 3)
        flip(self.stage() / "segment-000001.parquet", 100)
        self.is_stopped(run, self.stage() / "segment-000001.parquet")
        self.mend()
        self.run_job(APPEND, "success")
        self.assertEqual(self.project.rows("SELECT count(*), count(DISTINCT id) FROM r"), [["4994", "4994"]])


if __name__ == "__main__":
    unittest.main()
