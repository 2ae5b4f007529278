"""Many jobs that are served share the few places of one connection: all of them end, and no session is one too many."""

import time
import unittest

from support.served import Served
from support.temporary_mariadb import TemporaryMariadb
from support.temporary_postgres import TemporaryPostgres

PROJECT = """\
workers: 8
connections:
  shop:      {{{system}: "{source}", guard: {{connections: {places}}}}}
  warehouse: {{duckdb: warehouse.duckdb}}
"""
JOB = """\
from: {{connection: shop, {source}}}
{more}to: {{connection: warehouse, table: "{table}", load: {load}}}
every: 1s
"""
# Of each of them two, so that one job of a kind meets another.
JOBS = {
    "append": ("table: o1, watermark: at", "append", ""),
    "upsert": ("table: o1, watermark: at", "upsert", ""),
    "many": ("tables: [{schema}.o*], watermark: at", "upsert", ""),
    "looked": ("table: o2", "full", "transform:\n"
               "  - lookup: {{from: shop.{schema}.kinds, match: {{kind: id}}, add: [name], missing: quarantine}}\n"),
    "swept": ("table: o2, watermark: at", "upsert", "deletes: {{sweep: 1s}}\n"),
    "split": ("table: large{splits}", "full", ""),
}
FIRES = 2
PATIENCE_SECONDS = 60


class Places:
    """What is the same for every system."""

    def settle(self, places):
        self.project.write("tidemark.yaml", PROJECT.format(system=self.system, source=self.address(), places=places))
        names = [f"{kind}{number}" for kind in JOBS for number in (1, 2)]
        for name in names:
            source, load, more = (text.format(schema=self.schema, splits=self.splits) for text in JOBS[name[:-1]])
            table = f"{name}_{{table}}" if name.startswith("many") else name
            self.project.job(name, JOB.format(source=source, more=more, table=table, load=load))
        self.serve()
        deadline = time.monotonic() + PATIENCE_SECONDS
        before, most = set(), 0
        while any(self.done(name) < FIRES for name in names):
            # One that was told to end may stand there for a moment; those seen twice stood there together.
            now = set(self.sessions().split())
            before, most = now, max(most, len(now & before))
            self.assertIsNone(self.served.poll(), "the service ended")
            if time.monotonic() > deadline:
                self.fail(f"waiting for ever: {[name for name in names if self.done(name) < FIRES]}")
            time.sleep(0.03)
        self.stop()
        self.assertEqual(places, most)

    def test_one_place_is_enough(self):
        self.settle(1)

    def test_two_places_are_shared_and_never_three_used(self):
        self.settle(2)


class Mysql(Places, Served):
    system, schema, splits = "mysql", "shop", ""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryMariadb())
        time_column = "at timestamp(6) not null default current_timestamp(6), key (at)"
        cls.server.sql("create database shop; create user reader; grant all on shop.* to reader; "
                       "grant process on *.* to reader; use shop; create table kinds (id int primary key, name text); "
                       "insert into kinds values (0, 'a'), (1, 'b');" +
                       "".join(f"create table {name} (id int primary key, kind int, {time_column}); insert into {name} "
                               f"(id, kind) select seq, seq % 2 from seq_1_to_{rows};"
                               for name, rows in (("o1", 20), ("o2", 300), ("large", 20000))), "mysql")

    def address(self):
        return self.server.address("shop", "reader")

    def sessions(self):
        return self.server.sql("select id from information_schema.processlist where user = 'reader'", "mysql")


class Postgres(Places, Served):
    system, schema, splits = "postgres", "public", ", split_by: id, readers: 3"

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())
        time_column = "at timestamptz not null default now()"
        cls.server.sql("create table kinds (id int primary key, name text); "
                       "insert into kinds values (0, 'a'), (1, 'b');" +
                       "".join(f"create table {name} (id int primary key, kind int, {time_column}); "
                               f"create index on {name} (at); insert into {name} (id, kind) "
                               f"select i, i % 2 from generate_series(1, {rows}) i;"
                               for name, rows in (("o1", 20), ("o2", 300), ("large", 20000))))

    def address(self):
        return self.server.conninfo("postgres")

    def sessions(self):
        return self.server.sql("select pid from pg_stat_activity where application_name like 'tidemark %'")


if __name__ == "__main__":
    unittest.main()
