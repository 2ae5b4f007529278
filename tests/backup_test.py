#!/usr/bin/env python3
"""`tidemark backup` and `tidemark restore`: a store that is lost comes back, and nothing is loaded twice.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import contextlib
import os
import sqlite3
import unittest

from support.project import PROJECT_YAML
from support.served import Served
from support.temporary_postgres import TemporaryPostgres


class Backup(Served):
    def setUp(self):
        super().setUp()
        self.job("readings", "")
        self.file = self.project.dir / "backup.db"

    def good(self, *arguments):
        done = self.project.call(*arguments)
        self.assertEqual(0, done.code, done.err)
        return done

    def failed(self, code, words, *arguments):
        done = self.project.call(*arguments)
        self.assertEqual(code, done.code, done.out + done.err)
        self.assertIn(words, done.err)

    def runs(self):
        return [(run["run_id"], run["status"]) for run in self.project.call("runs", "--json").json]

    def add(self, name):
        self.project.write(f"data/readings-{name}.csv", "id\n10\n11\n")

    def lose_store(self):
        for path in (self.project.dir / ".tidemark").glob("store.db*"):
            path.unlink()

    def test_a_lost_store_comes_back_with_its_history_and_nothing_is_loaded_twice(self):
        self.good("run", "readings")
        at_backup = self.runs()
        self.good("backup", "backup.db")
        self.add("2")
        self.good("run", "readings")
        self.lose_store()
        self.good("restore", "backup.db")
        self.assertEqual(at_backup, self.runs())
        self.assertEqual(4, self.project.count("readings"))
        self.good("run", "readings")
        self.assertEqual(4, self.project.count("readings"), "the target knows what is loaded")
        self.add("3")
        self.good("run", "readings")
        self.assertEqual(6, self.project.count("readings"))

    def test_a_backup_is_made_while_it_is_served(self):
        self.job("often", "every: 1s\n")
        self.serve()
        self.wait_for(lambda: self.done("often") > 2)
        elsewhere = self.project.dir / "data"
        done = self.project.call("backup", "../backup.db", "--project", "..", prefix=("env", "-C", str(elsewhere)))
        self.assertEqual(0, done.code, done.err)
        self.assertTrue(self.file.exists(), "the file is where the caller stands")
        self.failed(3, "in use by process", "restore", "backup.db")
        self.stop()
        with contextlib.closing(sqlite3.connect(self.file)) as backup:
            self.assertEqual([("ok",)], backup.execute("pragma integrity_check").fetchall())
            self.assertGreater(backup.execute("select count(*) from etl_fires where state = 'done'").fetchone()[0], 2)
        self.assertEqual([], [path.name for path in self.project.dir.glob("backup.db?*")], "nothing is left beside it")

    def test_what_is_there_is_not_overwritten(self):
        self.failed(2, "no store yet", "backup", "backup.db")
        self.good("run", "readings")
        self.good("backup", "backup.db")
        before = self.file.read_bytes()
        self.failed(2, "is there already", "backup", "backup.db")
        self.assertEqual(before, self.file.read_bytes())
        self.failed(2, "--replace", "restore", "backup.db")
        self.good("run", "readings")
        with_two = self.runs()
        self.good("restore", "backup.db", "--replace")
        self.assertEqual(with_two[1:], self.runs())
        aside = list((self.project.dir / ".tidemark").glob("store.db.before-restore-*"))
        self.assertTrue(aside, "the store as it was is kept")
        self.assertEqual(before, self.file.read_bytes(), "a backup stays as it is")

    def test_what_is_no_backup_is_refused_and_changes_nothing(self):
        self.good("run", "readings")
        before = self.runs()
        self.failed(2, "no file", "restore", "backup.db", "--replace")
        with contextlib.closing(sqlite3.connect(self.file)) as other:
            other.execute("create table orders (id integer)")
            other.commit()
        self.failed(2, "no backup", "restore", "backup.db", "--replace")
        self.file.write_bytes(os.urandom(5000))
        done = self.project.call("restore", "backup.db", "--replace")
        self.assertNotEqual(0, done.code)
        self.assertEqual(before, self.runs())

    def test_between_systems(self):
        server = self.enterContext(TemporaryPostgres())
        self.good("run", "readings")
        before = self.runs()
        self.good("backup", "backup.db")
        store = f"store: postgres://postgres@127.0.0.1:{server.port}/postgres\n"
        self.project.write("tidemark.yaml", store + PROJECT_YAML)
        self.good("restore", "backup.db")
        self.assertEqual(before, self.runs())
        self.failed(2, "empty schema", "restore", "backup.db", "--replace")
        self.good("run", "readings")
        self.good("backup", "again.db")
        self.project.write("tidemark.yaml", PROJECT_YAML)
        self.good("restore", "again.db", "--replace")
        self.assertEqual(before, self.runs()[1:])


if __name__ == "__main__":
    unittest.main()
