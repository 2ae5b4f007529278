#!/usr/bin/env python3
"""A DuckDB file that cannot be used, or that a dying process left: what is said, that nothing is deleted, and that the
run after the repair has every row once. Of the WAL not a byte is lost without a copy, and no loaded window without a
word.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import contextlib
import hashlib
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

from support.io_faults import calls_in, io_faults, is_built
from support.project import PROJECT_YAML, Project

JOB = """\
from: {connection: landing, files: "r-*.csv", columns: {id: integer, v: integer}}
rules: {positive: v > 0}
to: {connection: warehouse, table: r, load: append}
"""
FILE, WAL = "warehouse.duckdb", "warehouse.duckdb.wal"
ROWS = 500
WAL_BEGIN_BYTES, FRAME_BYTES = 8, 16
WAL_COMMIT = b"\x64\x00\x64\xff\xff"
COMMANDS = {"run": ["run", "r"], "plan": ["plan", "r"], "query": ["query", "warehouse", "select 1"]}
LOST_WINDOW = "the target's ledger ends with window 1, and run "
# Attaches a file as any other program does, until its stdin ends.
HOLDER = """\
import sys
sys.path.insert(0, sys.argv[1])
from support.duckdb_file import DuckdbFile
with DuckdbFile() as engine:
    engine.rows(f"ATTACH '{sys.argv[2]}' AS held {sys.argv[3]}")
    print("held", flush=True)
    sys.stdin.read()
"""


def write_rows(project, number):
    """The first row breaks the rule."""
    project.write(f"data/r-{number}.csv", "id,v\n" + "".join(
        f"{number * 1000 + i},{i if i else -1}\n" for i in range(ROWS)))


def hashes(folder):
    """Of the file, and of all that stands beside it under its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in pathlib.Path(folder).glob("warehouse*") if path.is_file()}


def frames(wal):
    """[(where it ends, its first bytes)] of each entry of a WAL."""
    found, at = [], WAL_BEGIN_BYTES
    while at < len(wal):
        begin = wal[at + FRAME_BYTES:at + FRAME_BYTES + len(WAL_COMMIT)]
        at += FRAME_BYTES + struct.unpack_from("<Q", wal, at)[0]
        found.append((at, begin))
    return found


@contextlib.contextmanager
def held_elsewhere(file, options):
    """The pid of a process that has the file open meanwhile."""
    folder = str(pathlib.Path(__file__).parent)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, folder, str(file), options], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"held\n"
        yield process.pid
    finally:
        process.communicate()


class Case(unittest.TestCase):
    def every_row_once(self, project, files):
        rows = project.rows("SELECT count(*), count(DISTINCT id) FROM r")
        self.assertEqual(rows, [[str(files * (ROWS - 1))] * 2])
        self.assertEqual(project.rows("SELECT count(*), count(DISTINCT payload) FROM tidemark_quarantine"),
                         [[str(files)] * 2])
        self.assertEqual(project.rows("SELECT seq FROM tidemark_ledger"), [[str(files)]])

    def is_refused(self, project, *words, commands=COMMANDS):
        """Each command says what is wrong, and changes nothing."""
        before = hashes(project.dir)
        for command in commands:
            done = project.call(*COMMANDS[command], "--json")
            error = done.json["error"]
            self.assertIsNotNone(error, command)
            self.assertEqual((done.code, error["code"], error["fault"]), (1, "target.file_unusable", "target"),
                             f"{command}: {done.err}")
            for word in [FILE, *words]:
                self.assertIn(word, error["message"] + " " + error["hint"], command)
            self.assertIn("nothing was changed", error["hint"] + error["message"])
            self.assertEqual(hashes(project.dir), before)

    def runs(self, project, files):
        """What the run said."""
        done = project.call("run", "r")
        self.assertEqual(done.code, 0, done.err)
        self.every_row_once(project, files)
        self.assertEqual(project.run("r")[1]["status"], "skipped")
        return done.err


