"""What protects a source: rates, sessions, hours, timeouts, scans of large tables, and its replica."""

import contextlib
import socket
import threading
import time
import unittest

from support.temporary_postgres import Standby, TemporaryPostgres
from support.project import Project

PROJECT = """\
connections:
  shop:      {{postgres: "{source}", guard: {{{guard}}}}}
  warehouse: {{duckdb: warehouse.duckdb}}
"""


class SlowServer:
    """Before a server, which then takes 30 ms for each answer, however short."""

    def __init__(self, port):
        self.behind = port
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listening.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.behind))
                for source, sink, pause in ((client, server, 0), (server, client, 0.03)):
                    threading.Thread(target=self.forward, args=(source, sink, pause), daemon=True).start()

    @staticmethod
    def forward(source, sink, pause):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                time.sleep(pause)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        source.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()


class GuardTest(unittest.TestCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres(("max_prepared_transactions=4",)))

    def setUp(self):
        GuardTest.number += 1
        self.database = f"shop_{self.number}"
        self.server.sql(f"create database {self.database}")
        self.project = self.enterContext(Project(""))
        self.guard("")

    def guard(self, text):
        self.project.write("tidemark.yaml", PROJECT.format(source=self.server.conninfo(self.database), guard=text))

    def shop(self, sql):
        return self.server.sql(sql, self.database)

    def job(self, name, source, load="full"):
        self.project.job(name, f"from: {{connection: shop, {source}}}\n"
                               f"to: {{connection: warehouse, table: {name}, load: {load}}}\n")

    def run_job(self, name, *more, code=0):
        done = self.project.call("run", name, "--json", *more)
        self.assertEqual(code, done.code, done.err)
        return done.json

    def loaded(self, name, *more):
        return sum(stream["rows_loaded"] for stream in self.run_job(name, *more)["streams"])


class Rates(GuardTest):
    def took(self, name):
        begin = time.monotonic()
        rows = self.loaded(name)
        return time.monotonic() - begin, rows

    def test_rows_and_bytes_are_read_no_faster_than_allowed(self):
        self.shop("create table t as select i, repeat('x', 90) as s from generate_series(1, 4000) i")
        self.job("t", "table: t")
        free, _ = self.took("t")
        for limit in ("rows_per_second: 2000", "bytes_per_second: 220KB"):
            self.guard(limit)
            held, rows = self.took("t")
            self.assertEqual(4000, rows)
            self.assertGreater(held, 1.8, limit)
            self.assertLess(held, free + 20, limit)


class Sessions(GuardTest):
    def test_one_session_is_enough_for_lookups_many_tables_and_questions(self):
        self.shop("create table kinds (id int primary key, name text); insert into kinds values (1, 'a');"
                  "create table o1 (id int primary key, kind int); insert into o1 values (1, 1), (2, 1);"
                  "create table o2 (id int primary key, kind int); insert into o2 values (1, 1)")
        self.guard("connections: 1")
        self.project.job("all", "from: {connection: shop, tables: [public.o*]}\n"
                                "transform:\n  - lookup: {from: shop.kinds, match: {kind: id}, add: [name]}\n"
                                "to: {connection: warehouse, table: \"{table}\", load: full}\n")
        self.assertEqual(3, self.loaded("all"))
        self.assertEqual([["a"]], self.project.rows("select distinct name from o1"))
        self.assertEqual(0, self.project.call("query", "shop", "select 1").code)

    def test_nothing_is_waited_for_too_long_and_nothing_is_written(self):
        self.shop("create table t (id int primary key); insert into t values (1); create sequence s;"
                  "create function slow() returns int language sql as 'select 1 from pg_sleep(5)'")
        self.guard("lock_timeout: 200ms, statement_timeout: 1s, idle_in_transaction_timeout: 7s")
        self.job("t", "table: t")
        self.assertEqual(1, self.loaded("t"))
        self.job("settings", "query: \"select current_setting('idle_in_transaction_session_timeout') as idle, "
                             "current_setting('transaction_read_only') as read_only\"")
        self.assertEqual(1, self.loaded("settings"))
        self.assertEqual([["7s", "on"]], self.project.rows("select idle, read_only from settings"))
        with self.server.session(self.database) as other:
            other.run("begin; lock table t in access exclusive mode")
            begin = time.monotonic()
            error = self.run_job("t", code=1)["error"]
            self.assertLess(time.monotonic() - begin, 5)
            self.assertIn("lock timeout", error["message"])
        self.job("slow", "query: select slow() as a")
        self.assertIn("statement timeout", self.run_job("slow", code=1)["error"]["message"])
        self.job("writes", "query: \"select nextval('s') as n\"")
        self.assertIn("read-only", self.run_job("writes", code=1)["error"]["message"])


