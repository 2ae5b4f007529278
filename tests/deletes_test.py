#!/usr/bin/env python3
"""Rows that are deleted at the source: by a column, and by sweeps; every pair of systems goes through the same cases.

Races and crashes are in tests/deletes_race_test.py, what a plan refuses in tests/deletes_plan_test.py.
"""

import unittest

from support.deletes import Deletes


class Cases:
    """Mixed into Deletes of a pair of systems."""

    def test_a_row_that_is_marked_in_the_source_goes_and_comes_back(self):
        self.make()
        self.change(3, "gone = true" if self.source_kind != "sqlite" else "gone = 1")
        self.job("{column: gone}")
        run = self.good("orders")
        self.assertEqual(([1, 2], 1, 3, 2), (self.ids(), self.deleted(run), run["streams"][0]["rows_read"],
                                             run["streams"][0]["rows_loaded"]))
        self.change(1, "gone = true" if self.source_kind != "sqlite" else "gone = 1")
        run = self.good("orders")
        self.assertEqual([2], self.ids())
        stream = run["streams"][0]
        self.assertEqual(stream["rows_read"], stream["rows_loaded"] + stream["rows_deleted"], run)
        self.change("1, 3", "gone = false" if self.source_kind != "sqlite" else "gone = 0")
        self.good("orders")
        self.assertEqual([1, 2, 3], self.ids())

    def test_a_marked_row_stays_with_a_time_and_loses_it_when_it_comes_back(self):
        self.make(rows=4)
        self.job("{column: gone, mark: gone_at, sweep: 1h}")
        self.good("orders")
        self.assertEqual(([1, 2, 3, 4], []), (self.ids(), self.marked()))
        self.change("1, 2", "gone = " + ("true" if self.source_kind != "sqlite" else "1"))
        self.good("orders")
        self.assertEqual(([1, 2, 3, 4], [1, 2]), (self.ids(), self.marked()))
        before = self.table("orders", "gone_at")[0]
        self.change("1", "name = 'later'")
        self.change("2", "gone = " + ("false" if self.source_kind != "sqlite" else "0"))
        self.good("orders")
        self.assertEqual([1], self.marked())
        self.assertEqual(before, self.table("orders", "gone_at")[0])  # when it was found, not when it was read
        self.shop("delete from orders where id in (2, 3)")
        self.good("orders", "--sweep")
        self.assertEqual(([1, 2, 3, 4], [1, 2, 3]), (self.ids(), self.marked()))
        self.assertEqual(before, self.table("orders", "gone_at")[0])
        self.add([3])
        self.assertEqual(0, self.deleted(self.good("orders", "--sweep")))
        self.assertEqual([1, 2], self.marked())
        # Put back with a watermark that no window reads any more: the sweep sees that it is there.
        self.shop("insert into orders (id, name, at) values (2, 'n2', '2020-01-01 00:00:00')")
        self.good("orders", "--sweep")
        self.assertEqual([1], self.marked())

    def test_a_sweep_takes_out_what_is_gone_when_it_is_due(self):
        self.make(rows=5)
        self.job("{sweep: 1h}")
        self.good("orders")
        self.shop("delete from orders where id = 5")
        self.add([6])
        self.good("orders")  # the first load has nothing to compare; the next sweep is due in an hour
        self.assertEqual([1, 2, 3, 4, 5, 6], self.ids())
        run = self.good("orders", "--sweep")
        self.assertEqual(([1, 2, 3, 4, 6], 1), (self.ids(), self.deleted(run)))
        self.shop("delete from orders where id = 4")
        self.good("orders")
        self.assertIn(4, self.ids())
        self.assertFalse(self.plan("orders")["deletes"]["sweep"]["due"])
        back = {"duckdb": "now() - interval 2 hour", "postgres": "now() - interval '2 hours'",
                "mysql": "utc_timestamp(6) - interval 2 hour"}[self.target_kind]
        self.target_sql(f"update tidemark_sweeps set swept_at = {back}")
        plan = self.plan("orders")["deletes"]["sweep"]
        self.assertTrue(plan["due"], plan)
        self.assertIn("id", plan["reads"][0].lower())
        self.assertNotIn("name", plan["reads"][0].lower())
        run = self.good("orders")  # nothing is new
        self.assertEqual(([1, 2, 3, 6], 1), (self.ids(), self.deleted(run)))
        self.assertFalse(self.plan("orders")["deletes"]["sweep"]["due"])
        # A clock of the target that was wrong once puts no sweep off for ever.
        self.target_sql("update tidemark_sweeps set swept_at = '2222-02-02 02:02:02'")
        self.assertTrue(self.plan("orders")["deletes"]["sweep"]["due"])

    def test_too_many_wait_for_a_person(self):
        self.make(rows=40)
        self.job("{sweep: 1h, max_fraction: 10%}")
        self.good("orders")
        self.shop("delete from orders where id <= 10")
        self.assertEqual(10, self.deleted(self.good("orders", "--sweep")))  # so few are no accident
        self.shop("delete from orders where id <= 21")
        self.add([41])
        error = self.failed("blocked.deletes", "--sweep")
        self.assertIn("--accept-deletes", error["hint"])
        self.assertEqual(list(range(11, 41)), self.ids())  # nothing was loaded
        self.failed("blocked.deletes", "--sweep")
        run = self.good("orders", "--sweep", "--accept-deletes")
        self.assertEqual((list(range(22, 42)), 11), (self.ids(), self.deleted(run)))

    def test_an_empty_source_takes_nothing_out_unless_it_may(self):
        self.make()
        self.job("{sweep: 1h}")
        self.good("orders")
        self.shop("delete from orders")
        self.failed("blocked.empty_source", "--sweep")
        self.failed("blocked.empty_source", "--sweep", "--accept-deletes")
        self.assertEqual([1, 2, 3], self.ids())
        self.good("orders", "--sweep", "--allow-empty")
        self.assertEqual([], self.ids())


