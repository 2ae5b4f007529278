#!/usr/bin/env python3
"""Faults of loads into MySQL and of reads from it: nothing lost, nothing doubled.

Killed before and after each COMMIT, at statements and while rows are read; sessions that break at statements, a COMMIT
or its answer that does not arrive, a server that is killed in the middle of a load, and an owner who was taken over.
Random faults are in `make crash`.
"""

import concurrent.futures
import itertools
import os
import re
import signal
import sys

from crash.matrix import Matrix, Report, expect
from crash.mysql_world import MysqlSourceWorld, MysqlWorld
from crash.world import stop_all
from crash_takeover_test import takeover
from support.fault_proxy import MysqlFaultProxy
from support.project import finish
from support.temporary_mariadb import TemporaryMariadb

# A process that is killed loses nothing of what it committed; of the machine nothing is asked here.
SETTINGS = ("innodb-flush-log-at-trx-commit=2",)
COMMITS = 3  # of a run: who owns the job, and the load; one more is not reached
QUERY_STRIDE = 9
QUERIES_MAX = 200
FETCHES = (1, 6, 20)
THROUGH = (0, 3, -1, None)  # how much of the message goes through
TAKEOVERS = ("mysql.query@18", "mysql.query@26", "mysql.commit@1", "mysql.commit@2", "mysql.committed@2")
KILLED_AT = {"upsert": ("mysql.query@20", "mysql.query@26", "mysql.commit@2"), "full": ("mysql.commit@2",)}


class Cells:
    def __init__(self, pool, report):
        self.pool, self.report = pool, report

    def all(self, world, named):
        """How many of the cells were reached."""
        futures = [self.pool.submit(self.report.cell, f"{world.name}: {name}", lambda at, run=run: run(), name)
                   for name, run in named]
        return sum(future.result() for future in futures)


def broken(world, place, nth, through):
    """The connection is cut at a COMMIT or in its answer."""
    with world.fresh() as cell, MysqlFaultProxy(world.server.port) as proxy:
        path = cell.dir / "tidemark.yaml"
        path.write_text(re.sub(r"port=\d+", f"port={proxy.port}", path.read_text()))
        proxy.arm(place, nth, through)
        done = cell.run()
        proxy.disarm()
        if not proxy.fired:
            expect(done.code == 0, f"nothing was broken, and it ended with {done.code}: {done.err}")
            return False
        expect(done.code in (0, 1), f"it ended with {done.code}: {done.err}")
        expect(done.code == 0 or done.err.strip(), "no word about the fault")
        cell.recover()
        cell.check()
        return True


def server_killed(world, report, place):
    """The server is gone in the middle of the load, and comes back."""
    with world.fresh() as cell:
        process = cell.start(f"{place}=stop")
        try:
            expect(cell.wait_until_stopped(process), f"{place} was not reached")
            report.fired(cell)
            world.server.kill()
            os.kill(process.pid, signal.SIGCONT)
            done = finish(process)
            expect(done.code == 1 and done.err.strip(), f"without its server it ended with {done.code}: {done.err}")
        finally:
            stop_all([process])
            world.server.start()
        cell.recover()
        cell.check()
    return True


def loads(server, cells):
    report = cells.report
    for load in ("upsert", "append", "full"):
        world = MysqlWorld(load, server)
        try:
            matrix = Matrix(world, cells.pool, report)
            named = [(f"{point}@{nth} kill", lambda place=f"{point}@{nth}": matrix.kill(place))
                     for point in ("mysql.commit", "mysql.committed") for nth in range(1, COMMITS + 1)]
            if load == "upsert":
                named += [(f"{point}@{nth} reset", lambda place=f"{point}@{nth}": matrix.fail(place, "reset"))
                          for point in ("mysql.commit", "mysql.committed") for nth in range(1, COMMITS + 1)]
                named += [(f"{place}@{nth} after {through}",
                           lambda place=place, nth=nth, through=through: broken(world, place, nth, through))
                          for place, nth, through in itertools.product(("commit", "committed"), (1, 2), THROUGH)]
            expect(cells.all(world, named) > COMMITS, "a load has no COMMIT")
            queries(world, cells, "kill" if load == "append" else "reset")
            with concurrent.futures.ThreadPoolExecutor(len(TAKEOVERS)) as at_once:
                list(at_once.map(lambda place, world=world: report.cell(
                    f"{world.name}: taken over at {place}", lambda at: takeover(world, report, at), place),
                    TAKEOVERS if load == "upsert" else TAKEOVERS[-2:-1]))
        finally:
            world.close()


def queries(world, cells, fault):
    """At a statement: every ninth, until a run has no more."""
    matrix = Matrix(world, cells.pool, cells.report)
    run = matrix.kill if fault == "kill" else lambda place: matrix.fail(place, fault)
    for first in range(2, QUERIES_MAX, 2 * QUERY_STRIDE):
        places = [f"mysql.query@{nth}" for nth in (first, first + QUERY_STRIDE)]
        if cells.all(world, [(f"{place} {fault}", lambda place=place: run(place)) for place in places]) < len(places):
            return
    raise AssertionError("statements without end")


def reads(server, cells):
    for load in ("append", "full"):
        world = MysqlSourceWorld(load, server)
        try:
            matrix = Matrix(world, cells.pool, cells.report)
            named = [(f"mysql.fetch@{nth} {word}", lambda nth=nth, run=run: run(f"mysql.fetch@{nth}"))
                     for nth in FETCHES
                     for word, run in (("kill", matrix.kill), ("reset", lambda place: matrix.fail(place, "reset")))]
            expect(cells.all(world, named) == len(named), "not every row was reached")
            if load == "append":
                queries(world, cells, "reset")
        finally:
            world.close()


def servers_killed(report):
    """Over a server of their own, so that what a kill leaves behind reaches no other cell."""
    for load, places in KILLED_AT.items():
        with TemporaryMariadb(SETTINGS) as server:
            world = MysqlWorld(load, server)
            try:
                for place in places:
                    report.cell(f"{world.name}: server killed at {place}",
                                lambda at, world=world: server_killed(world, report, at), place)
            finally:
                world.close()


def main():
    report = Report()
    with TemporaryMariadb(SETTINGS) as server, concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        cells = Cells(pool, report)
        loads(server, cells)
        reads(server, cells)
    servers_killed(report)
    silent = {"mysql.query", "mysql.fetch", "mysql.commit", "mysql.committed"} - report.points
    if silent:
        report.failed += 1
        print(f"FAILED  never fired: {', '.join(sorted(silent))}")
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
