#!/usr/bin/env python3
"""`tidemark doctor` and `tidemark connection test`: what is wrong is found, each with what to do about it.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import json
import os
import sqlite3
import unittest

from support.json_schema import faults
from support.project import ROOT, Project, listing

SCHEMA = json.loads((ROOT / "docs/reference/schemas/doctor.json").read_text(encoding="utf-8"))
READINGS = """\
from: {connection: landing, files: "readings-*.csv"}
to: {connection: warehouse, table: readings, load: append}
"""
COPY = """\
from: {connection: shop, table: items}
to: {connection: warehouse, table: items, load: full}
"""


class Looked(unittest.TestCase):
    def setUp(self):
        project = Project()
        self.addCleanup(project.__exit__)
        self.project = project

    def look(self, code, *arguments):
        done = self.project.call(*arguments, "--json")
        self.assertEqual((code, ""), (done.code, done.err), done.out)
        self.assertEqual([], faults(done.json, SCHEMA))
        found = {}
        for finding in done.json["findings"]:
            found.setdefault(finding["what"], []).append(finding)
            if finding["kind"] != "good" and ".yaml:" not in finding["what"]:
                self.assertTrue(finding["remedy"], f"nothing is told to do about {finding}")
        return found

    def kinds(self, found):
        return {what: [one["kind"] for one in findings] for what, findings in found.items()}

    def with_shop(self, rows=3):
        with sqlite3.connect(self.project.dir / "shop.db") as shop:
            shop.execute("create table items (id integer primary key, name text)")
            shop.executemany("insert into items values (?, ?)", [(n, f"item {n}") for n in range(rows)])
        shop.close()
        self.project.job("copy", COPY)


class Doctor(Looked):
    def test_a_project_that_never_ran_is_in_order_and_nothing_is_made_by_looking(self):
        self.project.job("readings", READINGS)
        self.project.write("data/readings-1.csv", "sensor,value\na,1\n")
        self.project.write("shop.db", "")
        before = listing(self.project.dir)
        found = self.look(0, "doctor")
        self.assertIn("not there yet", found["store"][0]["found"])
        self.assertEqual(["good"], self.kinds(found)["connection warehouse"])
        self.assertEqual(before, listing(self.project.dir))

    def test_faults_of_the_files_come_with_their_place(self):
        self.project.job("readings", READINGS.replace("append", "sideways"))
        found = self.look(1, "doctor")
        self.assertEqual({"jobs/readings.yaml:2:52": ["fault"]}, self.kinds(found))

    def test_a_job_that_failed_is_told_with_its_reason(self):
        self.with_shop()
        self.assertEqual(0, self.project.call("run", "copy").code)
        (self.project.dir / "shop.db").unlink()
        self.assertEqual(1, self.project.call("run", "copy").code)
        found = self.look(1, "doctor")
        self.assertEqual(["fault"], self.kinds(found)["job copy"])
        self.assertEqual(["fault"], self.kinds(found)["connection shop"])
        self.assertIn("shop.db", found["connection shop"][0]["found"])
        page = self.project.call("doctor").out
        self.assertIn("fault    job copy: its last run failed", page)
        self.assertIn("\n         -> ", page)

    def test_a_damaged_store_is_found(self):
        self.with_shop()
        self.assertEqual(0, self.project.call("run", "copy").code)
        self.assertEqual(["good"], self.kinds(self.look(0, "doctor"))["store"])
        store = self.project.dir / ".tidemark/store.db"
        with sqlite3.connect(store) as database:
            page = database.execute("select rootpage from sqlite_master where name = 'etl_runs'").fetchone()[0]
            size = database.execute("pragma page_size").fetchone()[0]
            database.execute("pragma wal_checkpoint(truncate)")
        database.close()
        with open(store, "r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xff" * 200)
        found = self.look(1, "doctor")["store"][0]
        self.assertEqual("fault", found["kind"])

    def test_a_folder_that_others_may_write_is_warned_of(self):
        self.with_shop()
        self.assertEqual(0, self.project.call("run", "copy").code)
        os.chmod(self.project.dir / ".tidemark", 0o777)
        found = self.look(0, "doctor")["folder .tidemark"][0]
        self.assertEqual("warning", found["kind"])
        self.assertIn("chmod go=", found["remedy"])

    def test_few_open_files_are_warned_of(self):
        done = self.project.call("doctor", "--json", prefix=("bash", "-c", 'ulimit -n 256; exec "$0" "$@"'))
        found = {one["what"]: one for one in done.json["findings"]}["open files"]
        self.assertEqual(("warning", "at most 256"), (found["kind"], found["found"]))


class ConnectionTest(Looked):
    def test_a_connection_is_tested_with_every_job_that_uses_it(self):
        self.with_shop()
        self.project.job("broken", COPY.replace("items", "nowhere"))
        self.project.job("readings", READINGS)
        before = listing(self.project.dir)
        found = self.look(1, "connection", "test", "shop")
        self.assertEqual({"connection shop": ["good"], "job copy": ["good"], "job broken": ["fault"]},
                         self.kinds(found))
        self.assertIn("nowhere", found["job broken"][0]["found"])
        self.assertEqual(before, listing(self.project.dir))

    def test_all_connections_and_one_that_is_not_there(self):
        self.with_shop()
        found = self.look(0, "connection", "test")
        self.assertLess({"connection shop", "connection warehouse", "connection landing"}, set(found))
        done = self.project.call("connection", "test", "shops")
        self.assertEqual(2, done.code)
        self.assertIn("shop", done.err)


if __name__ == "__main__":
    unittest.main()
