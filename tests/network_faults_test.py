#!/usr/bin/env python3
"""The network between Tidemark and PostgreSQL breaks, is slow, or goes silent; every row comes once, run states settle.

Source and target each stand behind a proxy (support/fault_proxy.py). A cell breaks one connection at one place of the
protocol, before, within or after a message; then the job is run to its end, and the target, the quarantine, the ledger
and the history of the runs are held against the source's own history.
"""

import concurrent.futures
import contextlib
import itertools
import os
import re
import signal
import sys
import threading

from crash.matrix import Report, expect
from crash.world import World
from support.fault_proxy import FaultProxy
from support.project import finish
from support.temporary_postgres import TemporaryPostgres

SOURCE, TARGET = "shop", "goal"
# Every place at which a connection is broken, and how many such messages are passed over from one cell to the next.
PLACES = {
    SOURCE: [("startup", 1), ("auth", 2), ("query", 13), ("copy_out", 23)],
    TARGET: [("startup", 1), ("auth", 2), ("query", 17), ("copy_in", 1), ("commit", 1), ("committed", 1)],
}
# How much of the message goes through: nothing, the head, all but a byte, all.
THROUGH = [0, 3, -1, None]
MESSAGES_MAX = 500  # of one place in a run; more would mean that nothing ends
SILENT_SECONDS = 2
STOPPED_SECONDS = 30


@contextlib.contextmanager
def behind_proxies(world):
    """(cell, its proxies by connection): a project whose PostgreSQL connections all go by a proxy of their own."""
    with world.fresh() as cell, FaultProxy(world.server.port) as source, FaultProxy(world.server.port) as target:
        proxies = {SOURCE: source, TARGET: target}
        path = cell.dir / "tidemark.yaml"
        lines = path.read_text().splitlines(keepends=True)
        for at, line in enumerate(lines):
            name = line.split(":")[0].strip()
            if name in proxies and "postgres" in line:
                lines[at] = re.sub(r"port=\d+", f"port={proxies[name].port}", line)
        path.write_text("".join(lines))
        yield cell, proxies


def settle(cell):
    cell.recover()
    cell.check()


def broken(world, side, place, nth, through, then):
    """One fault. False where the run has no `nth` message of that place."""
    with behind_proxies(world) as (cell, proxies):
        proxy = proxies[side]
        proxy.arm(place, nth, through, then)
        done = cell.run()
        proxy.disarm()
        if not proxy.fired:
            expect(done.code == 0, f"nothing was broken, and it ended with {done.code}: {done.err}")
            return False
        # A lost answer may be found out within the run; then all is well.
        expect(done.code in (0, 1), f"it ended with {done.code}: {done.err}")
        expect(isinstance(done.json, dict), f"no JSON: {done.out}")
        expect(done.code == 0 or done.err.strip(), "no word about the fault")
        settle(cell)
        return True


def through_all(world, report, pool, side, place, stride):
    ways = itertools.cycle(itertools.product(("cut", "reset"), THROUGH))
    reached = 0
    for first in range(1, MESSAGES_MAX, 2 * stride):
        cells = [(nth, *next(ways)) for nth in (first, first + stride)]
        futures = [pool.submit(report.cell, f"{world.name}: {side} {place}@{nth} {then} after {through}",
                               lambda at, nth=nth, then=then, through=through:
                               broken(world, side, at, nth, through, then), place)
                   for nth, then, through in cells]
        found = [future.result() for future in futures]
        reached += sum(found)
        if not all(found):
            break
    if not reached:
        report.failed += 1
        print(f"FAILED  {world.name}: a run has no {place} of the {side}")


def at_commit(world, report, pool):
    """Every COMMIT at the target, at every byte class of the message and of its answer."""
    cells = itertools.product(range(1, 4), ("commit", "committed"), THROUGH)
    for future in [pool.submit(report.cell, f"{world.name}: {place}@{nth} after {through}",
                               lambda at, nth=nth, through=through: broken(world, TARGET, at, nth, through, "cut"), place)
                   for nth, place, through in cells]:
        future.result()


