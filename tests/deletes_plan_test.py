#!/usr/bin/env python3
"""Jobs that follow deletes: what is a fault in their files, what a plan refuses, and what it says."""

import unittest

from support.deletes import Deletes
from support.project import Project

JOB = "from: {{connection: lite, {reads}}}\n{more}deletes: {deletes}\nto: {{connection: warehouse, table: t, {to}}}\n"
FILES = "connections:\n  lite: {sqlite: shop.db}\n  landing: {files: data}\n  warehouse: {duckdb: warehouse.duckdb}\n"
UPSERT = "load: upsert, key: [id]"


class Faults(unittest.TestCase):
    def faults(self, deletes, to=UPSERT, reads="table: orders, watermark: at", connection="lite"):
        project = self.enterContext(Project(FILES))
        project.job("orders", JOB.format(reads=reads, deletes=deletes, to=to, more="").replace(
            "connection: lite", f"connection: {connection}"))
        return project.call("validate", "--json").json["faults"]

    def test_what_is_a_fault_in_the_file(self):
        cases = {
            "means nothing with `load: append`": ("{column: gone}", "load: append", {}),
            "means nothing with `load: full`": ("{sweep: 1h}", "load: full", {}),
            "does not say how deleted rows are known": ("{mark: gone_at}", UPSERT, {}),
            "`max_fraction` means nothing without `sweep`": ("{column: gone, max_fraction: 5%}", UPSERT, {}),
            "`mark` names a column of the key": ("{column: gone, mark: id}", UPSERT, {}),
            "cannot be told from files": ("{column: gone}", UPSERT, {"reads": "files: [a.csv]",
                                                                     "connection": "landing"}),
            "unknown key": ("{columns: gone}", UPSERT, {}),
        }
        for words, (deletes, to, more) in cases.items():
            with self.subTest(words):
                found = self.faults(deletes, to, **more)
                self.assertTrue(found, words)
                self.assertTrue(any(words in fault["message"] or words == "unknown key" for fault in found), found)
                self.assertTrue(all(fault["line"] > 0 and fault["column"] > 0 and fault["hint"] for fault in found), found)
        self.assertEqual([], self.faults("{column: gone, sweep: 24h, max_fraction: 5%, mark: gone_at}"))


class Plans(Deletes):
    source_kind = "sqlite"

    def planned(self, deletes, more="", code=None, to="orders", reads=None):
        self.job(deletes, more=more, to=to, reads=reads)
        done = self.project.call("plan", "orders")
        self.assertEqual(2 if code else 0, done.code, done.err)
        return done.err if code else done.out

    def test_what_cannot_be_planned_names_its_line(self):
        self.make()
        for deletes, more, words in (
                ("{column: gon}", "", ["orders.yaml:2:", "did you mean `gone`"]),
                ("{column: name}", "transform: [{sql: select * from rows}]\n", ["orders.yaml:2:", "`sql` step"]),
                ("{sweep: 1h}", "transform: [{derive: {id: id + 1}}]\n", ["orders.yaml:2:", "`id` is made here"]),
                ("{sweep: 1h}", "transform: [{rename: {id: old}}, {derive: {id: old}}]\n", ["`id` is made here"]),
                ("{sweep: 1h}", "transform: [{cast: {id: integer}}]\n", ["`id` is made here"]),
                ("{column: gone, mark: name}", "", ["`name` already", "gone_at"])):
            with self.subTest(more + deletes):
                error = self.planned(deletes, more, code=2)
                for word in words:
                    self.assertIn(word, error)
        self.lite("create table reals (id integer primary key, gone real, at text)")
        self.assertIn("does not say whether", self.planned("{column: gone}", reads="table: reals", code=2))

    def test_a_key_that_is_only_renamed_can_be_swept(self):
        self.make()
        self.project.job("orders", "from: {connection: lite, table: orders, watermark: at}\n"
                                   "transform: [{rename: {id: order_id}}, {drop: [gone]}]\ndeletes: {sweep: 1h}\n"
                                   "to: {connection: warehouse, table: orders, load: upsert, key: [order_id]}\n")
        self.good("orders")
        self.lite("delete from orders where id = 2")
        self.good("orders", "--sweep")
        self.assertEqual([["1"], ["3"]], self.project.rows("select order_id from orders order by 1"))

    def test_the_plan_says_what_becomes_of_deleted_rows(self):
        self.make()
        text = self.planned("{column: gone, sweep: 24h}")
        self.assertIn("deletes  rows in which `gone` is set are taken out", text)
        self.assertIn("sweep  not due: not with the first load", text)
        self.good("orders")
        text = self.planned("{column: gone, sweep: 24h}")
        self.assertIn("sweep  not due: last at 20", text)
        self.target_sql("update tidemark_sweeps set swept_at = now() - interval 25 hour")
        text = self.planned("{column: gone, sweep: 24h, mark: gone_at}")
        self.assertIn("sweep  due: last at 20", text)
        self.assertIn("Z, every 24h; rows", text)
        self.assertIn('SELECT "id", "gone" FROM "orders"', text)
        self.assertIn("get a time in `gone_at`", text)
        self.assertIn("Nothing was changed.", text)
        self.assertEqual([["id"], ["name"], ["gone"], ["at"]],
                         self.project.rows("select column_name from (describe orders)"))

    def test_a_table_of_several_jobs_is_not_swept(self):
        self.make()
        self.job("{sweep: 1h}")
        self.good("orders")
        self.project.write("tidemark.yaml", (self.project.dir / "tidemark.yaml").read_text().replace(
            "warehouse:", "again: {duckdb: ./warehouse.duckdb}\n  warehouse:"))
        self.project.job("other", "from: {connection: lite, table: orders, watermark: at}\n"
                                  "to: {connection: again, table: main.orders, load: upsert, key: [id]}\n")
        self.good("other")
        error = self.failed("plan.sweep_shared", "--sweep")
        self.assertIn("job `other`", error["message"])
        self.target_sql("delete from tidemark_sweeps where job = 'other'")
        self.good("orders", "--sweep")

    def test_what_another_query_does_not_return_waits_for_a_person(self):
        self.make(rows=5)
        self.job("{sweep: 1h}", reads="query: select * from orders")
        self.good("orders")
        self.job("{sweep: 1h}", reads="query: select * from orders where id <> 2")
        error = self.failed("blocked.deletes", "--sweep")
        self.assertIn("something else", error["message"])
        self.good("orders", "--sweep", "--accept-deletes")
        self.assertEqual([1, 3, 4, 5], self.ids())
        self.lite("delete from orders where id = 5")
        self.good("orders", "--sweep")
        self.assertEqual([1, 3, 4], self.ids())

    def test_a_job_without_a_sweep_is_told_so(self):
        self.make()
        self.job("{column: gone}")
        self.assertIn("has no `sweep`", self.failed("user.no_sweep", "--sweep")["message"])

    def test_rows_of_history_say_how_many_were_deleted(self):
        self.make()
        self.change(3, "gone = 1")
        self.job("{column: gone}")
        done = self.project.call("run", "orders")
        self.assertIn("read 3  loaded 2  deleted 1", done.out)
        listed = self.project.call("runs", "orders").out.splitlines()
        self.assertIn("deleted", listed[0])
        self.assertIn("1 deleted at the source", self.project.call("show", listed[-1].split()[0]).out)


if __name__ == "__main__":
    unittest.main()
