"""A run is taken over while its process stands still, and the process wakes: what it held back changes nothing.

Two folders share one store, one stage and one PostgreSQL target, as two servers would. The first process is stopped
somewhere in its run until its lease has ended; the second takes the run over and ends it; then the first goes on.
"""

import concurrent.futures
import os
import shutil
import signal
import sys

from crash.matrix import Report, expect
from crash.world import Cell, World, stop_all
from support.project import finish
from support.temporary_postgres import TemporaryPostgres

LEASE = "lease: 3s\n"
AT_ONCE = 6  # most of a cell is waiting
RETRIES_MAX = 3  # a machine that is busy elsewhere may cost a run its short lease
# Where the first process stands still. In the middle of a store transaction it would hold the SQLite file itself,
# which only a store on PostgreSQL can share.
PLACES = [*(f"store.committed@{n}" for n in range(2, 10)), "files.rename@1", "files.renamed@1", "postgres.query@12",
          "postgres.query@16", "postgres.query@20", "postgres.copy_put@1", "postgres.copy_end@1", "postgres.commit@1",
          "postgres.committed@1", "postgres.commit@2", "postgres.committed@2"]


def takeover(world, report, place):
    with world.fresh() as cell:
        cell.write_project(LEASE)
        other = Cell(world, cell.dir.parent / (cell.dir.name + "-other"), cell.database)
        other.write_project(LEASE + f"store: sqlite:{cell.dir / '.tidemark/store.db'}\n", cell.dir)
        if not world.many:
            os.link(cell.dir / "shop.db", other.dir / "shop.db")
        started = []
        try:
            zombie = cell.start(f"{place}=stop")
            started.append(zombie)
            expect(cell.wait_until_stopped(zombie), f"{place} was not reached")
            report.fired(cell)
            second = other.run(None, "--wait", "60s")
            for _ in range(RETRIES_MAX):
                if "lease was last renewed" not in second.err:
                    break
                second = other.run(None, "--wait", "60s")
            expect(second.code == 0, f"who takes over ended with {second.code}: {second.err}")
            os.kill(zombie.pid, signal.SIGCONT)
            woken = finish(zombie)
            # What was committed before it stood still may have been all there was to do.
            expect(woken.code in (0, 1), f"the old process ended with {woken.code}: {woken.err}")
            expect(woken.code == 0 or any(code in woken.out for code in ("lease_lost", "fenced", "stale")),
                   f"the old process does not say what happened: {woken.err}")
            third = cell.run(None, "--wait", "60s")
            expect(third.code == 0, f"the run after ended with {third.code}: {third.err}")
            cell.check()
        finally:
            stop_all(started)
            shutil.rmtree(other.dir, ignore_errors=True)
    return True


def main():
    places = sys.argv[1:] or PLACES
    report = Report()
    with TemporaryPostgres() as server, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for load in ("full", "append", "upsert"):
            world = World("postgres", load, server)
            try:
                list(pool.map(lambda place, world=world: report.cell(
                    f"{world.name}: {place}", lambda at: takeover(world, report, at), place), places))
            finally:
                world.close()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