class PostgresToDuckdb(Cases, Deletes):
    def test_composite_keys_and_names_that_could_end_one(self):
        self.shop('create table "o;\'""--" ("a""b" int, "c\'d" varchar(9), v int, at timestamptz default now(), '
                  'primary key ("a""b", "c\'d")); insert into "o;\'""--" values (1, \'x\', 1), (1, \'y\', 2), '
                  "(2, 'x', 3), (2, 'it''s', 4)")
        self.project.job("odd", "from: {connection: shop, table: '\"o;''\"\"--\"', watermark: at}\n"
                                "deletes: {sweep: 1h}\n"
                                "to: {connection: warehouse, table: odd, load: upsert}\n")
        self.good("odd")
        self.shop('delete from "o;\'""--" where v in (2, 4)')
        self.assertEqual(2, self.deleted(self.good("odd", "--sweep")))
        self.assertEqual([["1"], ["3"]], self.project.rows("select v from odd order by v"))

    def test_a_rule_does_not_refuse_a_row_that_only_goes(self):
        self.make()
        self.job("{column: gone}", more="rules: {named: name <> 'bad'}\n")
        self.good("orders")
        self.change(1, "name = 'bad'")
        self.assertEqual(1, self.good("orders")["streams"][0]["rows_rejected"])
        self.change(1, "gone = true")
        run = self.good("orders")
        self.assertEqual(([2, 3], 0), (self.ids(), run["streams"][0]["rows_rejected"]))
        # What was refused before is settled by it.
        self.assertEqual([["0"]], self.project.rows("select count(*) from tidemark_quarantine where resolved_at is null"))

    def test_a_step_does_not_refuse_it_and_the_newest_version_decides(self):
        self.shop("create table versions (n serial, id int, amount text, gone boolean, at timestamptz)")
        self.job("{column: gone}", reads="table: versions", to="orders",
                 more="transform: [{cast: {amount: integer}}, {drop: [gone]}]\n")

        def version(i, amount, gone):
            self.shop(f"insert into versions (id, amount, gone, at) values ({i}, '{amount}', {gone}, clock_timestamp())")

        version(1, "1", "false")
        version(1, "x", "true")   # no integer; it is newer, so 1 is gone
        version(2, "x", "true")
        version(2, "2", "false")  # came back
        version(3, "3", "false")
        version(3, "3", "true")
        version(4, "y", "false")  # refused
        run = self.good("orders")
        self.assertEqual([2], self.ids())
        stream = run["streams"][0]
        self.assertEqual((1, 7), (stream["rows_rejected"], stream["rows_read"]), run)
        self.assertEqual(2, stream["rows_deleted"])

    def test_a_refused_row_is_marked_all_the_same(self):
        self.make()
        self.job("{column: gone, mark: gone_at}", more="rules: {named: name <> 'bad'}\n")
        self.good("orders")
        self.change(1, "name = 'bad', gone = true")
        self.assertEqual(1, self.good("orders")["streams"][0]["rows_rejected"])
        self.assertEqual(([1, 2, 3], [1]), (self.ids(), self.marked()))

    def test_a_sweep_goes_by_the_column_too(self):
        self.make()
        self.job("{sweep: 1h}")
        self.good("orders")
        self.shop("update orders set gone = true where id = 2")  # without its watermark
        self.job("{sweep: 1h, column: gone}")
        self.good("orders", "--sweep")
        self.assertEqual([1, 3], self.ids())

    def test_a_comparison_finds_no_fault_in_what_is_gone(self):
        for mark, steps in (("", ""), (", mark: gone_at", ""), ("", "transform: [{drop: [name]}]\n")):
            with self.subTest(mark + steps):
                self.shop("drop table if exists orders")
                self.make(rows=4)
                name = f"t{len(mark)}{len(steps)}"
                self.job("{column: gone, sweep: 1h" + mark + "}", name, reads="table: orders", more=steps)
                self.good(name)
                self.change(1, "gone = true")
                self.shop("delete from orders where id = 2")
                self.good(name, "--sweep")
                self.assertEqual([3, 4] if not mark else [1, 2, 3, 4], self.ids(name))
                done = self.project.call("verify", name, "--repair")
                self.assertEqual(0, done.code, done.out + done.err)
                self.assertNotIn("missing in the target", done.out)
                self.assertNotIn("different", done.out)

    def test_many_tables_are_swept_each_by_itself(self):
        self.make("one")
        self.make("two")
        self.project.job("all", "from: {connection: shop, tables: [\"public.*\"], watermark: at}\n"
                                "deletes: {sweep: 1h}\n"
                                "to: {connection: warehouse, table: \"{table}\", load: upsert}\n")
        self.good("all")
        self.shop("delete from one where id = 1; delete from two where id in (2, 3)")
        run = self.good("all", "--sweep")
        self.assertEqual([1, 2], [stream["rows_deleted"] for stream in run["streams"]])
        self.assertEqual(([2, 3], [1]), (self.ids("one"), self.ids("two")))

    def test_a_window_with_a_mark_can_be_replayed(self):
        self.make()
        self.job("{sweep: 1h, mark: gone_at}")
        self.good("orders")
        self.add([4])
        run = self.good("orders")
        done = self.project.call("replay", run["run_id"])
        self.assertEqual(0, done.code, done.err)

    def test_a_row_without_a_key_is_not_told_to_be_gone(self):
        self.make()
        self.job("{sweep: 1h}", reads="query: select * from orders")
        self.good("orders")
        self.target_sql("insert into orders (id, name) values (null, 'by hand')")
        self.assertEqual(0, self.deleted(self.good("orders", "--sweep")))
        self.assertEqual([["1"]], self.project.rows("select count(*) from orders where id is null"))

    def test_a_replay_makes_a_sweep_due(self):
        self.make()
        self.job("{sweep: 1h}")
        run = self.good("orders")
        self.shop("delete from orders where id = 2")
        self.assertFalse(self.plan("orders")["deletes"]["sweep"]["due"])
        self.assertEqual(0, self.project.call("replay", run["run_id"]).code)
        self.assertTrue(self.plan("orders")["deletes"]["sweep"]["due"])
        self.good("orders")
        self.assertEqual([1, 3], self.ids())


