#!/usr/bin/env python3
"""Sweeps beside writers, and sweeps that die: no row that is alive is ever taken out, and nothing is done by halves."""

import random
import threading
import time
import unittest

from support.deletes import Deletes

ALIVE = range(1, 51)  # rows that are changed and never deleted


class Race(Deletes):
    """Every run sweeps, while writers insert, change, delete and rename keys."""
    seconds = 6
    once = True  # each state of a row is read once, so that one that is deleted by mistake does not come back by itself

    def writer(self, number, stop, failures):
        pick = random.Random(number)
        mine = list(range(1000 * number, 1000 * number + 40))
        try:
            while not stop.is_set():
                i, key = pick.choice(mine), pick.choice(ALIVE)
                now = "clock_timestamp()"
                self.shop(pick.choice([
                    f"insert into orders (id, name) values ({i}, 'w') on conflict (id) do update set name = 'v', at = {now}",
                    f"delete from orders where id = {i}",
                    f"update orders set gone = not gone, at = {now} where id = {i}",
                    f"begin; delete from orders where id = {i}; select pg_sleep(0.05); rollback",
                    f"begin; update orders set name = 'late', at = {now} where id = {key}; select pg_sleep(0.1); commit",
                    f"begin; insert into orders (id, name) values ({i}, 's') on conflict do nothing; "
                    f"select pg_sleep(0.1); commit",
                    f"update orders set id = id + 40, at = {now} where id = {i} and not exists (select from orders "
                    f"where id = {i + 40})",
                ]))
        except Exception as problem:  # shown by the test, not by the thread
            failures.append(problem)

    def test_no_row_that_is_alive_goes_and_in_the_end_both_are_equal(self):
        self.make(rows=len(ALIVE))
        self.job("{column: gone, sweep: 1s, max_fraction: 100%}")
        if self.once:
            self.assertEqual(0, self.project.call("source", "prepare", "shop", "orders", "--apply").code)
            path = self.project.dir / "jobs/orders.yaml"
            path.write_text(path.read_text().replace("watermark: at", "watermark: tidemark_xid"))
        self.good("orders")
        stop, failures = threading.Event(), []
        writers = [threading.Thread(target=self.writer, args=(n, stop, failures)) for n in (1, 2, 3)]
        for writer in writers:
            writer.start()
        runs = swept = 0
        until = time.monotonic() + self.seconds
        try:
            while time.monotonic() < until or runs <= 3:
                run = self.good("orders", "--sweep")
                runs, swept = runs + 1, swept + self.deleted(run)
                self.assertEqual(list(ALIVE), [i for i in self.ids() if i <= len(ALIVE)])
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        self.assertEqual([], failures)
        self.good("orders", "--sweep")
        alive = self.shop("select string_agg(id || ' ' || name, ',' order by id) from orders where not gone")
        if self.target_kind == "duckdb":
            found = ",".join(f"{i} {name}" for i, name in self.project.rows("select id, name from orders order by id"))
        else:
            found = self.target("select string_agg(id || ' ' || name, ',' order by id) from orders")
        self.assertEqual(alive, found)
        self.assertGreater(runs, 3)
        self.assertGreater(swept, 5)


class RacePostgres(Race):
    target_kind, once = "postgres", False


class Crash(Deletes):
    """A kill at every durable step: then again, and target, ledger and history are as without it."""
    source_kind, step = "sqlite", 1
    now = {"duckdb": "now() - interval 2 hour", "postgres": "now() - interval '2 hours'"}

    def test_a_sweep_that_dies_is_done_whole_or_not_at_all(self):
        points = 0
        for number in range(1, 60, self.step):
            name = f"t{number}"
            self.lite(f"create table {name} (id integer primary key, name text, gone integer not null default 0, "
                      f"at text); insert into {name} (id, name, at) values (1, 'a', '1'), (2, 'b', '2'), (3, 'c', '3')")
            self.job("{sweep: 1h, column: gone}", name, reads=f"table: {name}")
            self.good(name)
            self.lite(f"delete from {name} where id = 1; update {name} set gone = 1, at = '4' where id = 2; "
                      f"insert into {name} (id, name, at) values (4, 'd', '5')")
            self.target_sql(f"update tidemark_sweeps set swept_at = {self.now[self.target_kind]} where job = '{name}'")
            done = self.project.call("run", name, "--json", env={"TIDEMARK_FAILPOINT": f"durable@{number}=kill"})
            if done.code == 0:
                break
            points += 1
            self.assertEqual(-9, done.code, done.err)
            found = self.ids(name)
            # Before: as it was. After: both deletes with the new row, or, where only the stage was sealed, none.
            self.assertIn(found, ([1, 2, 3], [3, 4]), number)
            self.good(name)  # a stage that is loaded without its source leaves the sweep due
            self.assertEqual([3, 4], self.ids(name), number)
        self.assertGreater(points, 8 / self.step)


class CrashPostgres(Crash):
    target_kind, step = "postgres", 3


if __name__ == "__main__":
    unittest.main()
