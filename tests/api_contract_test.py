#!/usr/bin/env python3
"""Every route of docs/api/openapi.yaml, asked of a real service: its answers are as the document says, and who may is
the role that it names. The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import contextlib
import inspect
import pathlib
import re
import runpy
import sqlite3
import subprocess
import time
import unittest

import yaml

from support.api_client import ROLES, ServedApi
from support.json_schema import faults
from support.temporary_postgres import TemporaryPostgres

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A job that stands in the store, and what is asked of it.
KEPT = "from: {connection: shop, table: orders}\nto: {connection: warehouse, table: kept, load: full}\n"
EDITS = ("put_job", "delete_job", "list_job_versions", "get_job_version")
NOON = "2026-11-23T12:00:00.000000Z"
DOCUMENT = yaml.safe_load((ROOT / "docs/api/openapi.yaml").read_text())


def operations():
    """(METHOD, path, operation) of the document."""
    return [(method.upper(), path, operation) for path, methods in DOCUMENT["paths"].items()
            for method, operation in methods.items()]


def resolved(schema):
    """A schema with what it refers to in place, in the words that support/json_schema.py knows."""
    if isinstance(schema, list):
        return [resolved(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return resolved(DOCUMENT["components"]["schemas"][name])
    return {key: resolved(value) for key, value in schema.items()
            if key not in ("minLength", "maxLength", "maxItems", "example")}


def conforms(document, schema):
    if "allOf" in schema:
        return [fault for part in schema["allOf"] for fault in conforms(document, part)]
    return faults(document, schema)


class Routes(ServedApi):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())
        cls.server.sql("create table orders (id int primary key, day timestamptz not null, n int not null); "
                       "create index on orders (day); insert into orders select i, timestamptz '2026-01-01 00:00+00' "
                       "+ i * interval '1 hour', i - 5 from generate_series(0, 89) i")

    def setUp(self):
        super().setUp()
        self.project.write("tidemark.yaml", f"connections:\n  shop: {{postgres: \"{self.server.conninfo('postgres')}\"}}\n"
                                            "  warehouse: {duckdb: warehouse.duckdb}\n"
                                            "alerts: {channels: {nowhere: {command: [\"true\"]}}}\n")
        self.project.job("orders", "from: {connection: shop, table: orders, watermark: day}\n"
                                   "rules: {positive: n >= 0}\n"
                                   "to: {connection: warehouse, table: orders, load: upsert, key: [id]}\nevery: 1h\n")
        self.serve()
        kept = self.ask("PUT", "/v1/jobs/kept", "editor", {"text": KEPT}, If_None_Match="*")
        self.assertEqual(201, kept.status, kept.body)
        self.run_id = self.begin("/v1/jobs/orders/runs")
        self.ended(self.run_id)
        listed = self.get("/v1/jobs/orders/quarantine")["rows"]
        self.row = next(row[-1] for row in listed if row[6] == self.run_id)
        made = self.ask("POST", "/v1/jobs/orders/backfills", "operator", self.body_of("start_backfill"))
        self.assertEqual(201, made.status, made.body)
        self.backfill = made.json["backfill_id"]
        with contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db", timeout=20)) as store, store:
            store.execute("insert into etl_alerts (alert_id, rule, subject, server, severity, job, run, text, hint, "
                          "runbook, since, opened_at, told_at) values ('a1', 'data_stale', 'job:orders', '', "
                          "'warning', 'orders', '', 'it is old', '', '', ?1, ?1, ?1)", (NOON,))
        self.silence = self.ask("POST", "/v1/silences", "operator", self.body_of("create_silence")).json["id"]

    def headers_of(self, operation):
        return {"put_job": {"If_Match": '"v1"'}, "delete_job": {"If_Match": '"v2"'},
                "edit_refused": {"If_Match": "*"}}.get(operation, {})

    def body_of(self, operation):
        return {"start_backfill": {"from": "2026-01-01", "to": "2026-01-03", "by": "1d"},
                "query_connection": {"sql": "select 1 as one"},
                "put_job": {"text": KEPT + "enabled: false\n"},
                "edit_refused": {"values": {"n": "7"}},
                "create_silence": {"rule": "data_*", "for": "1h", "reason": "they move"},
                "create_token": {"name": "made", "role": "viewer", "expires": "1d"}}.get(operation)

    def path_of(self, path, operation=None):
        names = self.names(operation)
        return re.sub(r"{(\w+)}", lambda found: names[found[1]], path)

    def names(self, operation=None):
        return {"job": "kept" if operation in EDITS else "orders", "version": "1", "run": self.run_id, "row": self.row,
                "backfill": self.backfill, "operation": self.run_id, "connection": "warehouse",
                "token": self.token("gone", "viewer"),
                "alert": "a1", "silence": self.silence}

    def test_each_answers_as_the_document_says(self):
        for method, path, operation in operations():
            if operation["operationId"] == "get_run_events":
                continue  # no document; tests/api_served_test.py has it
            with self.subTest(operation["operationId"]):
                answer = self.ask(method, self.path_of(path, operation["operationId"]), "admin",
                                  self.body_of(operation["operationId"]), **self.headers_of(operation["operationId"]))
                said = operation["responses"].get(str(answer.status))
                kind = answer.headers.get("Content-Type")
                if said is None:
                    self.assertGreaterEqual(answer.status, 400, answer.body)
                    said = DOCUMENT["components"]["responses"]["problem"]
                    self.assertEqual("application/problem+json", kind)
                    # What has ended cannot be changed, and all else of these is there.
                    self.assertEqual(409, answer.status, answer.body)
                self.assertTrue(answer.headers["X-Request-Id"])
                if "content" not in said:
                    self.assertEqual(b"", answer.body)
                    continue
                kind = kind.split(";")[0]
                schema = resolved(said["content"][kind]["schema"])
                if kind.endswith("json"):
                    self.assertEqual([], conforms(answer.json, schema))
                for name in said.get("headers", {}):
                    self.assertIn(name, answer.headers)

    def test_a_generated_client_asks_each(self):
        written = self.project.dir / "client.py"
        subprocess.run([ROOT / "tools/client", written], check=True)
        made = runpy.run_path(str(written))
        client = made["Client"](f"http://{self.host}:{self.port}", self.tokens["admin"])
        asked = set()
        for _, path, operation in operations():
            name = operation["operationId"]
            with self.subTest(name):
                # By the names of the document; `from` and the like are no names in Python.
                method = getattr(client, name)
                wanted = inspect.signature(method).parameters
                said = {**self.names(name), **self.headers_of(name), **(self.body_of(name) or {})}
                given = {word: value for key, value in said.items()
                         for word in (key.lower(), key.lower() + "_") if word in wanted}
                asked.add(name)
                try:
                    reply = method(**given)
                except made["ApiProblem"] as problem:
                    # What has ended cannot be changed.
                    self.assertEqual(409, problem.status, problem)
                    self.assertTrue(problem.code)
                    continue
                answer = operation["responses"][str(reply.status)]
                if reply.document is None:
                    self.assertNotIn("content", answer)
                elif not isinstance(reply.document, str):
                    schema = resolved(answer["content"]["application/json"]["schema"])
                    self.assertEqual([], conforms(reply.document, schema))
        methods = {name for name in vars(made["Client"]) if not name.startswith("_")}
        self.assertEqual(asked, methods)
        with self.assertRaises(made["ApiProblem"]) as refused:
            client.get_job("nobody")
        self.assertEqual((404, "user.no_job"), (refused.exception.status, refused.exception.code))
        with self.assertRaises(TypeError):
            client.get_job()

    def test_a_token_for_some_jobs_sees_their_alerts_alone(self):
        for jobs, seen in (("ord*", ["a1"]), ("sales_*", [])):
            self.token("some", "operator", jobs)
            time.sleep(2.1)
            listed = self.ask("GET", "/v1/alerts?limit=1", "some").json
            self.assertEqual((seen, len(seen)), ([one["id"] for one in listed["alerts"]], listed["alerts_total"]))
            self.assertEqual([], listed["silences"])
            self.assertEqual(200 if seen else 404, self.ask("GET", "/v1/alerts/a1", "some").status)
            self.assertEqual(403, self.ask("POST", "/v1/silences", "some", self.body_of("create_silence")).status)
        self.assertEqual(1, len(self.ask("GET", "/v1/alerts").json["silences"]))

    def test_alerts_come_in_pages_and_by_filters(self):
        with contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db", timeout=20)) as store, store:
            store.executemany(
                "insert into etl_alerts (alert_id, rule, subject, server, severity, job, run, text, hint, runbook, "
                "since, opened_at, told_at, resolved_at) values (?1, ?2, 's' || ?1, '', ?3, ?4, '', 't', '', '', ?5, ?5, ?5, ?6)",
                [("b1", "run_failed", "critical", "orders", NOON, None), ("b2", "run_failed", "warning", "kept", NOON, None),
                 ("c1", "disk", "critical", "", NOON.replace("T12", "T13"), None),
                 ("d1", "run_failed", "critical", "orders", NOON.replace("T12", "T11"), NOON)])

        def pages(**query):
            seen, cursor = [], {}
            while True:
                page = self.get("/v1/alerts", limit=2, **query, **cursor)
                seen += [alert["id"] for alert in page["alerts"]]
                self.assertLessEqual(len(page["alerts"]), 2)
                if page["next"] is None:
                    self.assertEqual(len(seen), page["alerts_total"])
                    return seen
                cursor = {"cursor": page["next"]}

        # Those that the service finds itself stand beside them.
        ours = {"a1", "b1", "b2", "c1", "d1"}
        for query, wanted in (({}, ["c1", "a1", "b1", "b2"]), ({"state": "all"}, ["c1", "a1", "b1", "b2", "d1"]),
                              ({"job": "orders"}, ["a1", "b1"]), ({"rule": "run_*"}, ["b1", "b2"]),
                              ({"severity": "critical"}, ["c1", "b1"]),
                              ({"state": "all", "job": "orders", "rule": "run_failed"}, ["b1", "d1"])):
            with self.subTest(query):
                self.assertEqual(wanted, [one for one in pages(**query) if one in ours])
        cursor = self.get("/v1/alerts", limit=1)["next"]
        self.assertEqual("api.bad_cursor", self.ask("GET", f"/v1/alerts?cursor={cursor}&job=orders").code)
        self.assertEqual("api.bad_parameter", self.ask("GET", "/v1/alerts?severity=bad").code)

    def test_the_document_is_served_as_it_is(self):
        answer = self.ask("GET", "/v1/openapi.yaml", "viewer")
        self.assertEqual((ROOT / "docs/api/openapi.yaml").read_bytes(), answer.body)

    def test_each_is_for_its_role_and_those_above(self):
        tried = 0
        for method, path, operation in operations():
            needed = operation.get("x-role")
            if needed is None:
                self.assertEqual([], operation["security"])
                self.assertIn(self.ask(method, path, None).status, (200, 503))
                continue
            place = self.path_of(path).replace("orders", "nobody").replace(self.run_id, "nobody")
            place = place.replace(self.backfill, "nobody").replace("warehouse", "nobody")
            for role in (None, *ROLES):
                with self.subTest(f"{operation['operationId']} {role}"):
                    answer = self.ask(method, place, role)
                    tried += 1
                    if role is None:
                        self.assertEqual((401, "access.denied"), (answer.status, answer.code))
                    elif ROLES.index(role) < ROLES.index(needed):
                        self.assertEqual((403, "access.role"), (answer.status, answer.code))
                    else:
                        self.assertNotIn(answer.status, (401, 403), answer.body)
        self.assertGreater(tried, 200)

    def test_what_the_document_does_not_say_is_refused(self):
        for method, path, operation in operations():
            if operation.get("x-role") is None:
                continue
            with self.subTest(operation["operationId"]):
                unknown = self.ask(method, self.path_of(path) + "?nothing=1")
                self.assertEqual((400, "api.unknown_parameter"), (unknown.status, unknown.code))
                if "requestBody" in operation:
                    body = self.ask(method, self.path_of(path), body={"nothing": 1})
                    self.assertEqual((400, "api.bad_body"), (body.status, body.code))
                method = "PATCH" if "put" in DOCUMENT["paths"][path] else "PUT"
                other = self.ask(method, self.path_of(path))
                self.assertEqual((405, "api.unknown_method"), (other.status, other.code))


if __name__ == "__main__":
    unittest.main()
