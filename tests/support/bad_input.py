"""What every case of bad input asks, see tests/bad_input_test.py."""

import unittest

from support.project import Project

ORDERS = """\
from: {connection: landing, files: "orders-*.csv"}
to:   {connection: warehouse, table: orders, load: append}
"""


class BadInput(unittest.TestCase):
    def setUp(self):
        project = Project()
        self.addCleanup(project.__exit__)
        self.project = project

    def failed(self, done, code, *words):
        """The exit code, and every word in what a person reads."""
        self.assertEqual(done.code, code, f"stdout: {done.out}\nstderr: {done.err}")
        for word in words:
            self.assertIn(word, done.err)
        for never in ("AddressSanitizer", "runtime error:", "terminate called", "Assertion"):
            self.assertNotIn(never, done.err)

    def loaded(self, *jobs, read, loaded, refused=0):
        done, document = self.project.run(*jobs)
        self.assertEqual(done.code, 0, done.err)
        stream = document["streams"][0]
        self.assertEqual([stream["rows_read"], stream["rows_loaded"], stream["rows_rejected"]],
                         [read, loaded, refused])
        return document

    def state(self, job="orders", table="orders"):
        """What a failed run must leave as it is."""
        return self.project.rows(f"SELECT * FROM {table} ORDER BY ALL"), self.project.ledger(job)

    def start_with_one_file(self):
        self.project.job("orders", ORDERS)
        self.project.write("data/orders-1.csv", "id,name\n1,one\n2,two\n")
        self.loaded("orders", read=2, loaded=2)
        return self.state()

    def ids(self, table="orders", column="id"):
        return [row[0] for row in self.project.rows(f"SELECT {column} FROM {table} ORDER BY ALL")]
