#!/usr/bin/env python3
"""Every command of the program as a person or a script meets it: words, documents, exit codes.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import csv
import json
import pathlib
import re
import tempfile
import unittest

from support.project import Project, call, listing

READINGS = """\
from: {connection: landing, files: "readings-*.csv", nulls: [NA]}
rules: {has_a_sensor: sensor is not null}
to: {connection: warehouse, table: readings, load: append}
"""
COMMANDS = ("init", "validate", "plan", "run", "runs", "show", "quarantine", "query", "schedule", "serve", "schema", "version")


class Cli(unittest.TestCase):
    def setUp(self):
        project = Project()
        self.addCleanup(project.__exit__)
        self.project = project

    def good(self, *arguments):
        done = self.project.call(*arguments)
        self.assertEqual(done.code, 0, f"{arguments}: {done.err}")
        return done

    def failed(self, done, code, *words):
        self.assertEqual(done.code, code, f"stdout: {done.out}\nstderr: {done.err}")
        for word in words:
            self.assertIn(word, done.err)

    def with_readings(self):
        self.project.job("readings", READINGS)
        self.project.write("data/readings-1.csv", "sensor,value\na,1\nNA,2\nb,3\n")


class Making(Cli):
    def test_init_makes_a_project_that_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            done = call("init", "first", cwd=folder)
            self.assertEqual(done.code, 0, done.err)
            home = pathlib.Path(folder, "first")
            for made in ("tidemark.yaml", "jobs/readings.yaml", "data/readings-1.csv", ".gitignore"):
                self.assertTrue((home / made).is_file())
                self.assertIn(made, done.out)
            # What it says to try next works as it is written.
            tried = re.findall(r"^  tidemark (.*)$", done.out, re.M)
            self.assertGreaterEqual(len(tried), 3, done.out)
            for line in tried:
                words = next(csv.reader([line], delimiter=" "))
                again = call(*words, cwd=folder)
                self.assertEqual(again.code, 0, f"{line}: {again.err}")
            self.assertEqual(call("validate", "--project", "first", cwd=folder).code, 0)

            before = listing(home)
            done = call("init", "first", cwd=folder)
            self.failed(done, 2, "is there already", "tidemark init DIR")
            self.assertEqual(listing(home), before)

    def test_init_in_the_present_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(call("init", cwd=folder).code, 0)
            self.assertEqual(call("run", "--all", cwd=folder).code, 0)

    def test_schema(self):
        job, project = (json.loads(self.good("schema", kind).out) for kind in ("job", "project"))
        self.assertEqual(json.loads(self.good("schema").out), job)
        self.assertEqual(set(job["properties"]) & {"from", "to", "transform", "rules"},
                         {"from", "to", "transform", "rules"})
        self.assertIn("connections", project["properties"])
        self.assertIn("$schema", job)
        self.failed(self.project.call("schema", "jobs"), 2, "job")

    def test_version(self):
        done = self.good("version")
        self.assertRegex(done.out, r"^tidemark \d+\.\d+\.\d+, DuckDB v\d+\.\d+\.\d+\n$")
        document = self.good("version", "--json").json
        self.assertEqual(done.out, f"tidemark {document['tidemark']}, DuckDB {document['engine']}\n")
        self.assertEqual(self.good("--version").out, f"tidemark {document['tidemark']}\n")


class Checking(Cli):
    def test_validate_tells_every_fault_in_one_pass(self):
        self.project.write("tidemark.yaml", "conections: {}\nconnections:\n  landing: {files: data}\n"
                           "  warehouse: {duckdbb: warehouse.duckdb}\nmemory: much\n")
        self.project.job("a", "from: {connection: landin, files: x.csv}\nto: {connection: warehouse, tabel: a}\n")
        self.project.job("b", "from: {connection: landing, files: x.csv}\ntransform:\n  - derive: {x: 1 +}\n"
                         "rules: {r: (a}\nto: {connection: warehouse, table: b}\nafter: [c]\n")
        self.project.job("c", "")
        before = listing(self.project.dir)
        done = self.project.call("validate")
        self.assertEqual(done.code, 2)
        for fault in ("tidemark.yaml:1:1: unknown key `conections`; did you mean `connections`?",
                      "tidemark.yaml:4:15: unknown connector `duckdbb`; did you mean `duckdb`?",
                      "tidemark.yaml:5:9: ", "jobs/a.yaml:1:20: ", "jobs/a.yaml:2:29: unknown key `tabel`",
                      "jobs/b.yaml:3:", "jobs/b.yaml:4:", "jobs/c.yaml:1:1: the file is empty"):
            self.assertIn(fault, done.out)
        documents = self.project.call("validate", "--json")
        self.assertEqual(documents.code, 2)
        faults = documents.json["faults"]
        self.assertEqual(len(faults), len([line for line in done.out.splitlines() if not line.startswith(" ")]))
        for fault in faults:
            self.assertEqual(set(fault), {"file", "line", "column", "message", "hint"})
            self.assertTrue(fault["message"])
            self.assertIn(f"{fault['file']}:{fault['line']}:{fault['column']}: {fault['message']}", done.out)
        self.assertEqual(listing(self.project.dir), before)

    def test_validate_without_faults(self):
        self.with_readings()
        before = listing(self.project.dir)
        self.assertIn("ok", self.good("validate").out)
        self.assertEqual(self.good("validate", "--json").json, {"faults": []})
        self.assertEqual(listing(self.project.dir), before)

    def test_plan_touches_nothing(self):
        self.with_readings()
        before = listing(self.project.dir)
        for format in ((), ("--json",)):
            self.good("plan", "readings", *format)
            self.assertEqual(listing(self.project.dir), before)

        self.good("run", "readings")
        self.project.write("data/readings-2.csv", "sensor,value\nc,4\n")
        before = listing(self.project.dir)
        for format in ((), ("--json",)):
            self.good("plan", "readings", *format)
            self.assertEqual(listing(self.project.dir), before)

        self.project.write("data/readings-3.csv", "other,value\nc,4\n")
        before = listing(self.project.dir)
        self.project.call("plan", "readings")
        self.assertEqual(listing(self.project.dir), before)

    def test_plan_says_what_a_run_would_do(self):
        self.with_readings()
        text = self.good("plan", "readings").out
        for words in ("job readings, guarantee exact", "readings-1.csv", "CREATE TABLE", '"sensor" VARCHAR',
                      '"value" BIGINT', "INSERT INTO", "a new table", "Nothing was changed."):
            self.assertIn(words, text)
        document = self.good("plan", "readings", "--json").json
        stream = document["streams"][0]
        self.assertEqual([document["job"], document["guarantee"], stream["strategy"], stream["target"], stream["seq"]],
                         ["readings", "exact", "append", "readings", 1])
        self.assertEqual(stream["columns"], [{"name": "sensor", "type": "VARCHAR"}, {"name": "value", "type": "BIGINT"}])
        self.assertTrue(stream["ddl"] and stream["load"] and stream["reads"])
        self.assertFalse(stream["nothing_new"])
        self.good("run", "readings")
        self.assertTrue(self.good("plan", "readings", "--json").json["streams"][0]["nothing_new"])
        self.assertIn("nothing new", self.good("plan", "readings").out)

    def test_plan_says_that_rows_are_replaced(self):
        self.with_readings()
        self.project.job("whole", "from: {connection: landing, files: \"readings-*.csv\"}\n"
                         "to: {connection: warehouse, table: whole, load: full}\n")
        self.good("run", "whole")
        text = self.good("plan", "whole").out
        self.assertIn("present rows 3", text)
        self.assertIn("replaced", text)

    def test_plan_notes_a_copy(self):
        self.with_readings()
        self.good("run", "readings")
        self.project.write("data/readings-2.csv", (self.project.dir / "data/readings-1.csv").read_bytes())
        note = "readings-2.csv has the same content as readings-1.csv"
        self.assertIn(note, self.good("plan", "readings").out)
        self.assertIn(note, " ".join(self.good("plan", "readings", "--json").json["streams"][0]["notes"]))


class Running(Cli):
    def test_run(self):
        self.with_readings()
        done = self.good("run", "readings")
        self.assertRegex(done.out, r"^readings  success  read 3  loaded 2  refused 1  .* \(run \w+\)\n$")
        self.assertRegex(self.good("run", "readings").out, r"^readings  skipped  nothing new")

    def test_run_json(self):
        self.with_readings()
        document = self.good("run", "readings", "--json").json
        self.assertEqual(list(document), ["run_id", "job", "status", "state", "guarantee", "started_at", "ended_at",
                                          "duration_ms", "attempt", "data_until", "used", "streams", "error"])
        self.assertEqual([document["job"], document["status"], document["state"], document["attempt"], document["error"]],
                         ["readings", "success", "done", 1, None])
        stream = document["streams"][0]
        for key in ("stream", "seq", "window", "rows_read", "rows_loaded", "rows_rejected", "bytes_staged"):
            self.assertIn(key, stream)
        self.assertEqual(set(stream["window"]), {"lo", "hi", "top"})
        self.assertEqual(stream["rows_read"], stream["rows_loaded"] + stream["rows_rejected"])
        skipped = self.good("run", "readings", "--json").json
        self.assertEqual([skipped["status"], skipped["error"]], ["skipped", None])

    def test_run_of_several_jobs_is_an_array_in_their_order(self):
        self.with_readings()
        for name, after in (("third", "second"), ("second", "readings")):
            self.project.job(name, "from: {connection: landing, files: \"readings-*.csv\"}\n"
                             f"to: {{connection: warehouse, table: {name}, load: append}}\nafter: {after}\n")
        documents = self.good("run", "--all", "--json").json
        self.assertEqual([document["job"] for document in documents], ["readings", "second", "third"])
        documents = self.good("run", "third", "readings", "--json").json
        self.assertEqual([document["job"] for document in documents], ["third", "readings"])
        self.project.job("third", "enabled: false\n" + (self.project.dir / "jobs/third.yaml").read_text())
        documents = self.good("run", "--all", "--json").json
        self.assertEqual([document["job"] for document in documents], ["readings", "second"])

    def test_one_failed_job_does_not_stop_the_others(self):
        self.with_readings()
        self.project.job("broken", "from: {connection: landing, files: \"nothing-*.csv\"}\n"
                         "to: {connection: warehouse, table: broken, load: append}\n")
        done = self.project.call("run", "broken", "readings", "--json")
        self.failed(done, 1, "broken: no file in")
        self.assertEqual([document["status"] for document in done.json], ["failed", "success"])
        error = done.json[0]["error"]
        self.assertEqual(set(error), {"code", "fault", "message", "hint"})
        self.assertEqual([error["code"], error["fault"]], ["source.no_files", "source"])

    def test_a_failed_run_has_loaded_nothing(self):
        self.with_readings()
        self.project.job("keyed", "from: {connection: landing, files: \"readings-*.csv\"}\n"
                         "to: {connection: warehouse, table: keyed, load: append}\n")
        self.project.rows("SELECT 1")
        self.good("run", "readings")
        from support.duckdb_file import DuckdbFile
        with DuckdbFile(self.project.dir / "warehouse.duckdb") as file:
            file.rows("CREATE TABLE keyed (sensor VARCHAR PRIMARY KEY, value BIGINT)")
            file.rows("INSERT INTO keyed VALUES ('b', 0)")
        done = self.project.call("run", "keyed", "--json")
        self.failed(done, 1, "keyed", "b")
        self.assertEqual(done.json["streams"][0]["rows_loaded"], 0)
        self.assertEqual(self.project.rows("SELECT * FROM keyed"), [["b", "0"]])

    def test_nothing_named(self):
        self.with_readings()
        self.failed(self.project.call("run"), 2, "name the jobs to run", "--all")

    def test_a_wait_that_is_no_duration(self):
        self.with_readings()
        self.failed(self.project.call("run", "readings", "--wait", "soon"), 2, "--wait", "soon")

    def test_progress_goes_to_stderr_and_quiet_has_none(self):
        self.with_readings()
        loud = self.good("run", "readings")
        self.assertEqual(len(loud.out.splitlines()), 1)
        self.project.write("data/readings-2.csv", "sensor,value\nc,4\n")
        quiet = self.good("run", "readings", "--quiet")
        self.assertEqual((len(quiet.out.splitlines()), quiet.err), (1, ""))


class Looking(Cli):
    def setUp(self):
        super().setUp()
        self.with_readings()

    def test_runs_and_show(self):
        self.assertEqual(self.good("runs", "--json").json, [])
        self.assertEqual(self.good("runs").out, "no runs yet\n")
        first = self.good("run", "readings", "--json").json
        self.project.job("broken", "from: {connection: landing, files: \"nothing-*.csv\"}\n"
                         "to: {connection: warehouse, table: broken, load: append}\n")
        self.project.call("run", "broken")
        self.good("run", "readings")
        runs = self.good("runs", "--json").json
        self.assertEqual([(run["job"], run["status"]) for run in runs],
                         [("readings", "skipped"), ("broken", "failed"), ("readings", "success")])
        self.assertEqual(runs[-1], first)
        self.assertEqual([run["job"] for run in self.good("runs", "broken", "--json").json], ["broken"])
        self.assertEqual(self.good("runs", "--limit", "1", "--json").json, runs[:1])
        text = self.good("runs").out.splitlines()
        self.assertEqual("run job status started took read loaded refused deleted".split(), text[0].split())
        self.assertEqual(len(text), 5)

        shown = self.good("show", first["run_id"], "--json").json
        self.assertEqual({key: shown[key] for key in first}, first)
        states = [event["state_to"] for event in shown["events"]]
        self.assertEqual([state for at, state in enumerate(states) if at == 0 or state != states[at - 1]],
                         ["planned", "extracting", "staged", "checked", "loading", "committed", "done"])
        text = self.good("show", first["run_id"]).out
        self.assertIn(f"run {first['run_id']} of job readings: success", text)
        self.assertIn("has_a_sensor refused 1", text)
        broken = self.good("show", runs[1]["run_id"]).out
        self.assertIn("no file in", broken)
        self.assertIn("check the pattern", broken)

    def test_a_run_nobody_knows(self):
        self.failed(self.project.call("show", "nosuchrun"), 2, "nosuchrun")
        self.good("run", "readings")
        self.failed(self.project.call("show", "nosuchrun"), 2, "nosuchrun")

    def test_quarantine(self):
        self.good("run", "readings")
        text = self.good("quarantine", "readings").out
        for words in ("has_a_sensor", "sensor", "does not hold", '{"sensor":null,"value":"2"}', "(1 row"):
            self.assertIn(words, text)
        document = self.good("quarantine", "readings", "--json").json
        names = [column["name"] for column in document["columns"]]
        row = dict(zip(names, document["rows"][0]))
        self.assertEqual([row["rule"], row["column_name"], json.loads(row["payload"])],
                         ["has_a_sensor", "sensor", {"sensor": None, "value": "2"}])

    def test_quarantine_of_a_job_that_refused_nothing(self):
        self.project.write("data/readings-1.csv", "sensor,value\na,1\n")
        self.good("quarantine", "readings")
        self.good("run", "readings")
        self.assertEqual(self.good("quarantine", "readings", "--json").json["rows"], [])

    def test_quarantine_export(self):
        self.project.write("data/readings-1.csv", "sensor,value\na,1\nNA,2\n")
        self.good("run", "readings")
        self.project.write("data/readings-3.csv", b'sensor,value\n"x, y",many\nc,\xff\n')
        self.good("run", "readings")
        out = self.project.dir / "refused.csv"
        self.assertIn("3 rows written", self.good("quarantine", "readings", "--export", "refused.csv").err)
        with open(out, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 3)
        self.assertEqual(sorted(row["rule"] for row in rows), ["extract", "extract", "has_a_sensor"])
        self.failed(self.project.call("quarantine", "readings", "--export", "refused.txt"), 2, "refused.txt", ".csv")

    def test_query(self):
        self.good("run", "readings")
        text = self.good("query", "warehouse", "select sensor, value, null as nothing from readings order by 1").out
        self.assertEqual(text.splitlines()[:4], ["sensor  value  nothing", "------  -----  -------", "a           1     NULL",
                                                 "b           3     NULL"], text)

    def test_query_json_keeps_exact_values(self):
        self.good("run", "readings")
        document = self.good("query", "warehouse", "select 9007199254740992 as safe, 9007199254740993 as large, "
                             "-9223372036854775807 - 1 as least, 1.10::decimal(10,2) as money, 0.5::double as half, "
                             "true as yes, null as nothing, 'text' as word, date '2026-01-01' as day, "
                             "170141183460469231731687303715884105727::hugeint as huge", "--json").json
        self.assertEqual(dict(zip([column["name"] for column in document["columns"]], document["rows"][0])), {
            "safe": 9007199254740992, "large": "9007199254740993", "least": "-9223372036854775808", "money": "1.10",
            "half": 0.5, "yes": True, "nothing": None, "word": "text", "day": "2026-01-01",
            "huge": "170141183460469231731687303715884105727"})
        self.assertEqual([column["type"] for column in document["columns"]][:4],
                         ["BIGINT", "BIGINT", "BIGINT", "DECIMAL(10,2)"])

    def test_query_changes_nothing(self):
        self.good("run", "readings")
        for sql in ("delete from readings", "drop table readings", "create table other (a int)",
                    "insert into readings values ('x', 1)", "select 1; drop table readings", f"copy readings to '{self.project.dir}/out.csv'"):
            with self.subTest(sql):
                before = listing(self.project.dir)
                done = self.project.call("query", "warehouse", sql)
                self.assertNotEqual(done.code, 0, f"{sql} was run")
                self.assertEqual(listing(self.project.dir), before)

    def test_query_with_faults(self):
        self.good("run", "readings")
        self.failed(self.project.call("query", "warehouse", "select sensr from readings"), 2, "sensr", "sensor")
        self.failed(self.project.call("query", "warehouse", "selec 1"), 2, "selec")
        self.failed(self.project.call("query", "warehose", "select 1"), 2, "`warehose`", "`warehouse`")


class Usage(Cli):
    def test_every_command_has_help_and_json(self):
        text = call("--help").out
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^\s+{command}\b")
            help_text = call(command, "--help")
            self.assertEqual(help_text.code, 0)
            self.assertIn("--json", help_text.out)
            self.assertIn("--project", help_text.out)

    def test_no_command(self):
        done = call()
        self.assertEqual(done.code, 2)
        self.assertTrue(done.err)

    def test_words_nobody_knows(self):
        self.with_readings()
        self.failed(self.project.call("validat"), 2, "`tidemark validate`")
        self.failed(self.project.call("run", "reading"), 2, "`reading`", "`readings`")
        self.failed(self.project.call("plan", "reading"), 2, "`readings`")
        self.failed(self.project.call("quarantine", "reading"), 2, "`readings`")
        self.failed(self.project.call("run", "--ful", "readings"), 2, "--ful")
        self.failed(self.project.call("runs", "--limit", "none"), 2, "--limit")
        self.failed(self.project.call("query", "warehouse"), 2)

    def test_an_unknown_job_as_json(self):
        self.with_readings()
        done = self.project.call("run", "reading", "--json")
        self.assertEqual(done.code, 2)
        self.assertEqual(set(done.json["error"]), {"code", "fault", "message", "hint"})

    def test_no_project(self):
        with tempfile.TemporaryDirectory() as folder:
            for command in (("validate",), ("plan", "x"), ("run", "x"), ("run", "--all"), ("runs",), ("show", "x"),
                            ("quarantine", "x"), ("query", "x", "select 1")):
                with self.subTest(command):
                    done = call(*command, cwd=folder)
                    self.assertEqual(done.code, 2, done.err)
                    self.assertIn("tidemark.yaml", done.out + done.err)
                    self.assertIn("tidemark init", done.out + done.err)
                    self.assertEqual(list(pathlib.Path(folder).iterdir()), [])

    def test_a_project_whose_folder_looks_like_a_pattern(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("pro1ject", "pro[1]ject* it's"):
                self.assertEqual(call("init", name, cwd=folder).code, 0)
            home = pathlib.Path(folder, "pro[1]ject* it's")
            done = call("run", "--all", "--json", "--project", home, cwd=folder)
            self.assertEqual(done.code, 0, done.err)
            self.assertEqual(done.json[0]["streams"][0]["rows_loaded"], 4)
            self.assertEqual(call("query", "warehouse", "select 1", "--project", home, cwd=folder).code, 0)
            self.assertFalse(pathlib.Path(folder, "pro1ject", ".tidemark").exists())

    def test_project_option(self):
        self.with_readings()
        done = call("run", "readings", "--project", self.project.dir, cwd="/")
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(self.project.count("readings"), 2)


if __name__ == "__main__":
    unittest.main()