class Unusable(Case):
    def setUp(self):
        self.project = Project()
        self.addCleanup(self.project.__exit__)
        self.project.job("r", JOB)
        write_rows(self.project, 1)
        self.assertEqual(self.project.run("r")[0].code, 0)
        write_rows(self.project, 2)
        self.file = self.project.dir / FILE
        self.good = self.file.read_bytes()

    def test_another_process_has_it_open(self):
        for options, commands in (("", COMMANDS), ("(READ_ONLY)", ["run"])):
            with self.subTest(options), held_elsewhere(self.file, options) as pid:
                self.is_refused(self.project, f"process {pid} has", "close that program", commands=commands)
        self.runs(self.project, 2)

    def test_it_is_no_database(self):
        for content in (b"just text\n" * 1000, b"", self.good[:50], b"\0" * 20_000):
            self.file.write_bytes(content)
            self.is_refused(self.project, "is no DuckDB database", "name another file",
                            commands=["run"] if content else COMMANDS)
        self.file.unlink()
        self.file.mkdir()
        self.is_refused(self.project, "is a folder")
        self.file.rmdir()
        self.file.write_bytes(self.good)
        self.runs(self.project, 2)

    def test_a_damaged_file(self):
        for at in (100, 4096 + 100, 8192 + 20, 3 * 4096 + 2000):
            content = bytearray(self.good)
            content[at] ^= 4
            self.file.write_bytes(content)
            self.is_refused(self.project, "Corrupt database file", "never delete the .wal", "--full", commands=["run"])
        self.is_refused(self.project, "Corrupt database file", commands=["plan", "query"])
        self.file.write_bytes(self.good)
        self.runs(self.project, 2)

    def test_a_newer_format(self):
        header = bytearray(self.good[:4096])
        struct.pack_into("<Q", header, 12, 69)
        header[52:84] = b"v2.0.0".ljust(32, b"\0")
        checksum = 5381
        for word, in struct.iter_unpack("<Q", header[8:]):
            checksum ^= word * 0xbf58476d1ce4e5b9 % 2**64
        struct.pack_into("<Q", header, 0, checksum)
        self.file.write_bytes(bytes(header) + self.good[4096:])
        self.is_refused(self.project, "(v2.0.0, storage version 69", "COPY FROM DATABASE")
        self.file.write_bytes(self.good)
        self.runs(self.project, 2)

    def test_a_folder_that_is_not_there(self):
        self.project.write("tidemark.yaml", PROJECT_YAML.replace(FILE, "gone/" + FILE))
        done = self.project.call("run", "r", "--json")
        self.assertEqual((done.code, done.json["error"]["code"]), (1, "target.file_unusable"))
        self.assertIn("make the folder", done.json["error"]["hint"])
        (self.project.dir / "gone").mkdir()
        self.assertEqual(self.project.run("r")[1]["status"], "success")

    @unittest.skipUnless(is_built(), "the library that breaks calls is built with the tests only")
    def test_a_disk_that_may_only_be_read(self):
        for refusal, words in (("EROFS", "Read-only file system"), ("EACCES", "Permission denied")):
            before = hashes(self.project.dir)
            done = self.project.call("run", "r", "--json",
                                     env=io_faults(FILE, ["open"], nth=1, do=refusal, then=refusal))
            error = done.json["error"]
            self.assertEqual((done.code, error["code"]), (1, "target.file_unusable"), done.err)
            self.assertIn(words, error["message"])
            self.assertEqual(hashes(self.project.dir), before)
        self.runs(self.project, 2)

    def test_an_older_copy_is_put_back(self):
        self.runs(self.project, 2)
        self.file.write_bytes(self.good)
        self.assertIn(LOST_WINDOW, self.runs(self.project, 2))
        # Also where the source does not have the rows any more and nothing is new.
        self.file.write_bytes(self.good)
        (self.project.dir / "data" / "r-2.csv").unlink()
        done = self.project.call("run", "r")
        self.assertIn("skipped", done.out)
        self.assertIn(LOST_WINDOW, done.err)


