"""MySQL as a source, a dimension, a target and a place to ask, through the real program."""

import subprocess
import time
import unittest

from support.project import Project
from support.temporary_mariadb import TemporaryMariadb

PROJECT = """\
connections:
  shop:      {{mysql: "{source}"}}
  mirror:    {{mysql: "{mirror}"}}
  landing:   {{files: data}}
  warehouse: {{duckdb: warehouse.duckdb}}
"""
ORDERS = """\
create table customers (customer_id int primary key, segment varchar(20), price decimal(10,2));
insert into customers values (1, 'vip', 1.10), (2, 'new', 2.50);
create table orders (id int primary key, customer_id int, country varchar(2), amount decimal(20,4) unsigned, note text,
  big bigint unsigned, rate double, took time(3), updated_at timestamp(6) not null default current_timestamp(6)
  on update current_timestamp(6));
insert into orders values
  (1, 1, 'PT', 12.5, 'it''s \\\\ ä 😀', 18446744073709551615, 0.1, '-25:00:00.5', '2024-03-31 01:30:00.123456'),
  (2, 2, 'DE', null, '', 0, 5e-324, '00:00:00', '2024-03-31 02:30:00'),
  (3, 3, 'XX', 0.0001, null, 1, -1e300, '838:59:59', '2024-03-31 03:30:00');
"""
ORDERS_JOB = """\
from: {connection: shop, table: orders, watermark: updated_at}
to: {connection: TARGET, table: mart_orders, load: upsert, key: [id]}
"""
COLUMNS = "id, customer_id, country, amount, note, big, rate, took, updated_at"


class MysqlTest(unittest.TestCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryMariadb())

    def setUp(self):
        MysqlTest.number += 1
        self.source, self.mirror = f"source_{self.number}", f"mirror_{self.number}"
        for name in (self.source, self.mirror):
            self.server.sql(f"create database {name} character set utf8mb4", "mysql")
        self.project = self.enterContext(Project(PROJECT.format(
            source=self.server.address(self.source), mirror=self.server.address(self.mirror))))

    def shop(self, sql):
        return self.server.sql(sql, self.source)

    def target(self, sql):
        return self.server.sql(sql, self.mirror)

    def run_job(self, name, code=0):
        done = self.project.call("run", name, "--json")
        self.assertEqual(code, done.code, done.err)
        return done.json

    def plan_text(self, name):
        done = self.project.call("plan", name)
        self.assertEqual(0, done.code, done.err)
        return done.out


class Windows(MysqlTest):
    def test_each_change_reaches_duckdb_once(self):
        self.shop(ORDERS)
        self.project.write("jobs/orders.yaml", ORDERS_JOB.replace("TARGET", "warehouse"))
        self.assertIn("bounded", self.plan_text("orders"))
        self.assertIn("read by one session, and anew", self.plan_text("orders"))
        self.run_job("orders")
        self.assertNotIn("read by one session", self.plan_text("orders"))
        rows = self.project.rows(f"select {COLUMNS} from mart_orders order by id")
        self.assertEqual("it's \\ ä 😀", rows[0][4])
        self.assertEqual(18446744073709551615, int(rows[0][5]))
        self.shop("update orders set country = 'FR' where id = 2; insert into orders (id, country) values (4, 'IT')")
        time.sleep(1.3)
        self.run_job("orders")
        self.assertEqual([["1", "PT"], ["2", "FR"], ["3", "XX"], ["4", "IT"]],
                         [list(row) for row in self.project.rows("select id, country from mart_orders order by id")])

    def test_an_append_waits_for_a_transaction_in_another_process(self):
        self.shop(ORDERS + "create table kept like orders; insert into kept select * from orders;")
        job = ORDERS_JOB.replace("upsert, key: [id]", "append").replace("TARGET", "mirror")
        self.project.write("jobs/orders.yaml", job)
        self.run_job("orders")
        held = subprocess.Popen(
            ["mariadb", "--no-defaults", f"--socket={self.server.folder}/socket", "--user=root", self.source, "-e",
             "begin; insert into orders (id) values (10); select sleep(12); commit"], stdout=subprocess.DEVNULL)
        time.sleep(1)
        self.shop("insert into orders (id) values (11)")
        time.sleep(1.3)
        # Another process each time: what the first saw in flight is kept with the run.
        self.run_job("orders")
        self.assertEqual("3", self.target("select count(*) from mart_orders"))
        held.wait()
        time.sleep(1.3)
        self.run_job("orders")
        self.run_job("orders")
        self.assertEqual("10\n11", self.target("select id from mart_orders where id > 9 order by id"))


