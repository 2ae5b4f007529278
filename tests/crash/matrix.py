"""The crash matrix: every fault at every durable step and every call, then run to the end and compare.

Each cell is one fault in one copy of a World. `durable@N` goes through all durable steps of a run, N = 1, 2, ... until
the run ends without reaching it; `NAME@N` does the same for one kind of call.

With CI=true every second pair of places of a call is left out, which of them by the commit; kills at durable steps are all
played. Without, as in `make test`, all are.
"""

import concurrent.futures
import itertools
import os
import re
import signal
import subprocess
import sys
import time

from crash.world import Mismatch, World
from support.project import ROOT, finish

# What a place can fail with, by the beginning of its name; see src/env/failpoints.h.
CALL_FAULTS = {
    "postgres.query": ["reset", "shutdown", "sqlstate:40001", "sqlstate:40P01", "sqlstate:55P03", "sqlstate:53100"],
    "postgres.copy_put": ["reset"],
    "postgres.copy_end": ["reset", "sqlstate:53100"],
    "postgres.copy_read": ["reset"],
    "postgres.connect": ["reset"],
    "postgres.commit": ["reset", "shutdown", "sqlstate:40001"],
    "postgres.committed": ["reset"],
    "engine.query": ["engine"],
    "engine.commit": ["eio"],
    "engine.committed": ["eio"],
    "source.next": ["eio"],
    "files.read": ["eio"],
}
TRANSITIONS_MAX = 100  # of one run; more would mean that a point is reached without end


def left_out():
    """Which pairs of places are left out, the even or the odd ones; None: none is."""
    if os.environ.get("CI") != "true":
        return None
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return int(head[-1:] or "0", 16) % 2


def known_points():
    """Every failpoint of the program: (name, durable)."""
    text = (ROOT / "src/env/failpoints.h").read_text()
    return [(name, durable == "true") for name, durable in re.findall(r'POINT\(\w+, "([\w.]+)", (true|false)\)', text)]


def expect(condition, what):
    if not condition:
        raise Mismatch(what)


class Matrix:
    def __init__(self, world, pool, report):
        self.world, self.pool, self.report = world, pool, report

    # --- kinds of cells; each returns False when the place was not reached

    def kill(self, place):
        with self.world.fresh() as cell:
            done = cell.run(f"{place}=kill")
            if not cell.fired():
                expect(done.code == 0, f"nothing was injected, and it ended with {done.code}: {done.err}")
                return False
            expect(done.code == -signal.SIGKILL, f"it was not killed: {done.code}")
            self.report.fired(cell)
            self.report.recovered(cell.recover())
            cell.check()
            return True

    def fail(self, place, fault):
        with self.world.fresh() as cell:
            done = cell.run(f"{place}={fault}")
            if not cell.fired():
                expect(done.code == 0, f"nothing was injected, and it ended with {done.code}: {done.err}")
                return False
            self.report.fired(cell)
            # The engine calls a statement that fails a fault of who wrote it.
            expect(done.code in (0, 1, 2), f"it ended with {done.code}: {done.err}")
            expect(isinstance(done.json, dict), f"no JSON: {done.out}")
            expect(done.code == 0 or done.err.strip(), "no word about the fault")
            cell.recover()
            cell.check()
            return True

    def stop(self, place, then):
        """The process stands still in the middle; nobody may take its project, until it is gone or goes on."""
        with self.world.fresh() as cell:
            process = cell.start(f"{place}=stop")
            try:
                if not cell.wait_until_stopped(process):
                    done = finish(process)
                    expect(done.code == 0, f"nothing was injected, and it ended with {done.code}: {done.err}")
                    return False
                self.report.fired(cell)
                second = cell.run()
                expect(second.code == 3, f"a second process ended with {second.code} beside a stopped one")
                expect(f"process {process.pid}" in second.err, f"it does not name who holds it: {second.err}")
                os.kill(process.pid, then)
                if then == signal.SIGCONT:
                    done = finish(process)
                    expect(done.code == 0, f"after it went on it ended with {done.code}: {done.err}")
                else:
                    process.wait()
            finally:
                if process.poll() is None:
                    process.kill()
                process.communicate()
            cell.recover()
            cell.check()
            return True

    # --- going through all places

    def all_places(self, name, cell):
        """`cell(place)` for NAME@1, NAME@2, ... until one is not reached."""
        step = 2  # places at a time, one for each core
        skipped = None if name == "durable" else left_out()
        for first in itertools.count(1, step):
            expect(first < TRANSITIONS_MAX, f"{name} is reached without end")
            if first > 1 and first // step % 2 == skipped:
                continue
            places = [f"{name}@{n}" for n in range(first, first + step)]
            futures = [self.pool.submit(self.report.cell, f"{self.world.name}: {place}", cell, place)
                       for place in places]
            if not all([future.result() for future in futures]):
                return

    def durable(self):
        self.all_places("durable", self.kill)

    def transitions(self):
        """Every transaction of the store: stopped and killed, stopped and gone on, refused by a full disk."""
        self.all_places("store.commit", lambda place: self.stop(place, signal.SIGKILL))
        self.all_places("store.committed", lambda place: self.stop(place, signal.SIGCONT))
        self.all_places("store.commit", lambda place: self.fail(place, "enospc"))
        self.all_places("store.committed", lambda place: self.fail(place, "eio"))

    def errors(self, names):
        """Files that cannot be written, and every call that another system may refuse."""
        for name, durable in known_points():
            if name not in names:
                continue
            if durable and name.startswith(("files.", "stage.")):
                faults = itertools.cycle(["enospc", "eio"])
                self.all_places(name, lambda place: self.fail(place, next(faults)))
            elif name in CALL_FAULTS:
                kinds = itertools.cycle(CALL_FAULTS[name])
                self.all_places(name, lambda place: self.fail(place, next(kinds)))


class Report:
    def __init__(self):
        self.passed = self.failed = 0
        self.points = set()
        self.recoveries = []
        self.started = time.monotonic()

    def cell(self, name, run, place):
        """True while the place is reached, also when the cell failed."""
        try:
            reached = run(place)
        except Mismatch as problem:
            self.failed += 1
            print(f"FAILED  {name}: {problem}", flush=True)
            return True
        self.passed += 1 if reached else 0
        return reached

    def fired(self, cell):
        self.points.update(line.split()[0] for line in cell.fired())

    def recovered(self, seconds):
        self.recoveries.append(seconds)

    def close(self):
        times = sorted(self.recoveries) or [0]
        print(f"cells: {self.passed + self.failed}, {time.monotonic() - self.started:.0f} s; the run after a kill took "
              f"{times[len(times) // 2]:.2f} s in the middle, {times[-1]:.2f} s at most")
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


def play(worlds):
    """`worlds`: functions that make one World each. Returns the exit code of the test."""
    report = Report()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for make in worlds:
            world = make()
            try:
                matrix = Matrix(world, pool, report)
                matrix.durable()
                # More streams take more steps, not other ones, and rows that are tried again take the same.
                if world.many:
                    matrix.errors(["postgres.copy_read"])
                elif not world.again:
                    matrix.transitions()
                    matrix.errors([name for name, _ in known_points()])
            finally:
                world.close()
            print(f"{world.name}: {report.passed} passed, {report.failed} failed so far", flush=True)
    return report


def main(worlds, must_fire):
    report = play(worlds)
    silent = [name for name, _ in known_points() if must_fire(name) and name not in report.points]
    if silent:
        report.failed += 1
        print(f"FAILED  never fired: {', '.join(silent)}")
    sys.exit(report.close())