@unittest.skipUnless(is_built(), "the library that breaks calls is built with the tests only")
class AfterADeath(Case):
    """The process died before it had closed the file: the second window is in the WAL and nowhere else."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="tidemark-wal-")))
        cls.template = cls.folder / "template"
        cls.template.mkdir()
        project = Project(folder=cls.template)
        project.job("r", JOB)
        write_rows(project, 1)
        assert project.run("r")[0].code == 0
        write_rows(project, 2)
        log, whole = cls.folder / "log", cls.folder / "whole"
        shutil.copytree(cls.template, whole)
        done = Project(folder=whole).call("run", "r", env=io_faults(FILE, ["sync"], log=log))
        assert done.code == 0, done.err
        last = max(number for number, _, _, _, path in calls_in(log) if path.endswith(WAL))
        done = project.call("run", "r", env=io_faults(FILE, ["sync"], nth=last, do="kill_after"))
        assert done.code == -signal.SIGKILL, done
        cls.wal = (cls.template / WAL).read_bytes()
        cls.frames = frames(cls.wal)
        cls.commits = [end for end, begin in cls.frames if begin == WAL_COMMIT]
        cls.copies = 0

    def copy(self, wal):
        AfterADeath.copies += 1
        folder = self.folder / f"copy-{self.copies}"
        shutil.copytree(self.template, folder)
        self.addCleanup(shutil.rmtree, folder)
        (folder / WAL).write_bytes(wal)
        return Project(folder=folder)

    def kept(self, project, wal):
        """Whether a copy of the WAL was kept; any other copy is a fault."""
        copies = sorted(project.dir.glob(WAL + ".torn*"))
        self.assertTrue(all(path.read_bytes() == wal for path in copies) and len(copies) < 2, copies)
        return bool(copies)

    def test_the_window_is_found_in_the_wal(self):
        project = self.copy(self.wal)
        self.assertEqual(project.call("plan", "r").code, 0)
        self.assertTrue((project.dir / WAL).read_bytes() == self.wal)
        self.assertNotIn("ledger", self.runs(project, 2))
        self.assertFalse(self.kept(project, self.wal))

    def test_a_torn_wal_is_kept_and_its_window_loaded_again_and_said(self):
        # The announcement of the new owner, the load, and the checkpoint that its process began.
        self.assertEqual(len(self.commits), 3)
        cuts = {0, 1, WAL_BEGIN_BYTES, WAL_BEGIN_BYTES + 1, WAL_BEGIN_BYTES + FRAME_BYTES, self.frames[0][0],
                *self.commits, self.commits[0] + 5, self.commits[1] - 1, self.commits[1] // 2, len(self.wal) - 1}
        for cut in sorted(cuts):
            with self.subTest(cut=cut):
                torn = self.wal[:cut]
                project = self.copy(torn)
                said = self.runs(project, 2)
                self.assertEqual(LOST_WINDOW in said, cut < self.commits[1], said)
                self.assertEqual(self.kept(project, torn), cut > WAL_BEGIN_BYTES and cut not in self.commits)

    def test_a_flipped_bit_in_the_wal(self):
        load = self.commits[0]
        refused = 0
        for at in [0, 3, 5, 7, 8, 16, 30, load, load + 8, load + FRAME_BYTES + 9, self.commits[1] // 2,
                   self.commits[1] - 1]:
            with self.subTest(at=at):
                flipped = bytearray(self.wal)
                flipped[at] ^= 0x10
                project = self.copy(bytes(flipped))
                done = project.call("run", "r", "--json")
                if done.code != 0:
                    refused += 1
                    self.is_refused(project, "copy", "never delete the .wal", commands=["run"])
                    (project.dir / WAL).write_bytes(self.wal)  # from the backup
                    self.runs(project, 2)
                else:
                    # An entry that says it is longer than the file cannot be told from a torn one.
                    self.assertTrue(self.kept(project, bytes(flipped)))
                    self.every_row_once(project, 2)
        self.assertGreater(refused, 8)

    def test_a_wal_of_something_else(self):
        project = self.copy(b"not a WAL at all" * 10)
        self.is_refused(project, WAL, "never delete the .wal")
        (project.dir / WAL).write_bytes(self.wal)
        self.runs(project, 2)

    def test_a_wal_that_somebody_deleted(self):
        project = self.copy(self.wal)
        (project.dir / WAL).unlink()
        self.assertIn(LOST_WINDOW, self.runs(project, 2))

    def test_a_death_at_calls_of_the_first_load(self):
        """Also while the file itself is made."""
        first = self.folder / "first"
        first.mkdir()
        template = Project(folder=first)
        template.job("r", JOB)
        write_rows(template, 1)
        whole, log = shutil.copytree(first, self.folder / "first-whole"), self.folder / "first-log"
        self.assertEqual(Project(folder=whole).call("run", "r", env=io_faults(FILE, log=log)).code, 0)
        count = len(calls_in(log))
        self.assertGreater(count, 15)
        for number in sorted({*range(1, 10), *range(12, count, count // 8), count}):
            with self.subTest(number=number):
                project = Project(folder=shutil.copytree(first, self.folder / f"first-{number}"))
                done = project.call("run", "r", env=io_faults(FILE, nth=number, do="kill_after"))
                self.assertEqual(done.code, -signal.SIGKILL, done.err)
                self.runs(project, 1)
                self.assertEqual(list(project.dir.glob("*.new-*")), [])
                shutil.rmtree(project.dir)


if __name__ == "__main__":
    unittest.main()
