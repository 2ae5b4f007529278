"""PostgreSQL as a dimension, as a target and as a place to ask, through the real program."""

import json
import subprocess
import time
import unittest

from support.duckdb_file import DuckdbFile
from support.temporary_postgres import Standby, TemporaryPostgres
from support.project import Project

PROJECT = """\
connections:
  shop:      {{postgres: "{source}"}}
  mirror:    {{postgres: "{mirror}"}}
  landing:   {{files: data}}
  warehouse: {{duckdb: warehouse.duckdb}}
"""
ORDERS = """\
create table customers (customer_id int primary key, segment text, price numeric);
create schema geo;
create table geo.countries (code text primary key);
create table orders (id int primary key, customer_id int, country text, updated_at timestamptz not null);
insert into customers values (1, 'vip', 1.10), (2, 'new', 'NaN');
insert into geo.countries values ('PT'), ('DE');
insert into orders select i, 1 + i % 3, (array['PT', 'DE', 'XX'])[1 + i % 3], now() - interval '1 hour'
  from generate_series(1, 9) i;
"""
ORDERS_JOB = """\
from: {connection: shop, table: public.orders, watermark: updated_at}
transform:
  - lookup: {from: shop.customers, match: customer_id, add: [segment, price], missing: quarantine}
rules:
  known_country: country in (select code from shop.geo.countries)
to: {connection: TARGET, table: mart.orders, load: upsert, key: [id]}
"""