class Targets(MysqlTest):
    def test_mysql_to_mysql_keeps_every_value(self):
        self.shop(ORDERS)
        self.project.write("jobs/orders.yaml", ORDERS_JOB.replace("TARGET", "mirror"))
        for _ in range(2):
            self.run_job("orders")
        ask = f"select {COLUMNS.replace('took', 'cast(took as char)')}, rate = 0.1e0, rate = 5e-324 from %s order by id"
        wanted = self.shop(ask % "orders")
        # A new table keeps six decimals of each time.
        wanted = wanted.replace(".500\t", ".500000\t").replace("00:00:00.000\t", "00:00:00.000000\t")
        wanted = wanted.replace("838:59:59.000\t", "838:59:59.000000\t")
        self.assertEqual(wanted, self.target(ask % "mart_orders"))
        self.assertEqual("id", self.target(
            "select column_name from information_schema.statistics where index_name = 'PRIMARY' and table_name = "
            f"'mart_orders' and table_schema = '{self.mirror}'"))

    def test_refused_rows_are_in_the_quarantine_of_the_target(self):
        self.shop(ORDERS)
        self.target("create table mart_orders (id int primary key, country enum('PT', 'DE'))")
        self.project.write("jobs/orders.yaml", """\
from: {connection: shop, table: orders}
transform:
  - select: [id, country]
rules:
  early: id < 3
to: {connection: mirror, table: mart_orders, load: full}
""")
        done = self.project.call("run", "orders", "--json")
        self.assertEqual(0, done.code, done.err)
        self.assertEqual("1\tPT\n2\tDE", self.target("select * from mart_orders order by id"))
        self.assertEqual("early", self.target("select rule from tidemark_quarantine"))

    def test_a_day_that_does_not_exist_is_refused_with_its_value(self):
        self.shop("set sql_mode = ''; create table days (id int primary key, day date); "
                  "insert into days values (1, '2024-01-01'), (2, '0000-00-00')")
        self.project.write("jobs/days.yaml", """\
from: {connection: shop, table: days}
to: {connection: mirror, table: days, load: full}
""")
        self.run_job("days")
        self.assertEqual("1\t2024-01-01", self.target("select * from days"))
        self.assertIn("0000-00-00", self.target("select message from tidemark_quarantine"))


class Dimensions(MysqlTest):
    def test_rows_are_looked_up_in_a_table_of_mysql(self):
        self.shop(ORDERS)
        self.project.write("jobs/orders.yaml", """\
from: {connection: shop, table: orders}
transform:
  - lookup: {from: shop.customers, match: customer_id, add: [segment, price], missing: quarantine}
  - select: [id, segment, price]
to: {connection: mirror, table: priced, load: full}
""")
        self.run_job("orders")
        self.assertEqual("1\tvip\t1.10\n2\tnew\t2.50", self.target("select * from priced order by id"))

    def test_a_question_is_answered_in_mysqls_own_words(self):
        self.shop(ORDERS)
        done = self.project.call(
            "query", "shop", "select concat(country, '!') as c, if(id > 1, 'b', 'a') as d from orders order by id desc "
            "limit 2", "--json")
        self.assertEqual(0, done.code, done.err)
        self.assertIn("XX!", done.out)


