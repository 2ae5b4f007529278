#!/usr/bin/env python3
"""The HTTP API of `tidemark serve`, asked over the network: runs that are begun, watched and cancelled, pages, events,
what is said again, and what a killed service leaves.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import re
import signal
import sqlite3
import time
import unittest

from support.api_client import ServedApi
from support.temporary_postgres import TemporaryPostgres

LONG = "select count(*) from range(100000000000) a(i) where hash(i) = 1"


class Api(ServedApi):
    def runs(self, job):
        with sqlite3.connect(self.project.dir / ".tidemark/store.db") as store:
            return store.execute("select run_id from etl_runs join etl_jobs using (job_id) where name = ?",
                                 (job,)).fetchall()

    def served_with(self, *jobs):
        for job in jobs:
            self.job(job)
        self.serve()

    def test_a_run_is_begun_watched_and_looked_at(self):
        self.served_with("orders")
        answer = self.ask("POST", "/v1/jobs/orders/runs", "operator", X_Request_Id="my-request")
        self.assertEqual(202, answer.status, answer.body)
        run = answer.json["run_id"]
        self.assertEqual(f"/v1/runs/{run}", answer.headers["Location"])
        self.assertEqual("my-request", answer.headers["X-Request-Id"])
        # It is there at once, also while it is planned.
        self.assertEqual(run, self.get(answer.headers["Location"])["run_id"])
        done = self.ended(answer.json["operation"])
        self.assertEqual(("done", 0, run), (done["state"], done["exit_code"], done["run_id"]))
        self.assertEqual("success", done["result"]["status"])
        shown = self.get(f"/v1/runs/{run}")
        self.assertEqual(("success", 2), (shown["status"], shown["streams"][0]["rows_loaded"]))
        self.assertEqual([run], [one["run_id"] for one in self.get("/v1/runs", job="orders")["runs"]])
        job = self.get("/v1/jobs/orders")
        self.assertEqual(run, job["last_run"]["run_id"])
        self.assertIn("files: \"orders-*.csv\"", job["text"])
        self.assertEqual([["2"]], [[str(cell) for cell in row] for row in self.ask(
            "POST", "/v1/connections/warehouse/query", "operator",
            {"sql": "select count(*) from orders"}).json["rows"]])
        # The log tells which request began it.
        self.assertTrue(any(f"a run begins  run={run}  request=my-request" in line for line in self.lines), self.lines)
        self.assertIn("run.start", [deed["what"] for deed in self.get("/v1/audit")["deeds"]])

    def test_the_steps_of_a_run_come_as_events_and_go_on_behind_the_last_that_came(self):
        self.served_with("orders")
        operation = self.begin("/v1/jobs/orders/runs")
        live = self.events(operation)  # from the first on, as they come
        self.assertEqual("end", live[-1][1])
        self.assertEqual("success", live[-1][2]["status"])
        steps = [number for number, kind, _ in live if kind == "step"]
        self.assertEqual(list(range(1, len(steps) + 1)), steps)
        self.assertEqual(self.get(f"/v1/runs/{operation}")["events"], [data for _, kind, data in live if kind == "step"])
        for after in (0, 2, steps[-1], steps[-1] + 100):
            again = self.events(operation, after)
            self.assertEqual([step for step in steps if step > after], [n for n, kind, _ in again if kind == "step"])
            self.assertEqual("end", again[-1][1])
        self.assertEqual("api.bad_event_id",
                         self.ask("GET", f"/v1/runs/{operation}/events", Last_Event_ID="x").code)
        self.assertEqual(404, self.ask("GET", "/v1/runs/nobody/events").status)

    def test_a_command_that_fails_says_why(self):
        self.served_with("orders")
        self.project.write("data/orders-1.csv", "id\n1,2,3\n")
        self.project.job("broken", 'from: {connection: landing, files: "orders-*.csv"}\nrules: {bad: nothing > 1}\n'
                                   "to: {connection: warehouse, table: broken, load: append}\n")
        self.wait_for_job("broken")
        ended = self.ended(self.begin("/v1/jobs/broken/runs"))
        self.assertEqual(("failed", 1), (ended["state"], min(ended["exit_code"], 1)))
        self.assertEqual({"type", "title", "status", "code", "fault", "detail", "hint", "context", "request_id"},
                         set(ended["problem"]))
        plan = self.ask("POST", "/v1/jobs/broken/plan", "viewer")
        self.assertEqual("application/problem+json", plan.headers["Content-Type"])
        self.assertEqual(422, plan.status, plan.body)
        wrong = self.ask("POST", "/v1/connections/warehouse/query", "operator", {"sql": "select wrong"})
        self.assertGreaterEqual(wrong.status, 400)
        self.assertTrue(wrong.json["detail"])

    def wait_for_job(self, job, seconds=30):
        deadline = time.monotonic() + seconds
        while self.ask("GET", f"/v1/jobs/{job}").status != 200:
            self.assertLess(time.monotonic(), deadline, "the new job is not taken up")
            time.sleep(0.1)

    def test_what_is_said_again_is_done_once(self):
        self.served_with("orders")
        first = self.ask("POST", "/v1/jobs/orders/runs", "operator", {}, Idempotency_Key="k1")
        again = self.ask("POST", "/v1/jobs/orders/runs", "operator", {}, Idempotency_Key="k1")
        self.assertEqual((202, first.body), (again.status, again.body))
        self.assertEqual(first.headers["Location"], again.headers["Location"])
        self.ended(first.json["operation"])
        self.assertEqual(1, len(self.runs("orders")))
        other = self.ask("POST", "/v1/jobs/orders/runs", "operator", {"full": True}, Idempotency_Key="k1")
        self.assertEqual((422, "api.other_body"), (other.status, other.code))
        self.ended(self.begin("/v1/jobs/orders/runs", {}, Idempotency_Key="k2"))
        self.assertEqual(2, len(self.runs("orders")))

    def test_stages_of_one_job_are_looked_at(self):
        self.served_with("orders", "items")
        for job in ("orders", "items"):
            self.ended(self.begin(f"/v1/jobs/{job}/runs"))
        self.assertEqual({"orders"}, {stage["job"] for stage in self.get("/v1/stages", job="orders")["stages"]})
        self.assertEqual({"orders", "items"}, {stage["job"] for stage in self.get("/v1/stages")["stages"]})
        for what in ("verify", "clean"):
            done = self.ended(self.begin(f"/v1/stages/{what}", {"job": "items"}, role="admin"))
            self.assertEqual("done", done["state"], done)

    def test_what_is_said_again_after_a_kill_is_done_once(self):
        self.served_with("orders")

        def start(key):
            answer = self.ask("POST", "/v1/jobs/orders/runs", "operator", {}, Idempotency_Key=key)
            self.assertEqual(202, answer.status, answer.body)
            return answer

        ended = start("k1")
        self.ended(ended.json["operation"])
        # Killed at once: it may have been begun or not.
        killed = start("k2")
        self.stop(signal.SIGKILL)
        self.serve()
        for first, key in ((ended, "k1"), (killed, "k2")):
            for _ in range(3):
                again = start(key)
                self.assertEqual(first.headers["Location"], again.headers["Location"])
                self.assertEqual(first.json["operation"], again.json["run_id"])
        other = self.ask("POST", "/v1/jobs/orders/runs", "operator", {"full": True}, Idempotency_Key="k1")
        self.assertEqual((422, "api.other_body"), (other.status, other.code))
        deadline = time.monotonic() + 60
        while self.ask("GET", killed.headers["Location"]).json.get("ended_at") is None:
            self.assertLess(time.monotonic(), deadline, "the run that was asked for never ends")
            time.sleep(0.1)
        self.assertEqual({ended.json["run_id"], killed.json["run_id"]},
                         {run["run_id"] for run in self.get("/v1/runs", job="orders")["runs"]})

    def test_a_run_and_an_operation_can_be_cancelled(self):
        self.job("slow")
        self.project.job("slow", 'from: {connection: landing, files: "slow-*.csv"}\n'
                                 f'transform: [{{sql: "select rows.id from rows, ({LONG}) x"}}]\n'
                                 "to: {connection: warehouse, table: slow, load: append}\n")
        self.serve()
        for how, path in (("POST", "/v1/runs/{}/cancel"), ("DELETE", "/v1/operations/{}")):
            with self.subTest(path):
                operation = self.begin("/v1/jobs/slow/runs")
                deadline = time.monotonic() + 60
                while not any(event["state_to"] == "checked" or event["state_to"] == "staged"
                              for event in self.get(f"/v1/runs/{operation}")["events"]):
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.05)
                self.assertEqual(202, self.ask(how, path.format(operation), "operator").status)
                self.assertEqual("cancelled", self.ended(operation)["state"])
                self.assertEqual("cancelled", self.get(f"/v1/runs/{operation}")["status"])
                late = self.ask(how, path.format(operation), "operator")
                self.assertEqual(409, late.status, late.body)

    def test_a_run_of_the_schedule_can_be_cancelled_and_is_not_tried_again(self):
        self.project.write("data/slow-1.csv", "id\n1\n")
        self.project.job("slow", 'from: {connection: landing, files: "slow-*.csv"}\n'
                                 f'transform: [{{sql: "select rows.id from rows, ({LONG}) x"}}]\n'
                                 "to: {connection: warehouse, table: slow, load: append}\nevery: 1d\nmissed: once\n")
        # Of a new job nothing was missed: it has run once before.
        self.project.job("slow", (self.project.dir / "jobs/slow.yaml").read_text().replace("every: 1d", "every: 2s"))
        self.serve()
        deadline = time.monotonic() + 60
        while not (going := self.get("/v1/runs", status="running")["runs"]):
            self.assertLess(time.monotonic(), deadline, "no run began by itself")
            time.sleep(0.1)
        run = going[0]["run_id"]
        answer = self.ask("POST", f"/v1/runs/{run}/cancel", "operator")
        self.assertEqual(202, answer.status, answer.body)
        while self.get(f"/v1/runs/{run}")["status"] == "running":
            self.assertLess(time.monotonic(), deadline, "it goes on")
            time.sleep(0.1)
        self.assertEqual("cancelled", self.get(f"/v1/runs/{run}")["status"])

    def test_pages_have_every_job_once_also_when_some_come_and_go(self):
        for number in range(25):
            self.job(f"job_{number:02}")
        self.serve()
        seen, cursor = [], None
        while True:
            page = self.get("/v1/jobs", limit=10, **({"cursor": cursor} if cursor else {}))
            seen += [job["job"] for job in page["jobs"]]
            cursor = page["next"]
            if cursor is None:
                break
        self.assertEqual([f"job_{number:02}" for number in range(25)], seen)
        self.assertEqual(["job_03", "job_13", "job_23"],
                         [job["job"] for job in self.get("/v1/jobs", name="*3")["jobs"]])
        self.assertEqual([], self.get("/v1/jobs", status="failed")["jobs"])
        cursor = self.get("/v1/jobs", limit=10)["next"]
        bad = self.ask("GET", f"/v1/jobs?cursor={cursor}&name=x")
        self.assertEqual((400, "api.bad_cursor"), (bad.status, bad.code))

    def test_pages_of_runs_go_back_to_the_first(self):
        self.served_with("orders", "other")
        ids = []
        for _ in range(5):
            ids.append(self.begin("/v1/jobs/orders/runs"))
            self.ended(ids[-1])
        self.ended(self.begin("/v1/jobs/other/runs"))
        seen, query = [], {"job": "orders", "limit": 2}
        while True:
            page = self.get("/v1/runs", **query)
            seen += [run["run_id"] for run in page["runs"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        self.assertEqual(ids[::-1], seen)
        self.assertEqual(1, len(self.get("/v1/runs", status="success", job="other")["runs"]))

    def test_a_document_that_the_client_has_is_not_sent_again(self):
        self.served_with("orders")
        answer = self.ask("GET", "/v1/jobs/orders")
        same = self.ask("GET", "/v1/jobs/orders", If_None_Match=answer.headers["ETag"])
        self.assertEqual((304, b""), (same.status, same.body))
        self.ended(self.begin("/v1/jobs/orders/runs"))
        self.assertEqual(200, self.ask("GET", "/v1/jobs/orders", If_None_Match=answer.headers["ETag"]).status)

    def test_a_token_for_some_jobs_sees_those_alone(self):
        self.served_with("sales_eu", "secret")
        self.token("sales", "operator", "sales_*")
        time.sleep(2.5)  # by then a service has seen a new token
        secret = self.begin("/v1/jobs/secret/runs")
        self.ended(secret)
        self.assertEqual(["sales_eu"], [job["job"] for job in self.get("/v1/jobs", "sales")["jobs"]])
        self.assertEqual([], self.get("/v1/runs", "sales")["runs"])
        self.assertEqual([], self.get("/v1/operations", "sales")["operations"])
        for path in ("/v1/jobs/secret", f"/v1/runs/{secret}", f"/v1/runs/{secret}/events",
                     f"/v1/operations/{secret}", "/v1/jobs/secret/quarantine", "/v1/runs?job=secret",
                     "/v1/stages?job=secret"):
            self.assertEqual(404, self.ask("GET", path, "sales").status, path)
        for path in ("/v1/jobs/secret/runs", "/v1/jobs/secret/plan", f"/v1/runs/{secret}/cancel",
                     f"/v1/runs/{secret}/replay"):
            self.assertEqual(404, self.ask("POST", path, "sales").status, path)
        for path in ("/v1/status", "/v1/connections", "/v1/project", "/v1/stages"):
            self.assertEqual(403, self.ask("GET", path, "sales").status, path)
        self.ended(self.begin("/v1/jobs/sales_eu/runs", role="sales"))

    def test_names_are_never_options(self):
        self.served_with("orders")
        for name in ("--full", "-h", "--project=/", "list"):
            self.assertEqual(404, self.ask("POST", f"/v1/jobs/{name}/runs", "operator").status, name)
            self.assertEqual(404, self.ask("POST", f"/v1/runs/{name}/replay", "operator").status, name)
        sql = self.ask("POST", "/v1/connections/warehouse/query", "operator", {"sql": "--help"})
        self.assertNotEqual(200, sql.status)
        refused = self.ask("POST", "/v1/jobs/orders/verify", "operator", {"budget": "1m --repair"})
        self.assertEqual("failed", self.ended(refused.json["operation"])["state"])

    def test_a_backfill_is_kept_and_done_by_the_service(self):
        server = self.enterContext(TemporaryPostgres())
        server.sql("create table orders (id int primary key, day timestamptz not null); create index on orders (day); "
                   "insert into orders select i, timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' "
                   "from generate_series(0, 239) i")
        self.project.write("tidemark.yaml", f"connections:\n  shop: {{postgres: \"{server.conninfo('postgres')}\"}}\n"
                                            "  warehouse: {duckdb: warehouse.duckdb}\n")
        self.project.job("orders", "from: {connection: shop, table: orders, watermark: day}\n"
                                   "to: {connection: warehouse, table: orders, load: upsert}\n")
        self.serve()
        self.ended(self.begin("/v1/jobs/orders/runs"))
        wish = {"from": "2026-01-01", "to": "2026-01-05", "by": "1d"}
        dry = self.ask("POST", "/v1/jobs/orders/backfills", "operator", {**wish, "dry_run": True})
        self.assertEqual((200, "planned"), (dry.status, dry.json["state"]), dry.body)
        made = self.ask("POST", "/v1/jobs/orders/backfills", "operator", wish)
        self.assertEqual(201, made.status, made.body)
        place = made.headers["Location"]
        deadline = time.monotonic() + 60
        while (found := self.get(place))["state"] == "running":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        self.assertEqual("done", found["state"])
        self.assertEqual(1, len(self.get("/v1/backfills", job="orders")))
        late = self.ask("POST", place + "/cancel", "operator")
        self.assertEqual(409, late.status, late.body)
        self.assertEqual(404, self.ask("GET", "/v1/backfills/nobody").status)

    def test_edited_jobs_are_seen_and_new_settings_keep_what_was_begun(self):
        self.served_with("orders")
        operation = self.begin("/v1/jobs/orders/runs")
        self.ended(operation)
        self.job("second")
        self.wait_for_job("second")
        # The port is asked for anew with new settings: it is another one.
        self.project.write("tidemark.yaml", (self.project.dir / "tidemark.yaml").read_text() + "workers: 2\n")
        deadline = time.monotonic() + 60
        while len([line for line in self.lines if " at http://" in line]) < 2:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        self.assertEqual(2, self.get("/v1/project")["workers"])
        self.assertEqual("done", self.get(f"/v1/operations/{operation}")["state"])

    def test_a_service_that_stops_lets_what_was_begun_end(self):
        self.job("slow")
        self.project.job("slow", 'from: {connection: landing, files: "slow-*.csv"}\n'
                                 f'transform: [{{sql: "select rows.id from rows, ({LONG}) x"}}]\n'
                                 "to: {connection: warehouse, table: slow, load: append}\n")
        self.serve("--drain", "1s")
        operation = self.begin("/v1/jobs/slow/runs")
        time.sleep(0.5)
        began = time.monotonic()
        self.stop()
        self.assertLess(time.monotonic() - began, 30)
        self.serve()
        self.assertEqual(404, self.ask("GET", f"/v1/operations/{operation}").status)
        self.assertEqual("cancelled", self.get(f"/v1/runs/{operation}")["status"])

    def test_a_service_that_is_killed_forgets_operations_and_no_run(self):
        self.job("slow")
        self.project.job("slow", 'from: {connection: landing, files: "slow-*.csv"}\n'
                                 f'transform: [{{sql: "select rows.id from rows, ({LONG}) x"}}]\n'
                                 "to: {connection: warehouse, table: slow, load: append}\n")
        self.serve()
        operation = self.begin("/v1/jobs/slow/runs")
        deadline = time.monotonic() + 60
        while not self.get(f"/v1/runs/{operation}")["events"]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.stop(signal.SIGKILL)
        self.job("slow")  # as it can be done
        self.serve()
        gone = self.ask("GET", f"/v1/operations/{operation}")
        self.assertEqual((404, "api.unknown_operation"), (gone.status, gone.code))
        self.assertEqual(operation, self.get(f"/v1/runs/{operation}")["run_id"])
        self.ended(self.begin("/v1/jobs/slow/runs"))
        self.stop()
        self.assertEqual(2, self.project.count("slow"))

    def test_nothing_listens_that_nobody_asked_for_and_none_without_tls_for_others(self):
        self.job("orders")
        refused = self.project.call("serve", "--listen", "0.0.0.0:0")
        self.assertEqual(2, refused.code)
        self.assertIn("TLS", refused.err)
        yaml = (self.project.dir / "tidemark.yaml").read_text()
        for listen, part in (('"0.0.0.0:8080"', "reached from elsewhere"), ('"8080"', "no address"),
                             ('"localhost:99999"', "no address")):
            self.project.write("tidemark.yaml", yaml + f"api: {{listen: {listen}}}\n")
            checked = self.project.call("validate")
            self.assertEqual(2, checked.code)
            self.assertRegex(checked.out, rf"tidemark.yaml:\d+:\d+.*{part}")
        self.project.write("tidemark.yaml", yaml + 'api: {listen: "0.0.0.0:8080", tls: off}\n')
        self.assertEqual(0, self.project.call("validate").code)


if __name__ == "__main__":
    unittest.main()
