#!/usr/bin/env python3
"""Random faults by the thousand: each life of a job meets one to four of them, then it must come out whole.

  tests/crash/random_faults.py [--runs 10000] [--seed N] [--only TEXT]

A run is one start of the program with a fault: a kill at a random time, or at a random step a kill, a stall (past the
lease, then woken or killed), an error of disk, engine, network or server. After each life the job runs to its end
without faults, and its target, quarantine, ledger and store are compared with the source's own history. `--seed` makes
the same lives again, up to what the clock decides; `--only` takes the worlds whose name has that text.
"""

import argparse
import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import random
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from crash.matrix import CALL_FAULTS, known_points  # noqa: E402
from crash.mysql_world import MysqlWorld  # noqa: E402
from crash.world import RUN_SECONDS, Mismatch, World, stop_all  # noqa: E402
from support.project import finish  # noqa: E402
from support.temporary_mariadb import TemporaryMariadb  # noqa: E402
from support.temporary_postgres import TemporaryPostgres  # noqa: E402

LOADS = ("full", "append", "upsert")
LEASE_SECONDS = 2
RECOVERIES_MAX = 5  # a machine that is busy elsewhere may cost a run its short lease
RUN_MAX = 1.5  # seconds in which a timed kill falls
STEPS_MAX = 60  # a run has fewer steps of most kinds; a place that is not reached is a run without a fault
FAULTS_MAX = 4
# The exit codes of a run that met an error: done after all, an error, a fault of the files, waits or is refused.
CODES = (0, 1, 2, 3)


def any_fault(dice):
    """`PLACE=ACTION` for the program."""
    kind = dice.choices(["kill", "stop", "error"], [3, 2, 5])[0]
    at = dice.randint(1, dice.choice([8, STEPS_MAX]))
    if kind != "error":
        return f"{dice.choice(['durable', 'store.commit', 'store.committed', 'any'])}@{at}={kind}"
    name, durable = dice.choice(known_points())
    actions = CALL_FAULTS.get(name) or (["enospc", "eio"] if durable else ["eio"])
    if name.startswith("store."):
        actions = ["enospc"] if name == "store.commit" else ["eio"]
    return f"{name}@{at if durable else dice.randint(1, 8)}={dice.choice(actions)}"


class Life:
    """One cell and the faults it meets, as words for whoever reads a failure."""

    def __init__(self, world, seed):
        self.world, self.dice = world, random.Random(seed)
        self.faults = []
        self.fired = 0

    def live(self):
        with self.world.fresh() as cell:
            cell.write_project(f"lease: {LEASE_SECONDS}s\n")
            for _ in range(self.dice.randint(1, FAULTS_MAX)):
                self.meet(cell)
            self.recover(cell)
            cell.check()
            self.fired = len(cell.fired())

    @staticmethod
    def recover(cell):
        for left in reversed(range(RECOVERIES_MAX)):
            try:
                cell.recover()
                return
            except Mismatch as problem:
                if left == 0 or "gave no sign of life" not in str(problem):
                    raise

    def meet(self, cell):
        if self.dice.random() < 0.25:
            return self.killed_in_time(cell)
        fault = any_fault(self.dice)
        self.faults.append(fault)
        process = cell.start(fault)
        try:
            if not fault.endswith("=stop"):
                done = finish(process, RUN_SECONDS)
            elif cell.wait_until_stopped(process):
                done = self.stalled(process)
            else:
                done = finish(process, RUN_SECONDS)
        finally:
            stop_all([process])
        if done.code not in CODES and done.code != -signal.SIGKILL:
            raise Mismatch(f"it ended with {done.code}: {done.err}")
        if done.code not in (0, -signal.SIGKILL) and not done.err.strip():
            raise Mismatch(f"it ended with {done.code} and not a word")
        return None

    def stalled(self, process):
        seconds = self.dice.choice([0, LEASE_SECONDS * 0.8, LEASE_SECONDS * 1.5])
        then = self.dice.choice([signal.SIGCONT, signal.SIGKILL])
        self.faults.append(f"{then.name} after {seconds} s")
        time.sleep(seconds)
        os.kill(process.pid, then)
        return finish(process, RUN_SECONDS)

    def killed_in_time(self, cell):
        seconds = self.dice.random() * RUN_MAX
        self.faults.append(f"kill after {seconds:.3f} s")
        process = cell.start()
        time.sleep(seconds)
        stop_all([process])


class Count:
    def __init__(self):
        self.lock = threading.Lock()
        self.runs = self.lives = self.fired = 0
        self.failed = []


def live(world, seed, count):
    life = Life(world, seed)
    problem = None
    try:
        life.live()
    except (Mismatch, AssertionError) as found:
        problem = found
    with count.lock:
        count.lives += 1
        count.runs += len(life.faults)
        count.fired += life.fired
        if problem:
            count.failed.append(seed)
            print(f"FAILED  {world.name}, seed {seed}: {', '.join(life.faults)}: {problem}", flush=True)


def play(runs, seed, only):
    count = Count()
    started = time.monotonic()
    with TemporaryPostgres() as server, TemporaryMariadb() as mariadb, contextlib.ExitStack() as at_end:
        worlds = []
        for target in ("duckdb", "postgres"):
            for many, again in itertools.product((False, True), repeat=2):
                for load in LOADS:
                    name = f"{target} {load}{' many' if many else ''}{' again' if again else ''}"
                    if only in name:
                        worlds.append(World(target, load, server, many, again))
                        at_end.callback(worlds[-1].close)
        for again, load in itertools.product((False, True), LOADS):
            if only in f"mysql {load}{' again' if again else ''}":
                worlds.append(MysqlWorld(load, mariadb, again))
                at_end.callback(worlds[-1].close)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            while count.runs < runs and len(count.failed) < 10:
                before = count.lives
                lives = [pool.submit(live, world, f"{seed}.{before + at}", count) for at, world in enumerate(worlds)]
                for one in lives:
                    one.result()
                print(f"{count.runs} runs with a fault in {count.lives} lives, {count.fired} injected faults fired, "
                      f"{len(count.failed)} failed, {time.monotonic() - started:.0f} s", flush=True)
    print(f"{count.lives - len(count.failed)} passed, {len(count.failed)} failed")
    return 0 if count.lives and not count.failed else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10000, help="how many runs with a fault; default: 10000")
    parser.add_argument("--seed", default=str(random.randrange(1 << 32)), help="default: a new one, which is shown")
    parser.add_argument("--only", default="", help="worlds whose name has this text, e.g. 'postgres upsert'")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    sys.exit(play(options.runs, options.seed, options.only))


if __name__ == "__main__":
    main()