class PostgresToPostgres(Cases, Deletes):
    target_kind = "postgres"

    def test_keys_are_compared_as_the_target_compares_them(self):
        # What the target folds is alive, as long as a row of the source would be merged with it.
        self.target("create collation folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false); "
                    "create table orders (id text collate folded primary key, at timestamptz)")
        self.shop("create table orders (id varchar(5) primary key, at timestamptz default clock_timestamp()); "
                  "insert into orders (id) values ('A'), ('b'), ('c')")
        self.job("{sweep: 1h}")
        self.good("orders")
        self.shop("update orders set id = 'a' where id = 'A'; delete from orders where id = 'c'")
        self.good("orders", "--sweep")
        self.assertEqual("A,b", self.target("select string_agg(id, ',' order by id) from orders"))


class MysqlToMysql(Cases, Deletes):
    source_kind, target_kind = "mysql", "mysql"

    def test_a_key_that_is_alive_in_other_letters_stays(self):
        self.target("create table folding (id varchar(9) character set utf8mb4 collate utf8mb4_general_ci primary key, "
                    "gone boolean, at timestamp(6))")
        self.shop("create table folding (id varchar(9) character set utf8mb4 collate utf8mb4_bin primary key, "
                  "gone boolean default false, at timestamp(6) default now(6)); "
                  "insert into folding (id) values ('abc'), ('x')")
        self.job("{sweep: 1h, column: gone}", "folding", reads="table: folding")
        self.good("folding")
        self.shop("insert into folding (id, gone, at) values ('ABC', true, now(6))")
        self.good("folding")
        self.assertEqual("2", self.target("select count(*) from folding"))
        self.shop("delete from folding where id in ('ABC', 'x')")
        self.good("folding", "--sweep")
        self.assertEqual("abc", self.target("select id from folding"))


class SqliteToDuckdb(Cases, Deletes):
    source_kind = "sqlite"

    def test_a_time_as_text_deletes_and_other_text_stops_the_run(self):
        self.lite("create table orders (id integer primary key, deleted_at text, at text); "
                  "insert into orders values (1, null, '1'), (2, '2026-01-02 03:04:05', '2'), (3, null, '3')")
        self.job("{column: deleted_at}")
        self.good("orders")
        self.assertEqual([1, 3], self.ids())
        self.lite("update orders set deleted_at = 'no', at = '4' where id = 1")
        error = self.failed("source.unclear_delete")
        self.assertIn("`no`", error["message"])
        self.assertEqual([1, 3], self.ids())

    def test_keys_without_a_watermark_are_alive(self):
        self.make()
        self.job("{sweep: 1h}")
        self.project.job("orders", (self.project.dir / "jobs/orders.yaml").read_text().replace(
            "watermark: at", "watermark: at, null_cursor: once"))
        self.good("orders")
        self.lite("update orders set at = null where id = 2; delete from orders where id = 3")
        self.good("orders", "--sweep")
        self.assertEqual([1, 2], self.ids())


if __name__ == "__main__":
    unittest.main()