class Hours(GuardTest):
    def test_no_run_begins_in_quiet_hours(self):
        self.shop("create table t (id int primary key); insert into t values (1)")
        self.job("t", "table: t")
        self.guard("quiet_hours: [Mon-Sun 00:00-24:00], timezone: Europe/Berlin")
        run = self.run_job("t", code=3)
        self.assertEqual(("blocked", "blocked.quiet_hours"), (run["status"], run["error"]["code"]))
        self.assertIn("Europe/Berlin", run["error"]["message"])
        self.assertEqual(0, self.project.call("plan", "t").code)
        self.assertEqual(1, self.loaded("t", "--in-quiet-hours"))
        self.guard("quiet_hours: all day")
        self.assertIn("Mon-Fri 08:00-18:00", self.project.call("validate").out)


class Scans(GuardTest):
    def test_a_large_table_is_not_followed_without_an_index(self):
        self.shop("create table t as select i as id, now() - interval '1 hour' as at from generate_series(1, 1000) i;"
                  "alter table t add primary key (id), alter at set not null")
        self.guard("scan_limit: 8KB")
        self.job("t", "table: t, watermark: at", "upsert")
        run = self.run_job("t", code=3)
        self.assertEqual("blocked.seq_scan", run["error"]["code"])
        self.assertIn("create index concurrently on \"t\" (\"at\")", run["error"]["hint"])
        self.assertEqual("blocked.seq_scan", self.project.call("plan", "t", "--json").json["error"]["code"])
        self.job("t", "table: t, watermark: at, allow_seq_scan: true", "upsert")
        self.assertEqual(1000, self.loaded("t"))
        self.job("t", "table: t, watermark: at", "upsert")
        self.shop("create index on t (at)")
        self.run_job("t")
        self.job("x", "table: t, watermark: xmin", "upsert")
        self.assertIn("source prepare", self.run_job("x", code=3)["error"]["hint"])
        # A full load reads everything anyway.
        self.job("t", "table: t, watermark: at")
        self.shop("drop index t_at_idx")
        self.run_job("t")


class Shown(GuardTest):
    def test_limits_server_and_sessions_are_shown(self):
        self.guard("connections: 4, rows_per_second: 50000, quiet_hours: Sat 01:00-02:00")
        with self.server.session(self.database, "tidemark orders/main 42"):
            shown = self.project.call("connection", "show", "shop")
            self.assertEqual(0, shown.code, shown.err)
            for text in ("at most 4", "50,000 rows a second", "Sat 01:00-02:00 UTC", "a primary", "sees all sessions",
                         "orders/main 42"):
                self.assertIn(text, shown.out)
        answer = self.project.call("connection", "show", "--json").json["connections"]
        self.assertEqual(["shop", "warehouse"], [one["name"] for one in answer])
        self.assertEqual([], answer[0]["sessions"])
        self.guard("connections: 4")
        self.project.write("tidemark.yaml", "connections: {shop: {postgres: host=127.0.0.1 port=1 dbname=x user=y}}")
        gone = self.project.call("connection", "show")
        self.assertEqual(1, gone.code)
        self.assertIn("cannot be asked", gone.out)
        self.assertEqual(2, self.project.call("connection", "show", "shp").code)


