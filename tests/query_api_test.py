#!/usr/bin/env python3
"""Questions over the API: what they reach, how much of the answer comes, and when they are stopped. The program is
$TIDEMARK_BINARY, default build/dev/tidemark.
"""

import threading
import time
import unittest

from support.api_client import ServedApi
from support.temporary_mariadb import TemporaryMariadb
from support.temporary_postgres import TemporaryPostgres

LONG = "select count(*) from range(100000000000) a(i) where hash(i) = 1"


class QueryApi(ServedApi):
    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(TemporaryPostgres())
        cls.mariadb = cls.enterClassContext(TemporaryMariadb())
        cls.postgres.sql("create table orders as select i as id, repeat('x', 100) as note from generate_series(1, 5000) i")
        cls.mariadb.sql("create database shop", "mysql")
        cls.mariadb.sql("create table orders (id int primary key, note varchar(100)); insert into orders "
                        "select seq, repeat('x', 100) from seq_1_to_5000", "shop")

    def setUp(self):
        super().setUp()
        self.project.write("tidemark.yaml", f"connections:\n  shop: {{postgres: \"{self.postgres.conninfo('postgres')}\"}}\n"
                                            f"  other: {{mysql: \"{self.mariadb.address('shop')}\"}}\n"
                                            "  landing: {files: data}\n  warehouse: {duckdb: warehouse.duckdb}\n")
        self.job("orders")
        self.serve()
        self.ended(self.begin("/v1/jobs/orders/runs"))

    def question(self, connection, sql, role="operator", **limits):
        return self.ask("POST", f"/v1/connections/{connection}/query", role, {"sql": sql, **limits}, timeout=120)

    def answer(self, connection, sql, **limits):
        answer = self.question(connection, sql, **limits)
        self.assertEqual(200, answer.status, answer.body)
        return answer.json

    def test_an_answer_has_values_and_says_whether_it_is_all(self):
        for connection in ("shop", "other"):
            answer = self.answer(connection, "select id, note from orders where id <= 2 order by id desc")
            self.assertEqual([[2, "x" * 100], [1, "x" * 100]], answer["rows"])
            self.assertEqual(["id", "note"], [column["name"] for column in answer["columns"]])
            self.assertEqual((False, 2), (answer["truncated"], answer["rows_given"]))
        answer = self.answer("warehouse", "select id, id > 1 as big, id / 4 as part, null as none, "
                                          "12345678901234567890 as huge from orders order by id")
        self.assertEqual([[1, False, 0.25, None, "12345678901234567890"], [2, True, 0.5, None, "12345678901234567890"]],
                         answer["rows"])

    def test_no_more_is_read_than_the_limits_say(self):
        for connection in ("shop", "other"):
            sql = "select id, note from orders order by id"
            answer = self.answer(connection, sql)
            self.assertEqual((True, 1000, 1000), (answer["truncated"], answer["rows_given"], len(answer["rows"])))
            answer = self.answer(connection, sql, rows_max=5000)
            self.assertEqual((False, 5000), (answer["truncated"], answer["rows_given"]))
            answer = self.answer(connection, sql, rows_max=10)
            self.assertEqual((True, list(range(1, 11))), (answer["truncated"], [row[0] for row in answer["rows"]]))
            answer = self.answer(connection, sql, bytes_max=2350)
            self.assertEqual((True, 10), (answer["truncated"], answer["rows_given"]))
        # Of rows without end as many as are wanted; the server does not go on with the rest.
        endless = "select generate_series(1, 1000000000000) as i"
        began = time.monotonic()
        self.assertEqual(1000, self.answer("shop", endless)["rows_given"])
        self.assertLess(time.monotonic() - began, 25)
        self.idle("shop")
        for member, value in (("rows_max", 10001), ("rows_max", 0), ("bytes_max", 16000001), ("seconds_max", 61),
                              ("rows_max", "10"), ("rows_max", 1.5)):
            self.assertEqual(400, self.question("shop", "select 1", **{member: value}).status, member)

    def idle(self, connection, seconds=10):
        """Waits until the server works at no question any more."""
        deadline = time.monotonic() + seconds
        while True:
            if connection == "shop":
                busy = self.postgres.sql("select count(*) from pg_stat_activity where state = 'active' and pid <> "
                                         "pg_backend_pid() and backend_type = 'client backend'")
            else:
                busy = self.mariadb.sql("select count(*) from information_schema.processlist where command in "
                                        "('Query', 'Execute') and id <> connection_id()", "shop")
            if str(busy).strip() == "0":
                return
            self.assertLess(time.monotonic(), deadline, busy)
            time.sleep(0.1)

    def test_one_that_takes_too_long_is_stopped_in_its_system(self):
        for connection, sql in (("shop", "select pg_sleep(100)"), ("other", "select sleep(100)"), ("warehouse", LONG)):
            began = time.monotonic()
            slow = self.question(connection, sql, seconds_max=1)
            self.assertEqual((503, "user.too_slow"), (slow.status, slow.code), slow.body)
            self.assertLess(time.monotonic() - began, 30)
            if connection != "warehouse":
                self.idle(connection)
        self.assertEqual([[2]], self.answer("warehouse", "select count(*) from orders")["rows"])

    def test_nothing_is_changed(self):
        before = {name: self.answer(name, "select count(*) from orders")["rows"] for name in ("shop", "other", "warehouse")}
        self.postgres.sql("create function takes() returns int language sql as 'delete from orders returning 1'")
        for connection, texts in {
                "shop": ("delete from orders", "with d as (delete from orders returning 1) select * from d",
                         "select * into copied from orders", "select takes()", "select 1; delete from orders",
                         "select 1) as r; delete from orders; select * from (select 1",
                         "select set_config('transaction_read_only', 'off', true)",
                         "commit; delete from orders", "copy orders to program 'cat'", "lock table orders"),
                "other": ("delete from orders", "select 1; delete from orders", "create table t (a int)",
                          "select * from orders into outfile '/tmp/tidemark_query'", "set @a = 1"),
                "warehouse": ("delete from orders", "create table t as select 1", "select 1; drop table orders")}.items():
            for sql in texts:
                with self.subTest(sql):
                    refused = self.question(connection, sql)
                    self.assertNotEqual(200, refused.status, refused.body)
                    self.assertLess(refused.status, 503, refused.body)
        self.assertEqual(before, {name: self.answer(name, "select count(*) from orders")["rows"] for name in before})

    def test_a_warehouse_is_left_by_no_question(self):
        self.project.write("data/secret.csv", "word\nhush\n")
        path = self.project.dir / "data/secret.csv"
        for sql in (f"select * from read_text('{path}')", f"select * from read_csv('{path}')", f"select * from '{path}'",
                    "select * from read_text('/etc/passwd')", "from '/etc/passwd'",
                    "select * from read_parquet('https://example.org/a.parquet')",
                    "select * from shop.orders", "select * from duckdb_databases()",
                    f"with a as (from '{path}') from a"):
            with self.subTest(sql):
                refused = self.question("warehouse", sql, "admin")
                self.assertEqual((422, "query.not_confined"), (refused.status, refused.code), refused.body)
                self.assertNotIn(b"hush", refused.body)
        for sql in (f"copy orders to '{self.project.dir}/out.csv'", f"attach '{self.project.dir}/x.duckdb' as x",
                    "install httpfs", "load httpfs", "set memory_limit = '1GB'"):
            with self.subTest(sql):
                refused = self.question("warehouse", sql, "admin")
                self.assertEqual((422, "engine.no_select"), (refused.status, refused.code), refused.body)
        self.assertFalse((self.project.dir / "out.csv").exists())
        # A project's own command may, and so it does what it did.
        done = self.project.call("query", "warehouse", f"select * from read_csv('{path}')", "--json")
        self.assertEqual([["hush"]], done.json["rows"])

    def test_files_are_not_asked(self):
        self.assertEqual("user.no_ask", self.question("landing", "select 1").code)

    def test_a_few_are_answered_at_a_time_and_others_see_the_service(self):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.question("shop", "select pg_sleep(4)")))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        self.assertEqual(200, self.ask("GET", "/v1/status", "viewer").status)
        for thread in threads:
            thread.join()
        codes = sorted(answer.status for answer in answers)
        self.assertEqual(([200] * 4, {503}), (codes[:4], set(codes[4:])))
        self.assertEqual({"api.busy"}, {answer.code for answer in answers if answer.status == 503})
        self.assertEqual([[1]], self.answer("shop", "select 1")["rows"])

    def test_who_may(self):
        self.assertEqual(403, self.question("shop", "select 1", "viewer").status)
        self.token("some", "operator", "orders")
        time.sleep(2.5)
        self.assertEqual(403, self.question("shop", "select 1", "some").status)
        for role in ("operator", "editor", "admin"):
            self.assertEqual(200, self.question("shop", "select 1", role).status)
        self.assertIn("connection.query", [deed["what"] for deed in self.get("/v1/audit")["deeds"]])


if __name__ == "__main__":
    unittest.main()