def sliced(world):
    with behind_proxies(world) as (cell, proxies):
        for proxy in proxies.values():
            proxy.sliced = True
        settle(cell)
        return True


def slow(world):
    with behind_proxies(world) as (cell, proxies):
        for proxy in proxies.values():
            proxy.delay = 0.003
        settle(cell)
        return True


def silent_answer(world, nth):
    """The answer to a COMMIT is swallowed; what is between keeps the line up for a while, then lets it go."""
    with behind_proxies(world) as (cell, proxies):
        proxies[TARGET].arm("committed", nth, 0, "swallow")
        timer = threading.Timer(SILENT_SECONDS, proxies[TARGET].cut_all)
        timer.start()
        try:
            done = cell.run()
        finally:
            timer.cancel()
        expect(done.code in (0, 1), f"it ended with {done.code}: {done.err}")
        expect(proxies[TARGET].fired, "nothing was swallowed")
        settle(cell)
        return True


def lost_row(world, nth):
    """A row is lost on its way, and nothing else: the server's own count tells."""
    with behind_proxies(world) as (cell, proxies):
        proxies[SOURCE].arm("copy_out", nth, 0, "lose")
        done = cell.run()
        expect(proxies[SOURCE].fired, "nothing was lost")
        expect(done.code == 1 and done.json["error"]["code"] == "source.count_mismatch", f"{done.code}: {done.err}")
        settle(cell)
        return True


def silent_at_connect(world, side):
    """The server takes the connection and answers nothing more: the run ends by itself."""
    with behind_proxies(world) as (cell, proxies):
        proxies[side].arm("query", 1, 0, "swallow")
        done = cell.run()
        expect(done.code == 1 and "did not answer in time" in done.err, f"it ended with {done.code}: {done.err}")
        settle(cell)
        return True


def silent_and_stopped(world, side, place):
    """A connection goes silent for good; Ctrl-C still ends the run."""
    with behind_proxies(world) as (cell, proxies):
        proxies[side].arm(place, 1, 0, "swallow")
        process = cell.start()
        try:
            while not proxies[side].fired:
                expect(process.poll() is None, "it ended before")
                proxies[side].event.wait(1)
            process.send_signal(signal.SIGINT)
            done = finish(process, STOPPED_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        expect(done.code == 130, f"after Ctrl-C it ended with {done.code}: {done.err}")
        settle(cell)
        return True


def main():
    report = Report()
    with TemporaryPostgres() as server, concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        worlds = [World("postgres", "upsert", server, many=True), World("postgres", "append", server),
                  World("postgres", "full", server)]
        try:
            both = worlds[0]
            named = [("single bytes", sliced), ("slow", slow)]
            named += [(f"silent answer to COMMIT {nth}", lambda world, nth=nth: silent_answer(world, nth))
                      for nth in (1, 2, 3)]
            named += [(f"silent {side} {place}, stopped",
                       lambda world, side=side, place=place: silent_and_stopped(world, side, place))
                      for side, place in ((SOURCE, "copy_out"), (TARGET, "copy_in"), (SOURCE, "startup"))]
            named += [(f"row {nth} lost", lambda world, nth=nth: lost_row(world, nth)) for nth in (2, 9)]
            named += [(f"silent {side} at connect", lambda world, side=side: silent_at_connect(world, side))
                      for side in (SOURCE, TARGET)]
            for future in [pool.submit(report.cell, f"{both.name}: {name}", run, both) for name, run in named]:
                future.result()
            for side, places in PLACES.items():
                for place, stride in places:
                    through_all(both, report, pool, side, place, stride)
            for world in worlds[1:]:
                at_commit(world, report, pool)
        finally:
            for world in worlds:
                world.close()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
