#!/usr/bin/env python3
"""The store in PostgreSQL as a person meets it: what is wrong with `store:`, two servers, a server that goes
away, and moving there from SQLite.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import json
import re
import signal
import time
import unittest
import unittest.mock

from support.project import PROJECT_YAML, Project, finish
from support.temporary_postgres import TemporaryPostgres

READINGS = """\
from: {connection: landing, files: "readings-*.csv"}
to: {connection: warehouse, table: readings, load: append}
"""


class StoreTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres(settings=("synchronous_commit=on",)))

    def setUp(self):
        self.database = "store_" + re.sub("[^a-z]", "", self.id().rsplit(".", 1)[1])[-40:]
        self.server.sql(f"create database {self.database}")
        self.address = f"postgres://postgres@127.0.0.1:{self.server.port}/{self.database}"

    def project(self, store=None):
        project = Project()
        self.addCleanup(project.__exit__)
        self.uses(project, store or self.address)
        project.job("readings", READINGS)
        project.write("data/readings-1.csv", "sensor,value\na,1\nb,2\n")
        return project

    def uses(self, project, store):
        project.write("tidemark.yaml", f"store: {store}\n{PROJECT_YAML}")

    def ask(self, sql):
        return self.server.sql(sql, self.database)

    def good(self, project, *arguments, **options):
        done = project.call(*arguments, **options)
        self.assertEqual(done.code, 0, f"{arguments}: {done.err}")
        return done


class Running(StoreTest):
    def test_a_run_keeps_its_history_there(self):
        project = self.project()
        run = self.good(project, "run", "readings", "--json").json
        self.assertEqual(run["status"], "success")
        self.assertFalse((project.dir / ".tidemark" / "store.db").exists())
        self.assertEqual(self.good(project, "run", "readings", "--json").json["status"], "skipped")
        self.assertEqual(self.ask("select status, rows_loaded from tidemark.etl_runs order by run_start"),
                         "success|2\nskipped|0")
        self.assertEqual(len(self.good(project, "runs", "--json").json), 2)
        self.assertEqual(self.good(project, "show", run["run_id"], "--json").json["run_id"], run["run_id"])

    def test_looking_makes_no_store(self):
        self.ask("create role looker login password 'looks'")
        project = self.project(self.address.replace("postgres@", "looker@"))
        self.enterContext(unittest.mock.patch.dict("os.environ", PGPASSWORD="looks"))
        self.assertEqual(self.good(project, "runs", "--json").json, [])
        self.assertEqual(self.good(project, "status", "--json").json["running"], [])
        self.assertEqual(self.ask("select count(*) from pg_namespace where nspname = 'tidemark'"), "0")
        refused = project.call("run", "readings")
        self.assertEqual(refused.code, 2, refused.err)
        self.assertIn("CREATE SCHEMA", refused.err)

    def test_a_run_goes_on_where_the_server_was_gone_for_a_while(self):
        project = self.project()
        self.good(project, "run", "readings")
        project.write("data/readings-2.csv", "sensor,value\nc,3\n")
        # It stands still in the middle of its steps while the server is killed and comes back.
        process = project.start("run", "readings", "--json", env={"TIDEMARK_FAILPOINT": "store.commit@4=stop"})
        self.wait_for_stop(process)
        self.server.stop(signal.SIGQUIT)
        process.send_signal(signal.SIGCONT)
        time.sleep(1)
        self.server.start()
        done = finish(process)
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(done.json["status"], "success")
        self.assertEqual(project.count("readings"), 3)

    def wait_for_stop(self, process):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with open(f"/proc/{process.pid}/stat", encoding="utf-8") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "T":
                    return
            self.assertIsNone(process.poll(), "it ended before it stood still")
            time.sleep(0.01)
        self.fail("it never stood still")


class Faults(StoreTest):
    def fault(self, store, code, *words):
        done = self.project(store).call("run", "readings", "--json")
        self.assertEqual(done.code, code, done.err)
        for word in words:
            self.assertIn(word, done.err + done.out)

    def test_each_is_told_with_what_to_do(self):
        self.ask("create role guest login password 'guest'")
        at = f"127.0.0.1:{self.server.port}"
        self.fault(f"postgres://postgres:x@{at}/{self.database}", 2, "tidemark.yaml:1:8", "password: ")
        self.fault(f"postgres://guest@{at}/{self.database}", 2, "asks for a password", "password: ")
        self.fault(f"postgres://postgres@{at}/nowhere", 2, "store.database_missing", "createdb")
        self.fault("postgres://postgres@127.0.0.1:1/x", 1, "store.cannot_connect", "that the server runs")
        self.fault(f"{{postgres: \"host=127.0.0.1 port={self.server.port} dbname={self.database} user=guest\", "
                   "password: \"${env:PATH}\"}", 2, "store.wrong_password", "pg_hba.conf")


class Migrate(StoreTest):
    def test_everything_goes_over_and_the_next_run_goes_on_from_there(self):
        project = self.project("sqlite:.tidemark/store.db")
        self.good(project, "run", "readings")
        before = self.good(project, "runs", "--json").json
        # The tables are there, and empty; so the first commit is the copy's.
        self.uses(project, self.address)
        self.assertEqual(project.call("show", "none").code, 2)
        self.uses(project, "sqlite:.tidemark/store.db")
        killed = project.call("store", "migrate", "--to", self.address,
                              env={"TIDEMARK_FAILPOINT": "store.commit@1=kill"})
        self.assertEqual(killed.code, -signal.SIGKILL)
        self.assertEqual(self.ask("select count(*) from tidemark.etl_jobs"), "0")
        copied = self.good(project, "store", "migrate", "--to", self.address, "--json").json
        self.assertIn({"table": "etl_runs", "rows": 1}, copied["tables"])
        again = project.call("store", "migrate", "--to", self.address)
        self.assertEqual(again.code, 2)
        self.assertIn("is not empty", again.err)
        self.assertEqual(copied["store"], f"store: {self.address}")
        self.uses(project, self.address)
        self.assertEqual(self.good(project, "runs", "--json").json, before)
        self.assertEqual(self.good(project, "run", "readings", "--json").json["status"], "skipped")

    def test_what_cannot_be_copied_is_said(self):
        project = self.project("sqlite:.tidemark/store.db")
        done = project.call("store", "migrate", "--to", self.address)
        self.assertEqual(done.code, 2)
        self.assertIn("there is no store", done.err)
        done = project.call("store", "migrate", "--json")
        self.assertEqual(json.loads(done.out)["error"]["code"], "user.same_store")


if __name__ == "__main__":
    unittest.main()
