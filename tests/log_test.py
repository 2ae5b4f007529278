#!/usr/bin/env python3
"""The log of `tidemark serve` and `tidemark run`: what is told at which level, one line each, levels that change while
it goes on, and one request that is followed from its header to the sessions it opens.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import json
import re
import signal
import threading
import time
import unittest

from support.api_client import ServedApi
from support.project import PROJECT_YAML, ROOT
from support.served import Served
from support.temporary_postgres import TemporaryPostgres

LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (trace|debug|info|warn|error) [a-z]+  .")


class Components(unittest.TestCase):
    def test_each_is_a_folder_that_tells_something(self):
        header = (ROOT / "src/observe/log.h").read_text()
        names = re.findall(r'\{"(\w+)", LogComponent::(\w+)\}', header)
        self.assertGreater(len(names), 10)
        told = "".join(path.read_text() for path in (ROOT / "src").rglob("*.cc")
                       if not path.name.endswith("_test.cc") and path.parent.name != "observe")
        for name, component in names:
            self.assertEqual(name, component)
            self.assertTrue(any((ROOT / folder / name).is_dir() for folder in ("src", "src/drivers")), name)
            self.assertRegex(told, rf"LogComponent::{component}\b")


class Run(Served):
    def told(self, *options):
        """The lines of the log of a run, without its words for people."""
        done = self.project.call("run", *options, "a")
        self.assertEqual(0, done.code, done.err)
        return [line for line in done.err.splitlines() if LINE.match(line)]

    def test_a_run_tells_its_steps_when_it_is_asked_to(self):
        self.job("a", "")
        self.assertEqual([], self.told())
        self.job("a", "")
        self.project.write("data/a-2.csv", "id\n3\n")
        lines = self.told("--log-level", "run=debug", "--log-level", "schedule=trace")
        run = self.project.call("runs", "--json").json[0]["run_id"]
        for words in ("state=begins", "staged", "checked", "committed", "success  "):
            self.assertTrue(any(words in line for line in lines), (words, lines))
        for line in lines:
            self.assertIn(" debug run  ", line)
            self.assertIn(f"run={run}  job=a", line)

    def test_statements_are_told_without_their_values(self):
        self.project.write("data/a-1.csv", "id\n4711\n")
        self.project.job("a", 'from: {connection: landing, files: "a-*.csv"}\nrules: {known: "id <> 815471"}\n'
                              "to: {connection: warehouse, table: a, load: append}\n")
        lines = self.told("--log-level", "trace")
        for component in ("duckdb", "sqlite"):
            self.assertTrue(any(f" trace {component}  " in line for line in lines), component)
        self.assertTrue(any("insert into" in line.lower() and "ms=" in line for line in lines))
        statements = "\n".join(line for line in lines if " trace " in line)
        self.assertNotIn("4711", statements)
        self.assertNotIn("815471", statements)

    def test_the_file_says_it_and_the_command_line_goes_before_it(self):
        self.job("a", "")
        self.project.write("tidemark.yaml", PROJECT_YAML + "log: {level: debug, format: json}\n")
        done = self.project.call("run", "a", "--quiet", "--log-level", "run=error", "--log-level", "sqlite=trace")
        lines = [json.loads(line) for line in done.err.splitlines()]
        self.assertEqual({"sqlite"}, {line["component"] for line in lines})
        for words, hint in ((["--log-level", "loud"], "trace, debug, info, warn or error"),
                            (["--log-level", "shedule=debug"], "did you mean `schedule`?")):
            done = self.project.call("serve", *words)
            self.assertEqual(2, done.code)
            self.assertIn(hint, done.err)
        self.project.write("tidemark.yaml", PROJECT_YAML + "log: {levels: {shedule: debug}}\n")
        done = self.project.call("validate")
        self.assertEqual(2, done.code)
        self.assertIn("tidemark.yaml:5:16: nothing in the log is of `shedule`", done.out)


class Serve(Served):
    def serve_and_read(self, *options):
        """Its lines on stderr are in `self.lines` as they come."""
        self.serve(*options)
        self.lines = []
        stream = self.served.stderr

        def read():
            for line in stream:
                self.lines.append(line.decode())
        self.reader = threading.Thread(target=read)
        self.reader.start()

    def stop(self, how=signal.SIGTERM):
        if self.served is None:
            return []
        self.served.send_signal(how)
        fires = self.served.stdout.read().decode().splitlines()
        self.assertEqual(0, self.served.wait(timeout=60))
        self.reader.join()
        self.served.stdout.close()
        self.served.stderr.close()
        self.served = None
        return [json.loads(line) for line in fires]

    def test_every_line_is_a_document(self):
        self.job("a")
        self.project.write("tidemark.yaml", PROJECT_YAML + "log: {level: trace, format: json}\n")
        self.serve_and_read()
        self.wait_for(lambda: self.done("a") >= 2)
        self.project.write("jobs/bad.yaml", "from: {connection: \"sh\\no\\u001bp\", table: x}\nto: 1\n")
        self.wait_for(lambda: any("have faults" in line for line in self.lines))
        time.sleep(1)
        fires = self.stop()
        self.assertLessEqual({"running", "done"}, {fire["state"] for fire in fires})
        # What is said before tidemark.yaml was read is a line of text.
        lines = [json.loads(line) for line in self.lines if line.startswith("{")]
        self.assertEqual(len(self.lines), len(lines), [line for line in self.lines if not line.startswith("{")][:3])
        for line in lines:
            self.assertEqual(["ts", "level", "component", "msg"], list(line)[:4])
            self.assertRegex(line["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertLessEqual({"cli", "run", "schedule", "sqlite", "duckdb"}, {line["component"] for line in lines})
        fault = next(line for line in lines if "bad.yaml" in line["msg"])
        self.assertEqual("warn", fault["level"])
        # The name is told whole, with nothing of it that ends the line or that a terminal obeys.
        named = [line for line in self.lines if "bad.yaml" in line and "unknown connection" in line]
        self.assertTrue(named)
        for line in named:
            self.assertIn("`sh\\no\\u001bp`", line)
            self.assertIn("`sh\no\x1bp`", json.loads(line)["msg"])
            self.assertNotIn("\x1b", line)
        steps = [line for line in lines if line["component"] == "run"]
        self.assertTrue(all(line["job"] == "a" and line["run"] for line in steps))

    def test_levels_change_while_it_goes_on(self):
        self.job("a")
        self.serve_and_read()
        self.wait_for(lambda: self.done("a") >= 2)
        self.assertEqual([], [line for line in self.lines if " debug " in line])
        process = self.served.pid
        self.project.write("tidemark.yaml", PROJECT_YAML + "log: {levels: {run: debug}}\n")
        self.wait_for(lambda: [line for line in self.lines if " debug run  " in line])
        self.project.write("tidemark.yaml", PROJECT_YAML + "log: {level: error}\n")
        time.sleep(2)
        before = len(self.lines)
        done = self.done("a")
        self.wait_for(lambda: self.done("a") >= done + 3)
        self.assertEqual(process, self.served.pid)
        self.assertEqual([], [line for line in self.lines[before:] if " debug " in line])
        self.assertEqual([], [line for line in self.lines if "tidemark.yaml was changed" in line], "no run has to end for it")
        self.stop()

    def test_a_run_that_fails_is_an_error(self):
        self.job("a")
        self.project.job("a", 'from: {connection: landing, files: "a-*.csv"}\nrules: {small: nothing < 10}\n'
                              "to: {connection: warehouse, table: a, load: append}\nevery: 1s\n")
        self.serve_and_read("--log-level", "error")
        self.wait_for(lambda: len(self.lines) >= 2)
        self.stop()
        for line in self.lines:
            self.assertRegex(line, r" error schedule  run failed  .*job=a  .*why=.*nothing")

    def test_the_command_line_stays_where_the_file_changes(self):
        self.job("a")
        self.serve_and_read("--log-level", "warn")
        self.wait_for(lambda: self.done("a") >= 1)
        self.project.write("tidemark.yaml", PROJECT_YAML + "log: {level: trace}\n")
        done = self.done("a")
        self.wait_for(lambda: self.done("a") >= done + 3)
        self.stop()
        self.assertEqual([], [line for line in self.lines if not re.search(" (warn|error) ", line)])


class Request(ServedApi):
    def test_a_request_is_followed_to_the_sessions_it_opens(self):
        """Its id is in its operation, its run's first event and each line of the log; the run's id is in the names of
        the sessions with source and target, whole."""
        server = self.enterContext(TemporaryPostgres())
        server.sql("create database shop; create database mart")
        server.sql("create table orders (id bigint primary key); insert into orders values (1), (2);"
                   "create view named as select id, current_setting('application_name') as who from orders", "shop")
        server.sql("create table copied (id bigint primary key, who text); create table names (name text);"
                   "create function note() returns trigger language plpgsql as $$ begin "
                   "insert into names values (current_setting('application_name')); return new; end $$;"
                   "create trigger note before insert on copied for each row execute function note()", "mart")
        connections = "".join(f"  {name}: {{postgres: 'host=127.0.0.1 port={server.port} dbname={name} user=postgres'}}\n"
                              for name in ("shop", "mart"))
        self.project.write("tidemark.yaml", f"connections:\n{connections}"
                           "log: {level: debug, levels: {postgres: trace}, format: json}\n")
        self.project.job("orders", "from: {connection: shop, table: named, watermark: id}\n"
                                   "to: {connection: mart, table: copied, load: upsert, key: id}\n")
        self.serve()
        answer = self.ask("POST", "/v1/jobs/orders/runs", "operator", X_Request_Id="ticket-42")
        self.assertEqual((202, "ticket-42"), (answer.status, answer.headers["X-Request-Id"]), answer.body)
        run = answer.json["run_id"]
        done = self.ended(answer.json["operation"])
        self.assertEqual(("done", "ticket-42", run), (done["state"], done["request_id"], done["run_id"]), done)
        self.assertEqual("run begun for request ticket-42", self.events(run)[0][2]["message"])
        lines = [json.loads(line) for line in self.lines if line.startswith("{")]
        asked = [line for line in lines if line["msg"] == "POST /v1/jobs/{job}/runs"]
        self.assertEqual([("ticket-42", 202, "operator")],
                         [(line["request"], line["status"], line["who"]) for line in asked])
        for component in ("api", "run", "postgres"):
            found = [line for line in lines if line["component"] == component and line.get("run") == run]
            self.assertTrue(found, component)
            self.assertEqual({"ticket-42"}, {line.get("request") for line in found}, component)
        for database, sql in (("mart", "select distinct who from copied"), ("mart", "select distinct name from names")):
            names = server.sql(sql, database).splitlines()
            self.assertEqual(1, len(names), names)
            self.assertIn(run, names[0])


if __name__ == "__main__":
    unittest.main()
