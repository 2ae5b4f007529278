#!/usr/bin/env python3
"""Traces of real runs, as a collector of OpenTelemetry gets them: what they say, and that no run waits for them.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import base64
import hashlib
import re
import time
import unittest

from support.api_client import ServedApi
from support.collector import Collector
from support.project import PROJECT_YAML
from support.temporary_postgres import TemporaryPostgres

PARTIAL = (200, {"content-type": "application/json"},
           b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}')
TOO_MANY = (429, {"retry-after": "2"}, b"")
BAD = (400, {}, b"no")


def trace_of(run):
    return hashlib.sha256(run.encode()).hexdigest()[:32]


class Traces(ServedApi):
    def sends_to(self, endpoint, rest=""):
        self.project.write("tidemark.yaml",
                           PROJECT_YAML + f'telemetry:\n  otlp: {{endpoint: "{endpoint}"{rest}}}\n'
                           "  attributes: {deployment.environment: test}\n")

    def metrics(self):
        answer = self.ask("GET", "/metrics", "viewer")
        self.assertEqual(200, answer.status, answer.body)
        lines = answer.body.decode().splitlines()
        return {series: float(value) for series, value in
                (line.rsplit(" ", 1) for line in lines if line.startswith("tidemark_trace"))}

    def wait_for_metric(self, series, value, seconds=60):
        deadline = time.monotonic() + seconds
        while (told := self.metrics()).get(series) != value:
            self.assertLess(time.monotonic(), deadline, told)
            time.sleep(0.2)
        return told

    def said(self):
        """The log of the service, which has ended then."""
        self.stop()
        return "".join(self.lines)

    def trace(self, collector, run):
        traces = collector.traces()
        self.assertIn(trace_of(run), traces)
        return self.nested(traces[trace_of(run)])

    def nested(self, trace):
        """The root of a trace, whose spans lie within their parents."""
        roots = [span for span in trace.values() if span.parent not in trace]
        self.assertEqual(1, len(roots), [span.name for span in trace.values()])
        for span in trace.values():
            span.children = sorted((one for one in trace.values() if one.parent == span.id), key=lambda one: one.begins)
            for child in span.children:
                self.assertTrue(span.begins <= child.begins <= child.ends <= span.ends, (span.name, child.name))
        return roots[0]

    def test_a_run_of_a_command_is_a_trace_that_nests_and_sums(self):
        with Collector() as collector:
            self.sends_to(collector.endpoint)
            self.job("orders", "rules: {small: id < 2}\n")
            done, document = self.project.run("orders")
            self.assertEqual((0, ""), (done.code, "".join(re.findall("note:.*", done.err))))
            self.assertEqual(1, len(collector.requests), "it was sent when the command ended")
        root = self.trace(collector, document["run_id"])
        self.assertEqual(("run orders", None, None), (root.name, root.parent, root.error))
        self.assertEqual(("tidemark", "test"),
                         (root.service["service.name"], root.service["deployment.environment"]))
        told = root.attributes
        self.assertEqual(("orders", document["run_id"], "run", "done"),
                         tuple(told[f"tidemark.{what}"] for what in ("job", "run", "kind", "state")))
        self.assertGreater(told["tidemark.cpu_us"], 0)
        self.assertEqual(["plan", "stream main"], [span.name for span in root.children])
        stream = root.children[1]
        self.assertEqual(["extract", "validate", "load", "acknowledge"], [span.name for span in stream.children])
        for what in ("rows_read", "rows_loaded", "rows_rejected", "bytes_staged"):
            self.assertEqual(document["streams"][0][what], told[f"tidemark.{what}"], what)
            self.assertEqual(told[f"tidemark.{what}"], stream.attributes[f"tidemark.{what}"], what)
        extract, validate, load, _ = [span.attributes for span in stream.children]
        self.assertEqual((2, told["tidemark.bytes_staged"]),
                         (extract["tidemark.rows_read"], extract["tidemark.bytes_staged"]))
        self.assertEqual((1, 1), (validate["tidemark.rows_good"], validate["tidemark.rows_rejected"]))
        self.assertEqual(1, load["tidemark.rows_loaded"])
        # The times are those of the run.
        history = self.project.call("show", document["run_id"], "--json").json
        for key, at in (("started_at", root.begins), ("ended_at", root.ends)):
            seconds, micros = re.fullmatch(r"(.*)\.(\d{6})Z", history[key]).groups()
            self.assertEqual((seconds, int(micros)),
                             (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 10**9)), at // 1000 % 10**6), key)

    def test_a_replay_is_a_trace_that_reads_nothing(self):
        with Collector() as collector:
            self.sends_to(collector.endpoint)
            self.job("orders")
            self.project.job("orders", 'from: {connection: landing, files: "orders-*.csv"}\n'
                             "to: {connection: warehouse, table: orders, load: full}\n")
            first = self.project.run("orders")[1]["run_id"]
            done = self.project.call("replay", first, "--json")
            self.assertEqual(0, done.code, done.err)
        root = self.trace(collector, done.json["run_id"])
        self.assertEqual("replay", root.attributes["tidemark.kind"])
        self.assertEqual(["validate", "load", "acknowledge"], [span.name for span in root.children[1].children])

    def test_the_streams_of_a_run_add_up_to_it(self):
        server = self.enterContext(TemporaryPostgres())
        for rows, table in enumerate(("a", "b", "c"), start=5):
            server.sql(f"create table {table} as select * from generate_series(1, {rows}) as id")
        with Collector() as collector:
            self.sends_to(collector.endpoint)
            settings = (self.project.dir / "tidemark.yaml").read_text()
            self.project.write("tidemark.yaml", settings.replace("sqlite: shop.db", "postgres: 'host=127.0.0.1 "
                               f"port={server.port} dbname=postgres user=postgres'"))
            self.project.job("copy", "from: {connection: shop, tables: [public.*]}\n"
                                     'to: {connection: warehouse, table: "raw.{table}"}\n')
            done, document = self.project.run("copy")
            self.assertEqual(0, done.code, done.err)
        root = self.trace(collector, document["run_id"])
        streams = [span for span in root.children if span.name.startswith("stream ")]
        self.assertEqual([5, 6, 7], sorted(span.attributes["tidemark.rows_read"] for span in streams))
        for what in ("rows_read", "rows_loaded", "bytes_staged"):
            self.assertEqual(root.attributes[f"tidemark.{what}"],
                             sum(span.attributes[f"tidemark.{what}"] for span in streams), what)

    def test_a_run_that_fails_says_so_by_its_code(self):
        with Collector() as collector:
            self.sends_to(collector.endpoint)
            self.job("orders", "rules: {small: nothing < 10}\n")
            done, document = self.project.run("orders")
            self.assertEqual("failed", document["status"], done.err)
        root = self.trace(collector, document["run_id"])
        self.assertEqual(document["error"]["code"], root.error)
        self.assertEqual(root.error, root.attributes["error.type"])
        for _, body, _ in collector.requests:
            self.assertNotIn(document["error"]["message"].encode(), body)

    def test_a_run_is_not_failed_by_a_collector_that_is_not_there(self):
        with Collector() as collector:
            gone = collector.endpoint
        self.job("orders")
        self.sends_to(gone)
        done, document = self.project.run("orders")
        self.assertEqual((0, "success"), (done.code, document["status"]))
        self.assertIn("note: traces are not taken: ", done.err)
        self.assertIn(gone, done.err)

    def test_a_command_waits_a_few_seconds_for_a_collector_that_never_answers(self):
        self.job("orders")
        with Collector(["hang"]) as collector:
            self.sends_to(collector.endpoint)
            begun = time.monotonic()
            done, document = self.project.run("orders")
            took = time.monotonic() - begun
        self.assertEqual((0, "success"), (done.code, document["status"]))
        self.assertIn("note: traces were not sent: the collector did not answer", done.err)
        self.assertLess(took, 3 + 30)
        self.assertLess(document["duration_ms"], took * 1000 - 2500, "what it waits is not the run's")

    def test_a_service_sends_the_traces_of_all_its_runs(self):
        with Collector() as collector:
            self.sends_to(collector.endpoint)
            self.job("often", "every: 1s\n")
            self.job("orders")
            self.serve()
            begun = self.ended(self.begin("/v1/jobs/orders/runs"))
            by_command = self.project.run("orders")[1]
            for run in (begun["run_id"], by_command["run_id"]):
                deadline = time.monotonic() + 60
                while trace_of(run) not in collector.traces():
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.2)
                self.assertNotIn("tidemark.fire", self.trace(collector, run).attributes)
            deadline = time.monotonic() + 60
            while not (fires := [root for root in map(self.nested, collector.traces().values())
                                 if "tidemark.fire" in root.attributes]):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.2)
            self.assertEqual("often", fires[0].attributes["tidemark.job"])
            told = self.metrics()
            self.assertGreaterEqual(told["tidemark_traces_sent_total"], 3)
            dropped = {series: runs for series, runs in told.items() if "dropped" in series}
            self.assertEqual(4, len(dropped), "a series for each reason from the start: %s" % told)
            self.assertFalse(any(dropped.values()), dropped)
            self.assertEqual(0, told["tidemark_trace_spans_refused_total"])

    def test_runs_go_on_as_ever_with_a_collector_that_never_answers(self):
        def durations(answers):
            with Collector(answers) as collector:
                self.sends_to(collector.endpoint, ", timeout: 60s")
                self.serve()
                took = []
                for _ in range(5):
                    begun = time.monotonic()
                    self.assertEqual("done", self.ended(self.begin("/v1/jobs/orders/runs", {"full": True}))["state"])
                    took.append(time.monotonic() - begun)
                collector.wait_for(1)
                begun = time.monotonic()
                self.stop()
                return sorted(took)[2], time.monotonic() - begun
        self.job("orders")
        well, _ = durations([Collector.TAKEN])
        hanging, leaving = durations(["hang"])
        self.assertLess(hanging, 3 * well + 1)
        self.assertLess(leaving, 3 + 30, "who leaves waits a few seconds for it")

    def test_what_the_collector_does_not_take_now_is_sent_again(self):
        with Collector([(503, {}, b""), "nonsense", TOO_MANY, Collector.TAKEN]) as collector:
            self.sends_to(collector.endpoint)
            self.job("orders")
            self.serve()
            run = self.ended(self.begin("/v1/jobs/orders/runs"))["run_id"]
            requests = collector.wait_for(4)
            self.trace(collector, run)
            self.assertEqual(1, len({body for _, body, _ in requests}))
            self.assertGreaterEqual(requests[3][2] - requests[2][2], 1.9, "it asked for two seconds")
            self.wait_for_metric("tidemark_traces_sent_total", 1)
        said = self.said()
        self.assertEqual(1, said.count("traces are not taken: "), said)

    def test_what_is_refused_is_dropped_and_told_once(self):
        with Collector([BAD, BAD, PARTIAL]) as collector:
            self.sends_to(collector.endpoint)
            self.job("orders")
            self.serve()
            for count in (1, 2, 3):
                self.ended(self.begin("/v1/jobs/orders/runs"))
                collector.wait_for(count)
            told = self.wait_for_metric("tidemark_traces_sent_total", 1)
            self.assertEqual(2, told['tidemark_traces_dropped_total{reason="refused"}'])
            self.assertEqual(2, told["tidemark_trace_spans_refused_total"])
            time.sleep(2)
            self.assertEqual(3, len(collector.requests), "none of them is sent again")
        said = self.said()
        self.assertEqual(1, said.count("traces are refused: "), said)
        self.assertNotIn("too old", said, "what a collector says is not repeated")

    def test_a_secret_of_a_header_is_sent_and_told_nowhere(self):
        canary = "canaryx0123456789abcdef"
        self.project.write("key", f"Bearer {canary}\n").chmod(0o600)
        with Collector([BAD]) as collector:
            self.sends_to(collector.endpoint, ', headers: {authorization: "${file:key}"}')
            self.job("orders")
            done = self.project.run("orders")[0]
            self.assertEqual(f"Bearer {canary}", collector.requests[0][0]["authorization"])
            self.assertIn("answered with status 400", done.err)
            self.serve()
            self.ended(self.begin("/v1/jobs/orders/runs"))
            collector.wait_for(2)
            told = self.ask("GET", "/metrics", "viewer").body.decode()
            said = self.said()
        places = [done.out, done.err, told, said]
        for path in self.project.dir.rglob("*"):
            if path.is_file() and path.name != "key":
                places.append(path.read_bytes().decode("latin-1"))
        places += [body.decode() for _, body, _ in collector.requests]
        forms = (canary, canary.encode().hex(), base64.b64encode(canary.encode()).decode())
        self.assertFalse([place for place in places if any(form in place for form in forms)])

    def test_who_asks_for_a_run_is_its_parent(self):
        parent = "4bf92f3577b34da6a3ce929d0e0e4736"
        with Collector() as collector:
            self.sends_to(collector.endpoint)
            self.job("orders")
            self.serve()
            run = self.ended(self.begin("/v1/jobs/orders/runs", traceparent=f"00-{parent}-00f067aa0ba902b7-01"))
            collector.wait_for(1)
            root = self.nested(collector.traces()[parent])
            self.assertEqual(("00f067aa0ba902b7", run["run_id"]), (root.parent, root.attributes["tidemark.run"]))
            # One that nobody can read is none.
            other = self.ended(self.begin("/v1/jobs/orders/runs", traceparent="00-nonsense"))
            collector.wait_for(2)
            self.assertIsNone(self.trace(collector, other["run_id"]).parent)


if __name__ == "__main__":
    unittest.main()
