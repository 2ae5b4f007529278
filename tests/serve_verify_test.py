#!/usr/bin/env python3
"""`verify:` in a job: under `tidemark serve` source and target are compared by themselves.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import contextlib
import sqlite3
import unittest

from support.project import Project
from support.served import Served
from support.temporary_postgres import TemporaryPostgres

PROJECT = """\
connections:
  shop: {{postgres: "{0}"}}
"""
ORDERS = """\
from: {connection: shop, table: public.orders, watermark: at}
to: {connection: shop, table: mart.orders, load: upsert, key: [id]}
"""


class ServeVerify(Served):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())

    def setUp(self):
        conninfo = f"host=127.0.0.1 port={self.server.port} dbname=postgres user=postgres"
        self.project = self.enterContext(Project(PROJECT.format(conninfo)))
        self.served = None
        self.addCleanup(self.stop)
        self.server.sql("drop schema if exists mart cascade; drop table if exists orders; create schema mart; "
                        "drop table if exists tidemark_ledger, tidemark_loads, tidemark_quarantine; "
                        "create table orders (id int primary key, name text, at timestamptz not null default now()); "
                        "insert into orders select i, 'n' || i from generate_series(1, 100) i")

    def compared(self, state):
        """Reasons of the comparisons that ended so."""
        with contextlib.suppress(sqlite3.OperationalError), \
                contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db")) as store:
            return [reason for reason, in store.execute(
                "select reason from etl_fires where task = 'verify' and state = ? order by fire_time", (state,))]
        return []

    def test_what_differs_fails_and_is_said(self):
        self.project.job("orders", ORDERS + "every: 1s\nverify: {every: 1s}\n")
        self.serve("--drain", "5s")
        # The second window has the rows of the first end again.
        self.wait_for(lambda: len(self.compared("done")) >= 4)
        self.server.sql("delete from mart.orders where id <= 3; update mart.orders set name = 'x' where id = 5")
        reason = self.wait_for(lambda: self.compared("failed"))[0]
        self.assertIn("3 rows missing, 1 different", reason)
        status = self.project.call("status", "--json").json
        [failed] = status["failed"]
        self.assertEqual(("orders", "verify", None, 1),
                         (failed["job"], failed["task"], failed["run_id"], status["failed_total"]))
        self.assertIn("3 rows missing, 1 different", failed["message"])
        self.assertIn("tidemark verify orders", failed["hint"])
        self.assertRegex(self.project.call("status").out, r"orders \(verify\) +- +failed ")
        told = self.stop()
        self.assertIn("verify", {note["task"] for note in told})
        self.assertEqual("97", self.server.sql("select count(*) from mart.orders").strip())

    def proofs(self):
        """Of what was compared so far, whether all is proved."""
        with contextlib.suppress(sqlite3.OperationalError), \
                contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db")) as store:
            return [proved for proved, in store.execute("select proved_at is not null from etl_proofs")]
        return []

    def test_a_budget_ends_each_comparison_and_the_next_goes_on(self):
        self.server.sql("insert into orders select i, 'n' from generate_series(101, 60000) i; "
                        "update orders set at = now() - interval '1 hour'")
        self.project.job("orders", ORDERS + "every: 1h\nverify: {every: 1s, budget: 1ms}\n")
        self.assertEqual(0, self.project.call("run", "orders").code)
        self.serve("--drain", "5s")
        self.wait_for(lambda: self.proofs() == [0])
        self.wait_for(lambda: self.proofs() == [1])
        self.stop()
        self.assertEqual([], self.compared("failed"))
        self.assertGreater(len(self.compared("done")), 1)

    def test_with_repair_it_is_put_right(self):
        self.project.job("orders", ORDERS + "every: 1s\nverify: {every: 2s, repair: true}\n")
        self.serve("--drain", "5s")
        self.wait_for(lambda: self.compared("done"))
        self.server.sql("delete from mart.orders where id <= 3")
        self.wait_for(lambda: self.server.sql("select count(*) from mart.orders").strip() == "100")
        self.stop()
        self.assertEqual([], self.compared("failed"))


if __name__ == "__main__":
    unittest.main()
