"""What goes wrong with a PostgreSQL source or target, done to the real program.

Each fault must end the run with an exit code, an error that says what, where and what to do, a target and a watermark
that stand where they stood, and after the repair a run that loads every row once.
"""

import contextlib
import os
import pathlib
import signal
import time
import unittest

from support.duckdb_file import DuckdbFile
from support.temporary_postgres import TemporaryPostgres
from support.project import Project, finish

PROJECT = """\
connections:
  shop:
    postgres: host=127.0.0.1 port=${{env:SHOP_PORT}} dbname={source} user=etl
    password: ${{env:SHOP_PASSWORD}}
  mirror:
    postgres: host=127.0.0.1 port={port} dbname={mirror} user=loader
    password: ${{env:LOADER_PASSWORD}}
  warehouse: {{duckdb: warehouse.duckdb}}
"""
# A row costs a millisecond, so that a run of some thousand can be caught in the middle.
SLOW = "create or replace view orders as select id, name, updated_at from stored, pg_sleep(0.001 + 0 * id)"
QUICK = "create or replace view orders as select id, name, updated_at from stored"
# A watermark stays a second behind the clock, so that nothing still in flight is passed over.
SETTLE_SECONDS = 1.2
WAIT_SECONDS = 60


class FaultTest(unittest.TestCase):
    """A source and a target of its own for each test, on servers that all of them share."""

    number = 0

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())
        cls.server.sql("create role etl login password 'etl'; create role loader login password 'loader'; "
                       # It sees who is in flight, so the watermark stays close behind the clock.
                       "grant pg_read_all_stats to etl")

    def setUp(self):
        FaultTest.number += 1
        self.source, self.mirror = f"source_{self.number}", f"mirror_{self.number}"
        self.server.sql(f"create database {self.source}")
        self.server.sql(f"create database {self.mirror} owner loader")
        self.shop("create table stored (id int primary key, name text, updated_at timestamptz not null default "
                  f"clock_timestamp()); {QUICK}; grant select on stored, orders to etl")
        self.environment = {"SHOP_PORT": str(self.server.port), "SHOP_PASSWORD": "etl",
                            "LOADER_PASSWORD": "loader"}
        self.project = self.enterContext(Project(PROJECT.format(
            source=self.source, mirror=self.mirror, port=self.server.port)))

    def shop(self, sql):
        return self.server.sql(sql, self.source)

    def target(self, sql):
        return self.server.sql(sql, self.mirror)

    def job(self, to, load="append", more=""):
        self.to = to
        self.project.job("orders", "from: {connection: shop, table: public.orders, watermark: updated_at}\n"
                                   f"to: {{connection: {to}, table: mart.orders, load: {load}{more}}}\n")

    def add(self, count):
        self.shop("insert into stored (id, name) select i, 'order ' || i from generate_series((select coalesce(max(id), 0)"
                  f" + 1 from stored), (select coalesce(max(id), 0) + {count} from stored)) i")
        time.sleep(SETTLE_SECONDS)

    @contextlib.contextmanager
    def world(self):
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name)
                else:
                    os.environ[name] = value

    def start(self):
        with self.world():
            return self.project.start("run", "orders", "--json")

    def run_job(self, process=None):
        return finish(process or self.start())

    def loaded(self):
        """(ids, ledger) as the target has them, asked without the program."""
        rows = "select id from mart.orders order by id"
        ledger = "select seq, hi from tidemark_ledger where job = 'orders'"
        if self.to == "warehouse":
            with DuckdbFile(self.project.dir / "warehouse.duckdb") as file:
                return [int(row[0]) for row in file.rows(rows)], file.rows(ledger)
        exists = self.target("select to_regclass('mart.orders') is not null")
        ids = self.target(rows).split() if exists == "t" else []
        return [int(one) for one in ids], self.target(ledger).splitlines()

    def load_first(self, count=100):
        self.add(count)
        done = self.run_job()
        self.assertEqual(0, done.code, done.err)
        self.before = self.loaded()
        self.assertEqual(list(range(1, count + 1)), self.before[0])

    def check_failed(self, done, *pieces, code=1, unchanged=True):
        """The run says what is wrong, and changed nothing."""
        error = done.json["error"]
        said = error["message"] + " | " + error["hint"]
        self.assertEqual(code, done.code, done.err)
        for piece in pieces:
            self.assertIn(piece, said)
        self.assertTrue(error["hint"], f"no hint: {said}")
        self.assertIn(error["message"].split(";")[0][:40], done.err)
        if unchanged:
            self.assertEqual(self.before, self.loaded())
        left = [path.name for path in pathlib.Path(self.project.dir).rglob("*.partial")]
        self.assertEqual([], left)

    def check_repaired(self):
        """One run more brings every row once, and the next finds nothing."""
        done = self.run_job()
        self.assertEqual(0, done.code, done.err)
        count = int(self.shop("select count(*) from stored"))
        self.assertEqual(list(range(1, count + 1)), self.loaded()[0])
        self.assertNotEqual(self.before[1], self.loaded()[1])

    def wait_for(self, sql, process):
        """Until a query of the server's own gives a row."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            found = self.server.sql(sql)
            if found:
                return found
            if process.poll() is not None:
                self.fail("the run ended too early: " + finish(process).err)
            time.sleep(0.02)
        process.kill()
        self.fail(f"never: {sql}")

    def backend(self, process, query, database):
        """The session that runs a statement like `query`, when it has run for a moment."""
        pid = self.wait_for(
            f"select pid from pg_stat_activity where datname = '{database}' and state = 'active' and query ilike "
            f"'{query}' and application_name like 'tidemark%' and now() - query_start > interval '300 ms'", process)
        return int(pid.splitlines()[0])


class SourceFaults(FaultTest):
    def setUp(self):
        super().setUp()
        self.job("warehouse")
        self.load_first()
        self.add(50)

    def test_wrong_password(self):
        self.environment["SHOP_PASSWORD"] = "something else"
        done = self.run_job()
        self.check_failed(done, "password authentication failed", "`password:`")
        self.assertNotIn("something else", done.err + done.out)
        self.environment["SHOP_PASSWORD"] = "etl"
        self.check_repaired()

    def test_unreachable_server(self):
        self.environment["SHOP_PORT"] = "1"
        self.check_failed(self.run_job(), "127.0.0.1", "port 1", "that the server runs")
        self.environment["SHOP_PORT"] = str(self.server.port)
        self.check_repaired()

    def test_missing_database(self):
        self.server.sql(f"alter database {self.source} rename to gone")
        self.check_failed(self.run_job(), f'"{self.source}"', "`dbname`")
        self.server.sql(f"alter database gone rename to {self.source}")
        self.check_repaired()

    def test_missing_table(self):
        self.shop("alter view orders rename to order_book; create table public.ordres (id int)")
        self.check_failed(self.run_job(), "public.orders", "did you mean `public.ordres`?")
        self.shop("alter view order_book rename to orders")
        self.check_repaired()

    def test_missing_watermark_column(self):
        self.shop("alter view orders rename column updated_at to update_at")
        self.check_failed(self.run_job(), "updated_at", "did you mean `update_at`?", code=2)
        self.shop("alter view orders rename column update_at to updated_at")
        self.check_repaired()

    def test_no_right_to_read(self):
        self.shop("revoke select on orders from etl")
        self.check_failed(self.run_job(), "permission denied", "orders", "grant")
        self.shop("grant select on orders to etl")
        self.check_repaired()

    def catch_in_mid_copy(self):
        self.add(3000)
        self.shop(SLOW)
        process = self.start()
        return process, self.backend(process, "copy (%", self.source)

    def test_session_ended_in_mid_copy(self):
        process, pid = self.catch_in_mid_copy()
        self.server.sql(f"select pg_terminate_backend({pid})")
        self.check_failed(self.run_job(process), "terminating connection", "session")
        self.shop(QUICK)
        self.check_repaired()

    def test_statement_cancelled_in_mid_copy(self):
        process, pid = self.catch_in_mid_copy()
        self.server.sql(f"select pg_cancel_backend({pid})")
        self.check_failed(self.run_job(process), "cancel", "statement_timeout")
        self.shop(QUICK)
        self.check_repaired()

    def test_backend_killed_in_mid_copy(self):
        process, pid = self.catch_in_mid_copy()
        os.kill(pid, signal.SIGKILL)
        done = self.run_job(process)
        self.server.wait()
        self.check_failed(done, "server")
        self.shop(QUICK)
        self.check_repaired()

    def test_server_killed_in_mid_copy(self):
        process, _ = self.catch_in_mid_copy()
        self.server.stop(signal.SIGKILL)
        done = self.run_job(process)
        self.server.start()
        self.check_failed(done, "server")
        self.shop(QUICK)
        self.check_repaired()


class TargetFaults(FaultTest):
    def setUp(self):
        super().setUp()
        self.job("mirror")

    def prepare(self, load="append", more=""):
        self.job("mirror", load, more)
        self.load_first()
        self.add(50)

    def slow_target(self):
        self.target("create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.001); return new; "
                    "end'; create trigger slow before insert on mart.orders for each row execute function slow()")

    def quick_target(self):
        self.target("drop function slow cascade")

    def catch_in_mid_load(self):
        self.prepare()
        self.add(3000)
        self.slow_target()
        process = self.start()
        return process, self.backend(process, "copy %from stdin%", self.mirror)

    def test_session_ended_in_mid_load(self):
        process, pid = self.catch_in_mid_load()
        self.server.sql(f"select pg_terminate_backend({pid})")
        self.check_failed(self.run_job(process), "mart.orders", "session")
        self.quick_target()
        self.check_repaired()

    def test_backend_killed_in_mid_load(self):
        process, pid = self.catch_in_mid_load()
        os.kill(pid, signal.SIGKILL)
        done = self.run_job(process)
        self.server.wait()
        self.check_failed(done, "mart.orders", "server")
        self.quick_target()
        self.check_repaired()

    def test_server_killed_in_mid_load(self):
        process, _ = self.catch_in_mid_load()
        self.server.stop(signal.SIGKILL)
        done = self.run_job(process)
        self.server.start()
        self.check_failed(done, "mart.orders", "server")
        self.quick_target()
        self.check_repaired()

    def test_our_process_killed_in_mid_load(self):
        process, pid = self.catch_in_mid_load()
        process.kill()
        finish(process)
        deadline = time.monotonic() + WAIT_SECONDS
        while self.server.sql(f"select 1 from pg_stat_activity where pid = {pid}") and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(self.before, self.loaded())
        self.quick_target()
        self.check_repaired()

    def test_table_dropped_before_the_plan(self):
        self.prepare()
        self.target("alter table mart.orders rename to kept")
        self.check_failed(self.run_job(), "mart.orders", "--full", unchanged=False)
        self.assertEqual("f", self.target("select to_regclass('mart.orders') is not null"))
        self.target("alter table mart.kept rename to orders")
        self.check_repaired()

    def test_a_dropped_table_comes_back_with_full(self):
        self.prepare()
        self.target("drop table mart.orders")
        self.check_failed(self.run_job(), "mart.orders", "--full", unchanged=False)
        with self.world():
            done = self.project.call("run", "orders", "--full", "--json")
        self.assertEqual(0, done.code, done.err)
        self.assertEqual(list(range(1, 151)), self.loaded()[0])
        self.add(10)
        self.check_repaired()

    def test_table_dropped_between_plan_and_load(self):
        self.prepare()
        self.add(2000)
        self.shop(SLOW)
        process = self.start()
        self.backend(process, "copy (%", self.source)
        self.target("alter table mart.orders rename to kept")
        self.check_failed(self.run_job(process), "mart.orders", "--full", unchanged=False)
        self.assertEqual("f", self.target("select to_regclass('mart.orders') is not null"))
        self.shop(QUICK)
        self.target("alter table mart.kept rename to orders")
        self.assertEqual(self.before, self.loaded())
        self.check_repaired()

    def test_no_right_to_insert(self):
        self.prepare()
        self.target("alter table mart.orders owner to postgres; grant usage on schema mart to loader; "
                    "grant select on mart.orders to loader")
        self.check_failed(self.run_job(), "permission denied", "mart.orders", "grant")
        self.target("grant insert on mart.orders to loader")
        self.check_repaired()

    def test_read_only_sessions(self):
        self.prepare()
        self.server.sql(f"alter role loader in database {self.mirror} set default_transaction_read_only = on")
        self.check_failed(self.run_job(), "read-only", "default_transaction_read_only")
        self.server.sql(f"alter role loader in database {self.mirror} reset default_transaction_read_only")
        self.check_repaired()

    def test_no_right_to_make_the_ledger(self):
        self.server.sql(f"alter database {self.mirror} owner to postgres")
        self.add(10)
        done = self.run_job()
        self.assertEqual(1, done.code, done.err)
        self.assertIn("permission denied", done.json["error"]["message"])
        self.assertIn("ledger", done.json["error"]["message"])
        self.assertEqual("", self.target("select relname from pg_class where relnamespace = 'public'::regnamespace"))
        self.target("grant create on schema public to loader; create schema mart authorization loader")
        self.before = ([], [])
        self.check_repaired()

    def test_a_full_load_that_dies_leaves_the_old_rows(self):
        self.prepare("full")
        self.slow_target()
        self.add(2000)
        process = self.start()
        pid = self.backend(process, "insert into %", self.mirror)
        self.server.sql(f"select pg_terminate_backend({pid})")
        self.check_failed(self.run_job(process), "mart.orders", "session")
        self.quick_target()
        self.check_repaired()

    def test_an_upsert_that_dies_leaves_the_old_rows(self):
        self.prepare("upsert", ", key: [id]")
        self.slow_target()
        self.shop("update stored set name = 'changed', updated_at = clock_timestamp()")
        self.add(2000)
        process = self.start()
        pid = self.backend(process, "insert into %on conflict%", self.mirror)
        self.server.sql(f"select pg_terminate_backend({pid})")
        self.check_failed(self.run_job(process), "mart.orders", "session")
        self.assertEqual("0", self.target("select count(*) from mart.orders where name = 'changed'"))
        self.quick_target()
        self.check_repaired()
        self.assertEqual("150", self.target("select count(*) from mart.orders where name = 'changed'"))

    def test_a_trigger_that_drops_rows_is_found(self):
        self.prepare()
        self.target("create function lose() returns trigger language plpgsql as 'begin if new.id = 120 then return null; "
                    "end if; return new; end'; create trigger lose before insert on mart.orders for each row execute "
                    "function lose()")
        self.check_failed(self.run_job(), "50 were sent and the target took 49", "triggers")
        self.target("drop function lose cascade")
        self.check_repaired()

    def test_a_check_that_a_row_breaks_is_named(self):
        self.prepare()
        self.target("alter table mart.orders add constraint small check (id < 120)")
        self.check_failed(self.run_job(), "small", "mart.orders")
        self.target("alter table mart.orders drop constraint small")
        self.check_repaired()


if __name__ == "__main__":
    unittest.main()
