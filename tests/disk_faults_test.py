#!/usr/bin/env python3
"""A disk that is full, fails or writes less than it was asked to, at every write and sync of stage, store and DuckDB
file: the files stay whole, the error says what to do, and once the disk is well again the next run loads every row
once.

The program is $TIDEMARK_BINARY, default build/dev/tidemark. IO_FAULTS_EVERY=1 tries every single call with both loads;
without it a few of each kind, the first and the last among them, with the loads in turn.
"""

import concurrent.futures
import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

from crash.world import Mismatch, World, environment
from support.duckdb_file import DuckdbFile
from support.io_faults import calls_in, io_faults, is_built
from support.project import BINARY, finish

# What a call's path holds. The program probes the disk beside a file that could not be written.
PLACES = {"stage": ".tidemark/stage", "store": "store.db", "warehouse": ["goal.duckdb", "disk.probe"]}
# Calls, and what becomes of one of them and of all later ones.
FAULTS = {
    "a full disk": (["write", "truncate"], {"do": "ENOSPC", "then": "ENOSPC"}),
    "a quota that is used up within a write": (["write"], {"do": "short", "then": "EDQUOT"}),
    "a write that fails once": (["write"], {"do": "EIO"}),
    "a sync that fails once": (["sync"], {"do": "EIO"}),
    "a sync that fails from then on": (["sync"], {"do": "EIO", "then": "EIO"}),
    "a write of half the bytes": (["write"], {"do": "short"}),
    "a file that cannot be made or renamed": (["open", "rename"], {"do": "ENOSPC"}),
}
LOADS = ("upsert", "full")
EVERY = bool(os.environ.get("IO_FAULTS_EVERY"))
CELLS_EACH = 5


def chosen(count):
    """The numbers of the calls to break."""
    if EVERY or count <= CELLS_EACH:
        return range(1, count + 1)
    return sorted({1 + at * (count - 1) // (CELLS_EACH - 1) for at in range(CELLS_EACH)})


def run(cell, **faults):
    process = subprocess.Popen([str(BINARY), "run", "copy", "--json"], cwd=cell.dir, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**environment(), **io_faults(**faults)})
    return finish(process)


def expect(condition, what):
    if not condition:
        raise Mismatch(what)


def is_whole(cell):
    """Right after the fault, looked at in copies: every file can be read, and the target has a window or has it not."""
    with tempfile.TemporaryDirectory(dir=cell.dir.parent) as folder:
        for path in [*cell.dir.glob("goal.duckdb*"), *(cell.dir / ".tidemark").glob("store.db*")]:
            shutil.copy(path, folder)
        with contextlib.closing(sqlite3.connect(folder + "/store.db")) as store:
            expect(store.execute("pragma integrity_check").fetchall() == [("ok",)], "the store is damaged")
        with DuckdbFile(folder + "/goal.duckdb") as file:
            seqs = file.rows("select seq from tidemark_ledger")
            loads = file.rows("select count(*) from tidemark_loads")
        expect(seqs in ([["1"]], [["2"]]) and loads == seqs, f"the ledger says {seqs}, with {loads} loads")
    done = finish(subprocess.Popen([str(BINARY), "stage", "verify", "--json"], cwd=cell.dir, env=environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    expect(done.code == 0, f"a damaged stage: {done.out}")


def broken(world, place, fault, number):
    """One cell; what went wrong, or nothing."""
    calls, orders = FAULTS[fault]
    with world.fresh() as cell:
        try:
            done = run(cell, path=PLACES[place], calls=calls, nth=number, **orders)
            expect(done.code in (0, 1), f"it ended with {done.code}: {done.err}")
            if done.code == 1:
                error = done.json["error"]
                expect(error["message"] and error["hint"], f"says not what to do: {error}")
                if "write" in calls and orders.get("then") in ("ENOSPC", "EDQUOT"):
                    expect(error["code"].endswith(".disk_full"), f"says nothing of space: {error}")
            is_whole(cell)
            cell.recover()
            cell.check()
        except (Mismatch, AssertionError, ValueError, KeyError, TypeError) as problem:
            return f"{world.name}, {fault} of the {place}, call {number}: {problem}"
    return None


@unittest.skipUnless(is_built(), "the library that breaks calls is built with the tests only")
class DiskFaultsTest(unittest.TestCase):
    def every_fault(self, place):
        tried = 0
        with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            worlds = [stack.enter_context(contextlib.closing(World("duckdb", load))) for load in LOADS]
            cells = []
            for at, (fault, (calls, _)) in enumerate(FAULTS.items()):
                for world in worlds if EVERY else [worlds[at % len(worlds)]]:
                    log = world.folder / "calls"
                    log.unlink(missing_ok=True)
                    with world.fresh() as cell:
                        done = run(cell, path=PLACES[place], calls=calls, log=log)
                        self.assertEqual(done.code, 0, done.err)
                    cells += [(world, place, fault, number) for number in chosen(len(calls_in(log)))]
            for problem in pool.map(lambda cell: broken(*cell), cells):
                tried += 1
                if problem:
                    with self.subTest(problem):
                        self.fail(problem)
        self.assertGreater(tried, len(FAULTS))
        print(f"{place}: {tried} broken calls")

    def test_stage(self):
        self.every_fault("stage")

    def test_store(self):
        self.every_fault("store")

    def test_duckdb_file(self):
        self.every_fault("warehouse")


if __name__ == "__main__":
    unittest.main()