class Guards(MysqlTest):
    def guard(self, text):
        project = PROJECT.format(source=self.server.address(self.source), mirror=self.server.address(self.mirror))
        self.project.write("tidemark.yaml", project.replace(f'{self.server.address(self.source)}"',
                                                            f'{self.server.address(self.source)}", guard: {{{text}}}'))

    def job(self, name, source, load="full"):
        self.project.job(name, f"from: {{connection: shop, {source}}}\n"
                               f"to: {{connection: warehouse, table: {name}, load: {load}}}\n")

    def test_rows_are_read_no_faster_than_allowed_over_one_session(self):
        self.shop("create table t (id int primary key, s varchar(100)); "
                  "insert into t select seq, repeat('x', 90) from seq_1_to_4000")
        self.job("t", "table: t")
        for limit in ("rows_per_second: 2000", "bytes_per_second: 190KB"):
            self.guard(limit + ", connections: 1")
            begin = time.monotonic()
            self.assertEqual(4000, self.run_job("t")["streams"][0]["rows_loaded"])
            self.assertGreater(time.monotonic() - begin, 1.8, limit)
        shown = self.project.call("connection", "show", "shop")
        self.assertIn("MariaDB", shown.out)
        self.assertIn("at most 1", shown.out)

    def test_nothing_is_waited_for_too_long_and_nothing_is_written(self):
        self.shop("create table t (id int primary key); insert into t values (1); create sequence numbers")
        self.guard("lock_timeout: 1s, statement_timeout: 1s")
        self.job("writes", "query: \"select nextval(numbers) as n\"")
        self.assertIn("READ ONLY", self.run_job("writes", 1)["error"]["message"])
        self.job("slow", "query: select sleep(5) as a")
        self.assertIn("max_statement_time", self.run_job("slow", 1)["error"]["message"])

    def test_a_large_table_is_not_followed_without_an_index(self):
        self.shop("create table t (id int primary key, at timestamp(6) not null default current_timestamp(6)); "
                  "insert into t (id) select seq from seq_1_to_1000; analyze table t")
        self.guard("scan_limit: 8KB")
        self.job("t", "table: t, watermark: at", "upsert")
        error = self.run_job("t", 3)["error"]
        self.assertEqual("blocked.seq_scan", error["code"])
        self.assertIn("create index", error["hint"])
        self.shop("create index at_index on t (at)")
        self.run_job("t")
        self.guard("replica: host=x")
        self.assertIn("`replica` does not work", self.project.call("validate").out)

    def test_another_server_is_not_taken_for_the_one_before(self):
        self.shop(ORDERS)
        self.project.write("jobs/orders.yaml", ORDERS_JOB.replace("TARGET", "mirror"))
        self.run_job("orders")
        self.target("update tidemark_ledger set hi = concat(substring_index(hi, '@', 1), '@another')")
        self.assertEqual("blocked.source_changed", self.run_job("orders", 3)["error"]["code"])
        self.assertEqual(0, self.project.call("run", "orders", "--same-source").code)
        self.run_job("orders")


class Faults(MysqlTest):
    def fault(self, connection, *words):
        self.project.write("tidemark.yaml", PROJECT.format(source=connection, mirror="user=x"))
        self.project.write("jobs/orders.yaml", ORDERS_JOB.replace("TARGET", "warehouse"))
        done = self.project.call("plan", "orders")
        self.assertNotEqual(0, done.code)
        for word in words:
            self.assertIn(word, done.err)

    def test_a_connection_text_is_checked_with_its_place(self):
        self.fault("hots=a", "tidemark.yaml:2", "`hots` is not allowed", "did you mean `host`?")
        self.fault("host=a password=geheim", "must not stand in the connection text", "password: ${env:NAME}")
        self.fault("host=a port=x", "`port=x` is not possible")

    def test_what_is_not_there_is_told(self):
        self.fault("host=127.0.0.1 port=1 user=x", "check `host` and `port`")
        self.fault(self.server.address(self.source, "stranger"), "check `user` in the connection")
        self.fault(self.server.address("nowhere"), "check `dbname` in the connection")
        self.shop("create table order_s (id int)")
        self.fault(self.server.address(self.source), "there is no table orders", "did you mean `order_s`?")

    def test_a_target_without_transactions_is_refused(self):
        self.shop(ORDERS)
        self.target("create table mart_orders (id int primary key) engine = MyISAM")
        self.project.write("jobs/orders.yaml", ORDERS_JOB.replace("TARGET", "mirror"))
        done = self.project.call("plan", "orders")
        self.assertNotEqual(0, done.code)
        self.assertIn("has no transactions", done.err)


if __name__ == "__main__":
    unittest.main()
