#!/usr/bin/env python3
"""Bad project and job files, met by the real program: each fault with its place and what to write, exit 2.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import sqlite3
import time
import unittest

from support.bad_input import ORDERS, BadInput
from support.project import listing


class BadProjectFiles(BadInput):
    """Faults of the files end with exit 2 and are found before anything is made."""

    GOOD_FILE = ("data/orders-1.csv", "id,price\n1,2.50\n")

    def fault(self, job, *words, command="run"):
        """A fault in the text of the files: no store, no stage, no warehouse."""
        self.project.write(*self.GOOD_FILE)
        self.project.job("orders", job)
        before = listing(self.project.dir)
        self.failed(self.project.call(command, "orders"), 2, *words)
        self.assertEqual(listing(self.project.dir), before)

    def fault_at_plan(self, job, *words):
        """A fault that only the columns show: `plan` touches nothing, and `run` records that it failed."""
        self.fault(job, *words, command="plan")
        self.failed(self.project.call("run", "orders"), 2, *words)
        self.assertEqual(self.project.count("orders"), 0)
        self.assertEqual(self.project.ledger("orders"), [])

    def test_a_job_of_no_bytes(self):
        self.fault("", "jobs/orders.yaml:1:1", "the file is empty", "at least `from` and `to`")

    def test_a_project_of_no_bytes(self):
        self.project.write("tidemark.yaml", "")
        self.fault(ORDERS, "tidemark.yaml:1:1", "the file is empty", "connections:")

    def test_yaml_bomb(self):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]" for i in range(1, 12)]
        started = time.monotonic()
        self.fault("\n".join(lines) + "\n" + ORDERS, "jobs/orders.yaml:")
        self.assertLess(time.monotonic() - started, 10)

    def test_deep_yaml(self):
        self.fault("from: " + "[" * 100_000 + "\n", "jobs/orders.yaml:")

    def test_broken_yaml(self):
        self.fault("from: {connection: landing\nto: ]\n", "jobs/orders.yaml:")

    def test_yaml_that_is_not_utf8(self):
        self.fault(b"from: {connection: land\xffing, files: x.csv}\n", "jobs/orders.yaml:", "UTF-8")

    def test_doubled_keys(self):
        self.fault(ORDERS + ORDERS, "jobs/orders.yaml:3:1", "`from`", "twice")

    def test_an_unknown_key_and_the_nearest_word(self):
        self.fault(ORDERS.replace("files:", "fils:"), "jobs/orders.yaml:1:29", "unknown key `fils`", "`files`")

    def test_a_wrong_type_of_value(self):
        self.fault(ORDERS + "enabled: perhaps\n", "jobs/orders.yaml:3:10", "`enabled`", "true")

    def test_an_unknown_connection(self):
        self.fault(ORDERS.replace("landing", "landin"), "jobs/orders.yaml:1:20", "`landin`", "`landing`")

    def test_a_connection_that_is_no_target(self):
        self.fault(ORDERS.replace("warehouse", "shop"), "jobs/orders.yaml:2:20", "`shop`")

    def test_a_sql_file_that_is_missing(self):
        self.fault(ORDERS + "transform:\n  - sql: shipments.sql\n", "jobs/orders.yaml:4:10", "shipments.sql")

    def test_bad_sql_in_derive(self):
        self.fault(ORDERS + "transform:\n  - derive: {twice: 2 * (price}\n", "jobs/orders.yaml:4:")

    def test_bad_sql_in_a_rule(self):
        self.fault(ORDERS + "rules:\n  cheap: price <\n", "jobs/orders.yaml:4:")

    def test_a_rule_that_is_no_condition(self):
        self.fault_at_plan(ORDERS + "rules:\n  cheap: price + 1\n", "jobs/orders.yaml:4:10", "no condition",
                           "write a comparison")

    def test_a_column_that_is_not_there(self):
        self.fault_at_plan(ORDERS + "transform:\n  - derive: {twice: 2 * prise}\n", "jobs/orders.yaml:4:25", "`prise`",
                           "`price`")

    def test_bad_sql_in_a_query_of_the_source(self):
        with sqlite3.connect(self.project.dir / "shop.db") as database:
            database.execute("CREATE TABLE orders (id INTEGER)")
        database.close()
        self.project.job("orders", "from: {connection: shop, query: select idd from orders}\n"
                         "to: {connection: warehouse, table: orders}\n")
        done = self.project.call("run", "orders")
        self.assertIn(done.code, (1, 2))
        self.assertIn("idd", done.err)
        self.assertEqual(self.project.count("orders"), 0)


if __name__ == "__main__":
    unittest.main()
