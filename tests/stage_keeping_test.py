#!/usr/bin/env python3
"""Which stages stay and which go, after runs and by `tidemark stage`; what is not loaded or still wanted never goes.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import sqlite3
import time
import unittest

from support.duckdb_file import DuckdbFile
from support.postgres_server import is_installed
from support.project import PROJECT_YAML, Project, call, listing
from support.temporary_postgres import TemporaryPostgres

JOB = """\
from: {connection: landing, files: "r-*.csv", columns: {id: integer, v: integer}}
rules: {positive: v > 0}
quarantine: {stop_above: 10%}
to: {connection: TARGET, table: NAME, load: append}
"""
DAY_SECONDS = 24 * 3600


class StageTest(unittest.TestCase):
    target = "warehouse"

    def setUp(self):
        project = Project()
        self.addCleanup(project.__exit__)
        self.project = project
        self.files = 0

    def job(self, name="r"):
        self.project.job(name, JOB.replace("TARGET", self.target).replace("NAME", name))

    def load(self, bad=0, job="r", status="success", rows=1000):
        """One more file, and the run that reads it; the first `bad` rows break the rule."""
        self.files += 1
        first = self.files * 10_000
        lines = "".join(f"{first + i},{-1 if i <= bad else i}\n" for i in range(1, rows + 1))
        self.project.write(f"data/r-{self.files:02}.csv", "id,v\n" + lines)
        done, run = self.project.run(job)
        self.assertEqual((done.code, run["status"]), (3 if status == "blocked" else 0, status), done.err)
        return run["run_id"]

    def root(self, job="r"):
        return self.project.dir / ".tidemark/stage" / job / "main"

    def stage(self, seq, name="", job="r"):
        found, = self.root(job).glob(f"{seq}-*[0-9]")
        return found / name

    def stages(self, job="r"):
        """What stands, by the number of the window; its fence is whose run read it."""
        names = [path.name for path in self.root(job).iterdir()] if self.root(job).exists() else []
        return sorted(re.sub(r"^(\d+)-\d+", r"\1", name) for name in names)

    def age(self, *seqs, days=30, job="r"):
        for seq in seqs:
            then = time.time() - days * DAY_SECONDS
            os.utime(self.stage(seq, "manifest.json", job), (then, then))

    def call(self, *arguments, code=0):
        done = self.project.call("stage", *arguments, "--json")
        self.assertEqual(done.code, code, done.out + done.err)
        return done.json

    def reasons(self, *arguments):
        return {one["seq"]: one["reason"] for one in self.call("list", *arguments)["stages"]}

    def clean(self, *arguments, code=0):
        document = self.call("clean", *arguments, code=code)
        return [one["seq"] for one in document["removed"]]


class AfterARun(StageTest):
    def test_what_is_loaded_and_past_its_time_goes(self):
        self.job()
        for _ in range(3):
            self.load()
        self.age(1, 3)
        # 2 is young; 3 is the newest when the next run has read nothing, and only old after it.
        self.assertEqual(self.reasons(), {1: "old", 2: "young", 3: "newest"})
        self.load()
        self.assertEqual(self.stages(), ["2", "3", "4"])
        self.assertEqual(self.project.count("r"), 4000)
        # A clock that stood behind while 3 was sealed does not make it older than 2.
        self.assertEqual(self.reasons(), {2: "young", 3: "young", 4: "newest"})
        self.age(2)
        self.load()
        self.assertEqual(self.stages(), ["4", "5"])

    def test_keep_says_how_long(self):
        self.job()
        self.load()
        self.load()
        self.age(1, days=2)
        for keep, reason in (("7d", "young"), ("3d", "young"), ("36h", "old"), ("forever", "kept_forever")):
            self.project.write("tidemark.yaml", PROJECT_YAML + f"stage: {{keep: {keep}}}\n")
            self.assertEqual(self.reasons()[1], reason)
        self.load()
        self.assertEqual(self.stages(), ["1", "2", "3"])
        self.project.write("tidemark.yaml", PROJECT_YAML + "stage: {path: .tidemark/stage, keep: 36h}\n")
        self.load()
        self.assertEqual(self.stages(), ["2", "3", "4"])

    def test_a_skipped_run_looks_at_no_stage(self):
        self.job()
        self.load()
        self.load()
        self.age(1)
        self.assertEqual(self.project.run("r")[1]["status"], "skipped")
        self.assertEqual(self.stages(), ["1", "2"])

    def test_what_a_dead_run_left_of_a_loaded_window_goes(self):
        self.job()
        self.load()
        for name in ("2-77.partial", "3-77.partial"):
            (self.root() / name).mkdir()
        # The next owner's token is larger than both, so whoever made them may not go on.
        self.load()
        self.assertEqual(self.stages(), ["1", "2"])
        self.load()
        self.assertEqual(self.stages(), ["1", "2", "3"])

    def test_open_refused_rows_keep_theirs(self):
        self.job()
        self.load(bad=5)
        self.load()
        self.load()
        self.age(1, 2)
        self.assertEqual(self.reasons(), {1: "open_refused_rows", 2: "old", 3: "newest"})
        self.load()
        self.assertEqual(self.stages(), ["1", "3", "4"])
        with DuckdbFile(self.project.dir / "warehouse.duckdb") as file:
            file.rows("UPDATE tidemark_quarantine SET resolved_at = now()")
        self.load()
        self.assertEqual(self.stages(), ["3", "4", "5"])

    def test_a_blocked_run_keeps_its_stage_and_its_refused_rows(self):
        self.job()
        self.load()
        self.load()
        run = self.load(bad=500, status="blocked")
        self.age(1, 2, 3)
        self.assertEqual(self.reasons(), {1: "old", 2: "old", 3: "not_loaded"})
        self.assertEqual(self.clean(), [1, 2])
        self.assertEqual(self.stages(), ["3", "3.refused.parquet"])
        done = self.project.call("replay", run, "--json")
        self.assertEqual((done.code, done.json["status"]), (0, "success"), done.err)
        self.assertEqual(self.project.count("r"), 2500)
        # Its open rows in quarantine keep it from now on.
        self.load()
        self.assertEqual(self.stages(), ["3", "3.refused.parquet", "4"])

    def test_a_damaged_stage_is_no_reason_to_keep_others(self):
        self.job()
        for _ in range(4):
            self.load()
        self.age(1, 2, 3, 4)
        self.stage(4, "manifest.json").write_text("{}")
        self.age(4)
        # Types come from the newest that can be read.
        self.assertEqual(self.reasons(), {1: "old", 2: "old", 3: "newest", 4: "old"})
        self.assertEqual(self.clean(), [1, 2, 4])


@unittest.skipUnless(is_installed(), "PostgreSQL 15 is not installed")
class AfterARunIntoPostgres(StageTest):
    target = "mirror"

    def test_the_ledger_of_the_target_decides(self):
        server = self.enterContext(TemporaryPostgres())
        self.project.write("tidemark.yaml",
                           PROJECT_YAML + f"  mirror: {{postgres: \"{server.conninfo('postgres')}\"}}\n")
        self.job()
        self.load(bad=5)
        self.load()
        self.load()
        self.load(bad=500, status="blocked")
        self.age(1, 2, 3, 4)
        self.assertEqual(self.reasons(),
                         {1: "open_refused_rows", 2: "old", 3: "old", 4: "not_loaded"})
        self.assertEqual(self.clean(), [2, 3])
        server.sql("update tidemark_quarantine set resolved_at = now()")
        self.assertEqual(self.reasons(), {1: "old", 4: "not_loaded"})
        server.stop()
        self.assertEqual(self.reasons(), {1: "target_unknown", 4: "target_unknown"})
        self.assertEqual(self.clean(code=1), [])


class Cleaning(StageTest):
    def test_a_target_that_cannot_be_asked_keeps_all(self):
        self.job()
        self.load()
        self.load()
        self.age(1)
        with DuckdbFile(self.project.dir / "warehouse.duckdb"):
            self.assertEqual(self.reasons(), {1: "target_unknown", 2: "target_unknown"})
            document = self.call("clean", code=1)
            self.assertEqual((document["removed"], document["kept"]), ([], 2))
            self.assertEqual(document["unasked"][0]["code"], "target.file_unusable")
            done = self.project.call("stage", "list")
            self.assertIn("its stages are kept", done.err)
        self.assertEqual(self.clean(), [1])

    def test_a_dry_run_says_the_same_and_changes_nothing(self):
        self.job()
        self.load()
        self.load()
        self.age(1)
        before = listing(self.root())
        said = self.call("clean", "--dry-run")
        self.assertEqual(listing(self.root()), before)
        done = self.call("clean")
        self.assertEqual({**said, "dry_run": False}, done)
        self.assertEqual(said["bytes_freed"], sum(size for name, (_, size, _, content) in before.items()
                                                  if name.startswith("1-") and content))
        self.assertEqual(self.clean(), [])
        words = self.project.call("stage", "clean").out
        self.assertIn("0 stages removed, 0 B freed; 1 stage kept", words)

    def test_what_a_run_that_has_not_ended_holds_stays(self):
        self.job()
        self.load()
        self.load()
        run = self.load()
        (self.root() / "3-99.partial").mkdir()
        # As a process that died left it: the run has no end, and window 3 a folder that was never sealed.
        with contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db")) as store, store:
            store.execute("UPDATE etl_runs SET run_end = NULL WHERE run_id = ?", (run,))
            store.execute("UPDATE etl_run_streams SET state = 'loading' WHERE run_id = ?", (run,))
        self.age(1, 2, 3)
        self.assertEqual([(one["seq"], one["reason"]) for one in self.call("list")["stages"]],
                         [(1, "old"), (2, "old"), (3, "unfinished_run"), (3, "unfinished_run")])
        self.assertEqual(self.clean(), [1, 2])
        with contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db")) as store, store:
            store.execute("UPDATE etl_runs SET run_end = run_start")
            store.execute("UPDATE etl_run_streams SET state = 'done'")
        self.assertEqual(self.clean(), [3])
        self.assertEqual(self.stages(), ["3"])

    def test_half_removed_stages_and_what_lies_alone(self):
        self.job()
        for _ in range(3):
            self.load()
        self.stage(1, "manifest.json").unlink()
        (self.root() / "7-1.refused.parquet").write_text("alone")
        (self.root() / "8-2.partial").mkdir()
        self.assertEqual(self.reasons(), {1: "half_removed", 2: "young", 3: "newest",
                                          7: "half_removed", 8: "left_by_a_dead_run"})
        self.assertEqual(self.clean(), [1, 7, 8])
        self.assertEqual(self.stages(), ["2", "3"])

    def test_stages_of_a_job_that_is_gone(self):
        self.job()
        self.job("other")
        self.load()
        self.load(job="other")
        self.load(job="other")
        self.age(1, job="other")
        (self.project.dir / "jobs/other.yaml").unlink()
        listed = {(one["job"], one["seq"]): one["reason"] for one in self.call("list")["stages"]}
        self.assertEqual(listed, {("other", 1): "job_gone", ("other", 2): "job_gone", ("r", 1): "newest"})
        self.assertEqual(self.clean(), [])
        self.assertEqual(self.clean("r"), [])
        copy = self.project.dir / "copy"
        shutil.copytree(self.root("other").parent, copy)
        self.assertEqual(self.clean("other"), [1, 2])
        self.assertFalse(self.root("other").parent.exists())
        shutil.copytree(copy, self.root("other").parent)
        self.assertEqual(self.clean("--gone"), [1, 2])
        self.assertEqual(self.stages(), ["1"])
        self.assertEqual(self.call("clean", "other", code=2)["error"]["code"], "user.no_job")

    def test_it_is_for_the_owner_of_the_project(self):
        self.job()
        self.load()
        with open(self.project.dir / ".tidemark/lock", "r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertEqual(self.call("clean", code=3)["error"]["code"], "run.project_busy")
            self.assertEqual(self.clean("--dry-run"), [])
            self.assertEqual(self.reasons(), {1: "newest"})

    def test_a_project_without_runs(self):
        self.job()
        before = listing(self.project.dir)
        self.assertEqual(self.call("list"), {"stages": [], "unasked": []})
        self.assertEqual(self.project.call("stage", "list").out, "no stages\n")
        self.assertEqual(self.call("verify"), {"stages": [], "damaged": 0})
        self.assertEqual(listing(self.project.dir), before)
        for command in ("list", "verify", "clean"):
            self.assertEqual(self.call(command, "nosuch", code=2)["error"]["code"], "user.no_job")


class Verifying(StageTest):
    def test_each_damaged_file_is_named(self):
        self.job()
        runs = [self.load(bad=10) for _ in range(3)]
        self.assertEqual(self.call("verify")["damaged"], 0)
        segment = self.stage(1, "segment-000001.parquet")
        content = bytearray(segment.read_bytes())
        content[50] ^= 16
        segment.write_bytes(content)
        self.stage(1, "stranger").write_text("x")
        self.stage(3, "manifest.json").write_text("{}")
        document = self.call("verify", "r", code=1)
        self.assertEqual(document["damaged"], 2)
        found = [[damage["file"] for damage in stage["damages"]] for stage in document["stages"]]
        self.assertEqual(found, [["stranger", "segment-000001.parquet"], [], ["manifest.json"]])
        self.assertEqual([stage["run_id"] for stage in document["stages"]], [*runs[:2], None])
        for run, damages in zip(runs, (2, 0, 1)):
            stage, = self.call("verify", run, code=1 if damages else 0)["stages"]
            self.assertEqual(len(stage["damages"]), damages)
        words = self.project.call("stage", "verify")
        self.assertIn("DAMAGED  r/main 1-", words.out)
        self.assertIn("segment-000001.parquet has other content than was staged (xxh3)", words.out)
        self.assertIn("ok       r/main 2-", words.out)
        self.assertIn("3 stages, 2 damaged", words.out)
        self.assertIn("`tidemark run JOB`", words.err)

    def test_of_a_run_whose_stage_is_gone(self):
        self.job()
        run = self.load()
        shutil.rmtree(self.root())
        self.assertEqual(self.call("verify", run, code=2)["error"]["code"], "user.no_stage")

    def test_from_any_folder(self):
        self.job()
        run = self.load(bad=500, status="blocked")
        with contextlib.chdir(self.project.dir.parent):
            name = pathlib.Path(self.project.dir.name)
            self.assertEqual(call("stage", "verify", run, "--project", name).code, 0)
            self.assertEqual(call("quarantine", "r", "--project", name).out.count("positive"), 20)
            done = call("replay", run, "--project", name)
            self.assertEqual(done.code, 0, done.err)
        moved = self.project.dir.with_name(self.project.dir.name + "-moved")
        self.project.dir.rename(moved)
        self.addCleanup(shutil.rmtree, moved)
        self.assertEqual(call("stage", "verify", run, "--project", moved).code, 0)


if __name__ == "__main__":
    unittest.main()