class PostgresTest(unittest.TestCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())

    def setUp(self):
        PostgresTest.number += 1
        self.source, self.mirror = f"source_{self.number}", f"mirror_{self.number}"
        for name in (self.source, self.mirror):
            self.server.sql(f"create database {name}")
        self.project = self.enterContext(Project(PROJECT.format(
            source=self.server.conninfo(self.source), mirror=self.server.conninfo(self.mirror))))

    def shop(self, sql):
        return self.server.sql(sql, self.source)

    def target(self, sql):
        return self.server.sql(sql, self.mirror)

    def hold_open(self, row, seconds=3):
        """The process of a session that has inserted a row and commits it seconds later."""
        held = subprocess.Popen(["psql", self.server.conninfo(self.source), "-Xqc",
                                 f"begin; insert into orders values {row}; select pg_sleep({seconds}); commit"],
                                stdout=subprocess.DEVNULL)
        while self.shop("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == "0":
            time.sleep(0.02)
        return held

    def run_job(self, name, code=0):
        done = self.project.call("run", name, "--json")
        self.assertEqual(code, done.code, done.err)
        return done.json

    def ask(self, connection, sql, code=0):
        done = self.project.call("query", connection, sql, "--json")
        self.assertEqual(code, done.code, done.err)
        return done.json


class Dimensions(PostgresTest):
    def setUp(self):
        super().setUp()
        self.shop(ORDERS)

    def orders(self, target):
        rows = "select id, segment, price from mart.orders order by id"
        if target == "warehouse":
            return self.project.rows(rows)
        return [line.split("|") for line in self.target(rows).splitlines()]

    def test_lookups_and_rules_read_tables_of_the_server(self):
        for target in ("warehouse", "mirror"):
            with self.subTest(target=target):
                self.project.job(f"orders_{target}", ORDERS_JOB.replace("TARGET", target))
                run = self.run_job(f"orders_{target}")
                # A third of the orders has no customer, and the same third a country nobody knows.
                self.assertEqual((9, 6, 3), tuple(run["streams"][0][name]
                                                  for name in ("rows_read", "rows_loaded", "rows_rejected")))
                self.assertEqual([[str(i), "new" if i % 3 == 1 else "vip", "NaN" if i % 3 == 1 else "1.10"]
                                  for i in range(1, 10) if i % 3 != 2], self.orders(target))
                done = self.project.call("quarantine", f"orders_{target}", "--json")
                self.assertEqual(0, done.code, done.err)
                rules = [row[0] for row in done.json["rows"]]
                self.assertEqual(["lookup shop.customers"] * 3, rules)

    def test_each_run_reads_the_dimension_as_it_is_then(self):
        self.project.job("orders", ORDERS_JOB.replace("TARGET", "warehouse"))
        self.run_job("orders")
        self.shop("insert into customers values (3, 'late', 0); insert into geo.countries values ('XX'); "
                  "update orders set updated_at = clock_timestamp() where id % 3 = 2; select pg_sleep(1.5)")
        run = self.run_job("orders")
        self.assertEqual((3, 0), tuple(run["streams"][0][name] for name in ("rows_loaded", "rows_rejected")))
        self.assertEqual(9, self.project.count("mart.orders"))

    def test_a_run_without_news_reads_no_dimension(self):
        self.project.job("orders", ORDERS_JOB.replace("TARGET", "warehouse").replace("upsert, key: [id]", "append"))
        self.run_job("orders")
        self.shop("alter table customers rename to real; create view customers as select customer_id, segment, price "
                  "from real where 1 / (customer_id * 0) > 0")
        self.assertEqual("skipped", self.run_job("orders")["status"])
        self.shop("insert into orders values (10, 1, 'PT', clock_timestamp()); select pg_sleep(1.5)")
        error = self.run_job("orders", code=1)["error"]
        self.assertIn("division by zero", error["message"])
        self.assertIn("reading customers for lookups and rules", " ".join([error["message"], *error.get("context", [])]))

    def test_a_missing_dimension_is_a_fault_with_its_place(self):
        self.project.job("orders", ORDERS_JOB.replace("TARGET", "warehouse").replace("shop.customers", "shop.custmers"))
        error = self.run_job("orders", code=2)["error"]
        self.assertIn("jobs/orders.yaml:3:", error["message"])
        self.assertIn("shop.custmers", error["message"])

    def test_a_value_no_engine_can_hold_is_not_left_out_of_a_dimension(self):
        self.shop("alter table customers alter price type numeric(10,2)")
        self.project.job("orders", ORDERS_JOB.replace("TARGET", "warehouse"))
        error = self.run_job("orders", code=1)["error"]
        self.assertIn("price", error["message"])
        self.assertIn("customers", error["message"])
        self.assertIn("::text", error["hint"])


class ManyTables(PostgresTest):
    def test_two_streams_never_replace_each_other(self):
        self.shop("create schema s2; create table orders (id int); create table s2.orders (id int); "
                  "insert into orders values (1), (2); insert into s2.orders values (3)")
        job = 'from: {connection: shop, tables: ["*.orders"]}\nto: {connection: warehouse, table: TABLE, load: full}\n'
        self.project.job("copy", job.replace("TABLE", '"raw.{table}"'))
        run = self.run_job("copy", 2)
        self.assertEqual("plan.shared_table", run["error"]["code"])
        self.assertIn("`public.orders` and `s2.orders`", run["error"]["message"])
        self.project.job("copy", job.replace("TABLE", '"{schema}_{table}"'))
        self.assertEqual("success", self.run_job("copy")["status"])
        self.assertEqual([["2"]], self.project.rows("select count(*) from public_orders"))
        self.assertEqual([["1"]], self.project.rows("select count(*) from s2_orders"))

    def test_a_trial_has_a_new_table_for_each_stream(self):
        self.shop("create schema s2; create table orders (id int primary key); create table s2.orders (id int primary "
                  "key); insert into orders values (1), (2); insert into s2.orders values (3)")
        self.project.job("copy", 'from: {connection: shop, tables: ["*.orders"]}\n'
                                 'to: {connection: mirror, table: "mart.{schema}_{table}", load: upsert}\n')
        run = self.run_job("copy")["run_id"]
        before = self.target("select * from tidemark_ledger order by stream")
        self.shop("drop table orders, s2.orders")
        for to in ("mirror", "warehouse"):
            done = self.project.call("replay", run, "--to", to, "--json")
            self.assertEqual((0, "success"), (done.code, done.json["status"]), done.err)
            trial = done.json["run_id"]
            for table, rows in ((f"public_orders_{trial}", "2"), (f"s2_orders_{trial}", "1")):
                count = f"select count(*) from tidemark_trials.{table}"
                self.assertEqual(rows, self.target(count) if to == "mirror" else self.project.rows(count)[0][0])
        self.assertEqual(before, self.target("select * from tidemark_ledger where job = 'copy' order by stream"))

    def test_row_level_security_lowers_the_guarantee(self):
        self.shop("create table orders (id int); insert into orders values (1), (2); alter table orders enable row "
                  "level security; create policy p on orders using (id = 1); "
                  f"create role r{self.number} login password 'x'; grant select on orders to r{self.number}")
        conninfo = self.server.conninfo(self.source, f"r{self.number}")
        text = PROJECT.format(source=conninfo, mirror=self.server.conninfo(self.mirror))
        self.project.write("tidemark.yaml", text)
        self.project.job("copy", "from: {connection: shop, table: orders}\n"
                                 "to: {connection: warehouse, table: orders, load: full}\n")
        self.assertIn("password: ${env:NAME}", self.project.call("run", "copy").err)
        self.project.write("tidemark.yaml", text.replace(f'"{conninfo}"', f'"{conninfo}", password: "${{file:secret}}"'))
        self.project.write("secret", "x")
        run = self.run_job("copy")
        self.assertEqual(("best-effort", 1), (run["guarantee"], run["streams"][0]["rows_loaded"]))
        self.assertIn("row-level security", self.project.call("plan", "copy").out)

    def test_tidemarks_own_tables_are_no_streams(self):
        self.shop("create table orders (id int primary key); insert into orders values (1)")
        self.project.job("copy", "from: {connection: shop, tables: [public.*], except: [public.copy_*]}\n"
                                 'to: {connection: shop, table: "copy_{table}", load: full}\n')
        for _ in range(2):
            self.assertEqual(["public.orders"], [stream["stream"] for stream in self.run_job("copy")["streams"]])


class Transactions(PostgresTest):
    """Rows that carry the transaction which wrote them, made so by `source prepare`."""

    def setUp(self):
        super().setUp()
        self.shop("create table orders (id int primary key, v int); insert into orders values (1, 10), (2, 20)")
        self.project.job("orders", "from: {connection: shop, table: orders, watermark: tidemark_xid}\n"
                                   "transform: [{drop: [tidemark_xid]}]\n"
                                   "to: {connection: warehouse, table: orders, load: append}\n")

    def prepare(self, *more, code=0):
        done = self.project.call("source", "prepare", "shop", "orders", *more)
        self.assertEqual(code, done.code, done.err)
        return done

    def test_shows_what_it_would_do_and_does_it_when_told(self):
        shown = self.prepare()
        self.assertIn("add column \"tidemark_xid\" xid8", shown.out)
        self.assertIn("nothing was changed", shown.err)
        self.assertEqual("2", self.shop("select count(*) from information_schema.columns where table_name = 'orders'"))
        self.assertIn("no column `tidemark_xid`", self.project.call("plan", "orders").err)
        self.assertEqual(shown.out, self.prepare("--apply").out)
        self.assertIn("is prepared", self.prepare().out)
        self.assertIn("exact-upsert", self.project.call("plan", "orders").out)
        # What takes the promise away is seen, and mended.
        self.shop("alter table orders disable trigger all")
        plan = self.project.call("plan", "orders").out
        self.assertIn("bounded", plan)
        self.assertIn("source prepare", plan)
        self.prepare("--apply")
        self.assertIn("exact-upsert", self.project.call("plan", "orders").out)
        self.assertIn("of type integer", self.prepare("--column", "v", code=2).err)
        self.assertIn("there is no table", self.project.call("source", "prepare", "shop", "nowhere").err)
        self.assertIn("need no preparation", self.project.call("source", "prepare", "warehouse", "orders").err)

    def test_a_row_that_commits_late_comes_once_and_holds_up_nothing(self):
        self.prepare("--apply")
        self.assertEqual(2, self.run_job("orders")["streams"][0]["rows_loaded"])
        self.shop("insert into orders values (3, 30)")
        held = self.hold_open("(4, 40)")
        self.shop("insert into orders values (5, 50)")
        self.assertEqual(2, self.run_job("orders")["streams"][0]["rows_loaded"])
        self.assertEqual("skipped", self.run_job("orders")["status"])
        self.assertIsNone(held.poll(), "the transaction ended before it was looked at")
        self.assertEqual(0, held.wait())
        self.assertEqual(1, self.run_job("orders")["streams"][0]["rows_loaded"])
        self.assertEqual([[str(i)] for i in range(1, 6)], self.project.rows("select id from orders order by id"))

    def test_a_server_that_was_put_back_stops_the_job(self):
        self.prepare("--apply")
        self.run_job("orders")
        self.shop("insert into orders values (3, 30)")
        with DuckdbFile(self.project.dir / "warehouse.duckdb") as file:
            at = file.rows("select hi from tidemark_ledger")[0][0]
        snapshot, server = at.split("@")
        system, timeline, table = server.split("/")
        for other in (f"99999999:99999999:@{server}", f"{snapshot}@1{system}/{timeline}/{table}",
                      f"{snapshot}@{system}/7/{table}", f"{snapshot}@{system}/{timeline}/7"):
            with DuckdbFile(self.project.dir / "warehouse.duckdb") as file:
                file.rows(f"update tidemark_ledger set hi = '{other}'")
            run = self.run_job("orders", 3)
            self.assertEqual(("blocked", "blocked.source_changed"), (run["status"], run["error"]["code"]))
            self.assertIn("--full", run["error"]["hint"])
        # Whoever knows that a failover lost nothing says so, once.
        self.assertEqual("success", self.project.call("run", "orders", "--same-source", "--json").json["status"])
        self.assertEqual("skipped", self.run_job("orders")["status"])
        # A watermark of another kind is not taken for a snapshot.
        with DuckdbFile(self.project.dir / "warehouse.duckdb") as file:
            file.rows("update tidemark_ledger set hi = '2026-01-01 00:00:00+00'")
        self.assertEqual("plan.watermark_changed", self.run_job("orders", 2)["error"]["code"])
        self.assertEqual("success", self.project.call("run", "orders", "--full", "--json").json["status"])
        self.assertEqual([["3"]], self.project.rows("select count(*) from orders"))


class WithoutRights(PostgresTest):
    def test_times_and_numbers_wait_from_run_to_run_for_whoever_is_open(self):
        user = f"reader_{self.number}"
        self.shop("create table orders (id int primary key, at timestamptz not null default now(), "
                  "number int generated always as identity); insert into orders values (1), (2); "
                  f"create role {user} login password 'letmein'; grant select on orders, orders_number_seq to {user}")
        project = PROJECT.format(source=self.server.conninfo(self.source, user=user), mirror="dbname=mirror")
        self.project.write("tidemark.yaml", project.replace(f'user={user}"', f'user={user}", password: "${{file:secret}}"'))
        self.project.write("secret", "letmein")
        jobs = {"at": "timed", "number": "numbered"}
        for column, name in jobs.items():
            self.project.job(name, f"from: {{connection: shop, table: orders, watermark: {column}}}\n"
                                   f"to: {{connection: warehouse, table: {name}, load: append}}\n")
        time.sleep(1.1)  # times stay a second behind the clock
        for name in jobs.values():
            run = self.run_job(name)
            self.assertEqual(("bounded", 2), (run["guarantee"], run["streams"][0]["rows_loaded"]))
        held = self.hold_open("(3)", 8)
        self.shop("insert into orders values (4)")
        for name in jobs.values():
            run = self.run_job(name)
            self.assertEqual("skipped", run["status"])
        self.assertIn("waits for transactions that are open", self.project.call("plan", "numbered").out)
        self.assertIsNone(held.poll(), "the transaction ended before it was looked at")
        self.assertEqual(0, held.wait())
        time.sleep(1.1)
        for name in jobs.values():
            self.assertEqual(2, self.run_job(name)["streams"][0]["rows_loaded"])
            self.assertEqual([[str(i)] for i in range(1, 5)], self.project.rows(f"select id from {name} order by id"))


class OnAStandby(PostgresTest):
    def run_from(self, server, loaded):
        self.project.write("tidemark.yaml", PROJECT.format(source=server.conninfo(self.source),
                                                           mirror=self.server.conninfo(self.mirror)))
        run = self.run_job("orders")
        self.assertEqual(loaded, sum(stream["rows_loaded"] for stream in run["streams"]), run)
        return run

    def test_transactions_are_waited_for_and_nothing_comes_twice(self):
        self.shop("create table orders (id int primary key, v int); insert into orders values (1, 10), (2, 20)")
        self.project.job("orders", "from: {connection: shop, table: orders, watermark: tidemark_xid}\n"
                                   "to: {connection: warehouse, table: orders, load: append}\n")
        self.assertEqual(0, self.project.call("source", "prepare", "shop", "orders", "--apply").code)
        with Standby(self.server) as standby:
            standby.catch_up()
            self.assertEqual("exact-upsert", self.run_from(standby, 2)["guarantee"])
            held = self.hold_open("(3, 30)")
            self.shop("insert into orders values (4, 40)")
            standby.catch_up()
            self.run_from(standby, 0)  # row 4 waits for row 3
            self.assertIsNone(held.poll(), "the transaction ended before it was looked at")
            self.run_from(self.server, 1)  # the primary knows that only row 3 is open
            self.run_from(standby, 0)
            self.assertEqual(0, held.wait())
            standby.catch_up()
            self.run_from(standby, 1)
            # A standby that is behind what was read from its primary waits, and goes not back.
            standby.sql("select pg_wal_replay_pause()")
            self.shop("insert into orders values (5, 50)")
            self.run_from(self.server, 1)
            run = self.run_from(standby, 0)
            self.assertEqual("skipped", run["status"])
            standby.sql("select pg_wal_replay_resume()")
            self.shop("insert into orders values (6, 60)")
            standby.catch_up()
            self.run_from(standby, 1)
        self.assertEqual([[str(i)] for i in range(1, 7)], self.project.rows("select id from orders order by id"))


class Questions(PostgresTest):
    def test_the_server_answers_in_its_own_sql(self):
        self.shop("create table t (id bigint, j jsonb, n numeric, f float8, at timestamptz); insert into t values "
                  "(9007199254740993, '{\"a\": 1.10}', 'NaN', '-0', 'infinity')")
        answer = self.ask("shop", "select id, j, j ? 'a' as has, n, f::text, at, ctid, 't'::regclass as own from t")
        self.assertEqual([["9007199254740993", "{\"a\": 1.10}", True, "NaN", "-0", "infinity", "(0,1)", "t"]],
                         answer["rows"])
        self.assertEqual(["id", "j", "has", "n", "f", "at", "ctid", "own"], [one["name"] for one in answer["columns"]])

    def test_a_question_that_is_wrong_or_writes_is_refused(self):
        self.shop("create table t (id int)")
        self.assertIn("syntax error", self.ask("shop", "selec 1", code=1)["error"]["message"])
        self.assertIn("no_such_table", self.ask("shop", "select * from no_such_table", code=1)["error"]["message"])
        self.ask("shop", "insert into t values (1)", code=1)
        self.ask("shop", "with made as (insert into t values (1) returning id) select * from made", code=1)
        self.assertEqual("0", self.shop("select count(*) from t"))

    def test_a_query_of_a_job_is_in_the_servers_sql(self):
        self.shop("create table t (id int, j jsonb); insert into t values (1, '{\"a\": 1}'), (2, '{}')")
        self.project.job("own", "from:\n  connection: shop\n  query: >-\n"
                                "    select id, 't'::regclass::text as own, ctid::text as place, j ? 'a' as has\n"
                                "    from t where j @> '{}' and id = any ('{1,2}'::int[]) -- all of it\n"
                                "to: {connection: warehouse, table: own, load: full}\n")
        done = self.project.call("validate")
        self.assertEqual(0, done.code, done.out)
        self.run_job("own")
        self.assertEqual([["1", "t", "(0,1)", "true"], ["2", "t", "(0,2)", "false"]],
                         self.project.rows("select * from own order by id"))


class Targets(PostgresTest):
    def load(self, sql, target, load="append"):
        (self.project.dir / "data").mkdir(exist_ok=True)
        path = self.project.dir / "data" / "rows.parquet"
        with DuckdbFile() as file:
            file.rows(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
        self.project.job("rows", "from: {connection: landing, files: rows.parquet}\n"
                                 f"to: {{connection: mirror, table: {target}, load: {load}}}\n")
        return self.run_job("rows")["streams"][0]

    def refused(self):
        """[id, rule, column, message] of every refused row."""
        rows = self.server.json("select coalesce(json_agg(json_build_array(payload, rule, column_name, message)), '[]') "
                                "from tidemark_quarantine", self.mirror)
        return sorted([json.loads(payload)["id"], *rest] for payload, *rest in rows)

    def test_values_that_postgresql_cannot_hold_wait_in_quarantine(self):
        stream = self.load(
            "SELECT * FROM (VALUES (1, 'a', DATE '2024-01-01', TIMESTAMP '2024-01-01', ['x']),"
            " (2, 'b' || chr(0), DATE '2024-01-01', TIMESTAMP '2024-01-01', ['x']),"
            " (3, 'c', DATE '-290000-01-01', TIMESTAMP '2024-01-01', ['x']),"
            " (4, 'd', DATE '2024-01-01', TIMESTAMP '-290000-01-01', ['x']),"
            " (5, 'e', DATE '2024-01-01', TIMESTAMP '2024-01-01', ['x', chr(0)]),"
            " (6, NULL, NULL, NULL, NULL), (7, '', DATE 'infinity', TIMESTAMP '-infinity', [])) r(id, t, d, s, l)",
            "mart.rows")
        self.assertEqual((7, 3, 4), (stream["rows_read"], stream["rows_loaded"], stream["rows_rejected"]))
        self.assertEqual(["1|a|2024-01-01|2024-01-01 00:00:00|{x}", "6||||", "7||infinity|-infinity|{}"],
                         self.target("select * from mart.rows order by id").splitlines())
        self.assertEqual([["2", "fits:t", "t"], ["3", "fits:d", "d"], ["4", "fits:s", "s"], ["5", "fits:l", "l"]],
                         [row[:3] for row in self.refused()])
        self.assertIn("holds a NUL", self.refused()[0][3])
        done = self.project.call("quarantine", "rows", "--json")
        self.assertEqual(0, done.code, done.err)
        payloads = [json.loads(row[[column["name"] for column in done.json["columns"]].index("payload")])
                    for row in done.json["rows"]]
        self.assertEqual({"b\0", "c", "d", "e"}, {payload["t"] for payload in payloads})

    def test_a_table_of_a_person_refuses_rows_and_not_the_load(self):
        self.target("create type mood as enum ('sad', 'ok'); create schema mart; create table mart.rows "
                    "(id bigint primary key, mood mood, code varchar(2) not null, n numeric(20,4), note jsonb)")
        stream = self.load(
            "SELECT * FROM (VALUES (1, 'sad', 'ab', 1.50::DECIMAL(4,2), '{\"a\": 1}'::JSON),"
            " (2, 'glad', 'ab', 1, '1'), (3, 'ok', 'abc', 1, '1'), (4, 'ok', NULL, 1, '1'), (5, NULL, 'é', NULL, NULL),"
            " (6, 'ok', 'ab', 1, '\"\\u0000\"')) r(id, mood, code, n, note)", "mart.rows")
        self.assertEqual((6, 2, 4), (stream["rows_read"], stream["rows_loaded"], stream["rows_rejected"]))
        self.assertEqual(["1|sad|ab|1.5000|{\"a\": 1}", "5||é||"],
                         self.target("select * from mart.rows order by id").splitlines())
        self.assertEqual([["2", "fits:mood"], ["3", "fits:code"], ["4", "not_null:code"], ["6", "fits:note"]],
                         [row[:2] for row in self.refused()])

    def test_rows_of_a_server_are_asked_only_what_another_may_not_hold(self):
        self.shop("create table t (id int, code text, day date, at timestamptz, tags text[], note json); "
                  "insert into t values (1, 'ab', '4714-11-24 BC', '4714-11-24 BC', '{x,NULL}', '\"\\u0000\"'), "
                  "(2, 'abc', 'infinity', '-infinity', null, '1')")
        self.target("create schema mart; create table mart.t (id int, code varchar(2), day date, at timestamptz, "
                    "tags text[], note json)")
        self.project.job("t", "from: {connection: shop, table: public.t}\n"
                              "to: {connection: mirror, table: mart.t, load: append}\n")
        stream = self.run_job("t")["streams"][0]
        self.assertEqual((2, 1, 1), (stream["rows_read"], stream["rows_loaded"], stream["rows_rejected"]))
        self.assertEqual([["2", "fits:code"]], [row[:2] for row in self.refused()])
        self.assertEqual(self.shop("select * from t where id = 1"), self.target("select * from mart.t"))

    def test_plan_shows_what_a_load_will_do_and_touches_nothing(self):
        self.shop("create table t (id int primary key, name text); insert into t values (1, 'a')")
        self.project.job("t", "from: {connection: shop, table: public.t}\n"
                              "to: {connection: mirror, table: mart.t, load: full}\n")
        done = self.project.call("plan", "t")
        self.assertEqual(0, done.code, done.err)
        self.assertIn('create table "mart"."t" ("id" integer not null, "name" text)', done.out)
        self.assertIn('copy "mart"."t"', done.out)
        self.assertEqual("0", self.target("select count(*) from pg_namespace where nspname = 'mart'"))
        self.assertEqual("", self.target("select relname from pg_class where relnamespace = 'public'::regnamespace"))

    def test_a_full_load_says_which_way_it_takes_and_why(self):
        self.shop("create table t (id int primary key, name text); insert into t values (1, 'a'), (2, 'b')")
        self.target("create schema mart; create table mart.t (id int primary key, name text); "
                    "insert into mart.t values (1, 'a'), (3, 'c')")
        self.project.job("t", "from: {connection: shop, table: public.t}\n"
                              "to: {connection: mirror, table: mart.t, load: full, key: id}\n")
        plan = self.project.call("plan", "t", "--json")
        self.assertEqual(0, plan.code, plan.err)
        stream = json.dumps(plan.json)
        self.assertIn("by difference, key (id): rows that are gone from the source are deleted", stream)
        self.assertIn("full join", stream)
        self.assertIn("in share row exclusive mode", stream)
        self.run_job("t")
        self.assertEqual(["1|a", "2|b"], self.target("select * from mart.t order by id").splitlines())
        self.target("alter table mart.t drop constraint t_pkey")
        plan = self.project.call("plan", "t")
        self.assertIn("all rows are deleted and inserted, because the table has no unique index over (id)", plan.out)
        self.target("create table mart.parts (t_id int); create unique index on mart.t (id); "
                    "alter table mart.t alter id drop not null; "
                    "alter table mart.parts add foreign key (t_id) references mart.t (id) on delete cascade")
        plan = self.project.call("plan", "t")
        self.assertEqual(1, plan.code, plan.err)
        self.assertIn("foreign key `parts_t_id_fkey` of mart.parts changes rows there on delete", plan.err)

    def test_a_new_table_takes_the_place_of_the_old_where_the_job_says_so_and_nothing_is_lost(self):
        self.shop("create table t (id int, name text); insert into t values (1, 'a'), (2, 'b')")
        self.target("create schema mart; create table mart.t (id int, name text); insert into mart.t values (3, 'c')")
        oid = self.target("select 'mart.t'::regclass::oid")
        self.project.job("t", "from: {connection: shop, table: public.t}\n"
                              "to: {connection: mirror, table: mart.t, load: full, replace: table}\n")
        self.run_job("t")
        self.assertEqual(["1|a", "2|b"], self.target("select * from mart.t order by id").splitlines())
        self.assertNotEqual(oid, self.target("select 'mart.t'::regclass::oid"))
        self.target("create view mart.v as select * from mart.t")
        plan = self.project.call("plan", "t")
        self.assertEqual(1, plan.code, plan.err)
        self.assertIn("view mart.v depends on it", plan.err)
        self.assertIn("leave out `replace`", plan.err)


if __name__ == "__main__":
    unittest.main()