class Strain(GuardTest):
    def test_a_server_that_answers_slowly_is_read_more_slowly(self):
        self.shop("create table t as select i, repeat('x', 90) as s from generate_series(1, 8000) i")
        self.job("t", "table: t")
        with SlowServer(self.server.port) as slow:
            address = self.server.conninfo(self.database).replace(f"port={self.server.port}", f"port={slow.port}")

            def slow_above(limit):
                self.project.write("tidemark.yaml", PROJECT.format(
                    source=address, guard=f"rows_per_second: 4000, slow_above: {limit}"))

            slow_above("1s")
            begin = time.monotonic()
            self.assertEqual(8000, self.loaded("t"))
            took = time.monotonic() - begin
            slow_above("10ms")
            held = self.project.start("run", "t")
            self.addCleanup(held.communicate)
            self.addCleanup(held.kill)
            time.sleep(1.5 * took)
            self.assertIsNone(held.poll(), f"it took no longer than {1.5 * took:.1f} s")

    def test_a_server_whose_standby_is_behind_is_read_more_slowly(self):
        self.shop("create table t as select i, repeat('x', 90) as s from generate_series(1, 4000) i;"
                  "create table w (s text)")
        self.job("t", "table: t")
        with Standby(self.server) as standby:
            standby.sql("select pg_wal_replay_pause()")
            took = {}
            for lag in ("1GB", "10KB"):
                self.shop("insert into w select repeat('y', 1000) from generate_series(1, 100)")
                self.guard(f"rows_per_second: 4000, lag_above: {lag}")
                begin = time.monotonic()
                self.assertEqual(4000, self.loaded("t"))
                took[lag] = time.monotonic() - begin
        self.assertGreater(took["10KB"], 1.5 * took["1GB"])


class Replica(GuardTest):
    def test_rows_come_from_the_replica_once_it_has_what_the_primary_had(self):
        self.shop("create table t (id int primary key, at timestamptz not null default now());"
                  "insert into t values (1, now() - interval '1 hour')")
        with Standby(self.server) as standby:
            replica = f"replica: \"host=127.0.0.1 port={standby.port}\""
            self.guard(replica)
            self.job("where_read", "query: select pg_is_in_recovery() as standby")
            self.run_job("where_read")
            self.assertEqual([["true"]], self.project.rows("select standby from where_read"))
            self.assertEqual(0, self.project.call("source", "prepare", "shop", "t", "--apply").code)
            self.job("t", "table: t, watermark: tidemark_xid", "append")
            self.assertEqual(1, self.loaded("t"))
            self.assertIn("up to date", self.project.call("connection", "show", "shop").out)

            # What the primary knows to be committed is waited for; what is prepared is not read.
            self.shop("begin; insert into t values (2); prepare transaction 'two'")
            self.shop("insert into t values (3)")
            self.assertEqual(1, self.loaded("t"))
            standby.sql("select pg_wal_replay_pause()")
            self.shop("commit prepared 'two'")
            self.guard(replica + ", replica_wait: 500ms")
            error = self.run_job("t", code=1)["error"]
            self.assertEqual("source.replica_late", error["code"])
            self.guard(replica + ", replica_wait: 500ms, replica_late: primary")
            self.assertEqual(1, self.loaded("t"))
            self.run_job("where_read")
            self.assertEqual([["false"]], self.project.rows("select standby from where_read"))
            standby.sql("select pg_wal_replay_resume()")
            self.shop("insert into t values (4)")
            self.guard(replica)
            self.assertEqual(1, self.loaded("t"))
        self.assertEqual([[str(i)] for i in range(1, 5)], self.project.rows("select id from t order by id"))
        # Gone, or none at all.
        self.shop("insert into t values (5)")
        self.run_job("t", code=1)
        self.guard(replica + ", replica_late: primary")
        self.assertEqual(1, self.loaded("t"))
        self.guard(f"replica: port={self.server.port}")
        self.assertEqual("source.not_a_replica", self.run_job("where_read", code=2)["error"]["code"])


if __name__ == "__main__":
    unittest.main()
