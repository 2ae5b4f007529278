#!/usr/bin/env python3
"""Alerts of a service that runs, told over real channels: servers that fail, hang and close, commands that hang, and
a service that is killed between two steps. What rules would find is put into the store, but where a run fails.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import signal
import sqlite3
import time
import unittest

from support.project import PROJECT_YAML
from support.served import READ, Served
from support.told import Hook, hooks

COLUMNS = ("alert_id, rule, subject, server, severity, job, run, text, hint, runbook, since, opened_at, told_at, "
           "away_since, resolved_at")

BROKEN = READ.replace("NAME", "a").replace("\nto:", "\nrules: {small: nothing < 10}\nto:")


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())


class AlertsTest(Served):
    def settings(self, text):
        self.project.write("tidemark.yaml", PROJECT_YAML + text)

    def channels(self, *lines):
        self.settings("alerts:\n  channels:\n" + "".join(f"    {line}\n" for line in lines))

    @contextlib.contextmanager
    def store(self):
        with contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db", timeout=20)) as store:
            with store:
                yield store

    def find(self, name, *channels, rule="run_failed", severity="critical"):
        """What a rule would find, told to these channels at once."""
        with self.store() as store:
            store.execute(f"insert into etl_alerts ({COLUMNS}) values (?, ?, ?, '', ?, ?, '', ?, 'look', '', ?, ?, ?, "
                          "null, null)",
                          (name, rule, f"job:{name}", severity, name, f"{name} failed", now(), now(), now()))
            for channel in channels:
                store.execute("insert into etl_alert_outbox (message_id, alert_id, channel, what, made_at, due_at, "
                              "attempts, last_error, claimed_by, claimed_until, state, ended_at) values (?, ?, ?, "
                              "'firing', ?, ?, 0, '', '', null, 'waiting', null)",
                              (f"{name}-{channel}", name, channel, now(), now()))

    def states(self):
        with self.store() as store:
            return dict(store.execute("select message_id, state from etl_alert_outbox"))

    def begin(self, *options):
        self.job("orders", "every: 1s\n")
        self.serve(*options)
        self.wait_for(lambda: self.done("orders") > 0)

    def test_a_webhook_that_fails_gets_it_again_and_signed(self):
        key = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
        self.project.write("key", f"whsec_{key}")
        with Hook([500, "close", 503, 200]) as hook:
            self.channels(f'ops: {{webhook: "{hook.url("/x")}", key: "${{file:key}}", networks: 127.0.0.1}}')
            self.begin()
            self.find("orders", "ops")
            requests = hook.wait_for(4)
            self.wait_for(lambda: self.states() == {"orders-ops": "sent"})
            time.sleep(2)
            self.assertEqual(4, len(hook.requests))
        self.assertEqual(1, len({headers["webhook-id"] for headers, _, _, _ in requests}))
        headers, body, path, _ = requests[-1]
        self.assertEqual("/x", path)
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.digest(base64.b64decode(key), signed, hashlib.sha256)).decode()
        self.assertEqual(f"v1,{expected}", headers["webhook-signature"])
        self.assertAlmostEqual(time.time(), int(headers["webhook-timestamp"]), delta=60)
        document = json.loads(body)
        self.assertEqual((1, "run_failed", False), (document["version"], document["rule"], document["test"]))
        self.assertEqual(["orders failed"], [alert["text"] for alert in document["alerts"]])
        # Later and later.
        times = [at for _, _, _, at in requests]
        gaps = [after - before for before, after in zip(times, times[1:])]
        self.assertTrue(gaps[0] >= 0.9 and gaps[1] >= 1.9 and gaps[2] >= 3.9, gaps)

    def test_a_run_that_fails_is_told_and_then_that_it_is_over(self):
        with Hook() as hook:
            self.settings("alerts:\n  group_wait: 1s\n  resolve_after: 1s\n  channels:\n"
                          f'    ops: {{webhook: "{hook.url()}", networks: 127.0.0.1}}\n')
            self.job("a")
            self.project.job("a", BROKEN + "every: 1s\n")
            self.serve()
            hook.wait_for(1)
            told = hook.documents()[0]
            self.assertEqual(("run_failed", ["job:a"]), (told["rule"], [one["subject"] for one in told["alerts"]]))
            run = told["alerts"][0]["run_id"]
            self.assertEqual("failed", self.project.call("show", run, "--json").json["status"])
            self.job("a")
            self.wait_for(lambda: hook.documents()[-1]["alerts"][0]["state"] == "resolved", 60)
            self.assertEqual([told["alerts"][0]["id"]] * 2, [document["alerts"][0]["id"] for document in hook.documents()])

    def test_pagerduty_gets_an_event_for_each_alert(self):
        with Hook([202]) as hook:
            self.project.write("key", "the-routing-key\n")
            self.channels(f'pager: {{pagerduty: "${{file:key}}", url: "{hook.url("/v2/enqueue")}", networks: 127.0.0.1}}')
            self.begin()
            self.find("a", "pager")
            self.find("b", "pager", severity="warning")
            hook.wait_for(2)
            self.wait_for(lambda: set(self.states().values()) == {"sent"})
            events = hook.documents()
            self.assertEqual({("the-routing-key", "trigger")},
                             {(event["routing_key"], event["event_action"]) for event in events})
            self.assertEqual({("a failed", "critical"), ("b failed", "warning")},
                             {(event["payload"]["summary"], event["payload"]["severity"]) for event in events})
            self.assertEqual(2, len({event["dedup_key"] for event in events}))
            tried = self.project.call("alert", "test", "pager")
            self.assertEqual((0, "pager: sent\n"), (tried.code, tried.out), tried.err)
            begun, over = hook.documents()[2:]
            self.assertEqual(("trigger", "resolve"), (begun["event_action"], over["event_action"]))
            self.assertEqual(begun["dedup_key"], over["dedup_key"])

    def test_what_was_claimed_when_the_service_was_killed_arrives(self):
        with Hook(["hang", 200]) as hook:
            self.channels(f'ops: {{webhook: "{hook.url()}", networks: 127.0.0.1}}')
            self.begin()
            self.find("orders", "ops")
            hook.wait_for(1)
            self.stop(signal.SIGKILL)
            self.assertEqual({"orders-ops": "waiting"}, self.states())
            self.serve()
            requests = hook.wait_for(2)
            self.wait_for(lambda: self.states() == {"orders-ops": "sent"})
        self.assertEqual(requests[0][0]["webhook-id"], requests[1][0]["webhook-id"])

    def test_a_channel_that_hangs_delays_no_other_and_no_run(self):
        def fires_in(seconds):
            before = self.done("orders")
            time.sleep(seconds)
            return self.done("orders") - before

        with hooks(hung=["hang"], good=[200]) as told:
            self.channels(f'hung: {{webhook: "{told["hung"].url()}", networks: 127.0.0.1}}',
                          "stuck: {command: [sleep, '600']}",
                          f'good: {{webhook: "{told["good"].url()}", networks: 127.0.0.1}}')
            self.begin()
            usual = fires_in(8)
            self.find("orders", "hung", "stuck", "good")
            begun = time.monotonic()
            told["good"].wait_for(1)
            self.assertLess(time.monotonic() - begun, 15)
            told["hung"].wait_for(1)
            with_hanging = fires_in(8)
            print(f"runs in 8 s: {usual} before, {with_hanging} while two channels hang")
            self.assertGreaterEqual(with_hanging, usual - 2)
            begun = time.monotonic()
            self.stop()
            self.assertLess(time.monotonic() - begun, 20)
            self.assertEqual({"orders-hung": "waiting", "orders-stuck": "waiting", "orders-good": "sent"},
                             self.states())

    def test_alerts_of_a_rule_go_together_to_slack_and_a_command(self):
        with Hook() as hook:
            self.project.write("address", hook.url("/T0/B0/secret-part"))
            self.channels('chat: {slack: "${file:address}", networks: [127.0.0.1]}',
                          'log: {command: [sh, -c, "cat >> told.log"]}')
            self.begin()
            self.find("a", "chat", "log")
            self.find("b", "chat", "log")
            self.wait_for(lambda: list(self.states().values()) == ["sent"] * 4)
            texts = "".join(json.loads(body)["text"] for _, body, _, _ in hook.requests)
        self.assertIn("a failed", texts)
        self.assertIn("b failed", texts)
        lines = [json.loads(line) for line in (self.project.dir / "told.log").read_text().splitlines()]
        self.assertEqual({"a", "b"}, {alert["id"] for line in lines for alert in line["alerts"]})

    def test_a_silence_keeps_from_sending_and_is_listed(self):
        with Hook() as hook:
            self.channels(f'ops: {{webhook: "{hook.url()}", networks: 127.0.0.1}}')
            self.begin()
            made = self.project.call("alert", "silence", "run_*", "--job", "ord*", "--for", "1h", "--reason",
                                     "they move", "--json")
            self.assertEqual(0, made.code, made.err)
            self.find("orders", "ops")
            self.find("sales", "ops")
            hook.wait_for(1)
            self.wait_for(lambda: self.states()["sales-ops"] == "sent")
            time.sleep(2)
            self.assertEqual("waiting", self.states()["orders-ops"])
            self.assertEqual(["sales"], [alert["id"] for document in hook.documents()
                                         for alert in document["alerts"]])
            listed = self.project.call("alert", "list", "--json").json
            self.assertEqual({"orders": True, "sales": False},
                             {alert["id"]: alert["silent"] for alert in listed["alerts"]})
            self.assertEqual(["they move"], [silence["reason"] for silence in listed["silences"]])
            self.assertEqual([("ops", 1)], [(one["name"], one["waiting"]) for one in listed["channels"]])
            self.assertIn("silent", self.project.call("alert", "list").out)
            self.assertIn("and 1 more", self.project.call("alert", "list", "--limit", "1").out)
            status = self.project.call("status", "--json").json
            self.assertEqual((2, {"orders": True, "sales": False}),
                             (status["alerts_total"], {one["id"]: one["silent"] for one in status["alerts"]}))
            self.assertIn("critical, silent", self.project.call("status").out)
            self.assertIn("sales failed", self.project.call("alert", "show", "sales").out)
            ended = self.project.call("alert", "unsilence", made.json["id"])
            self.assertEqual(0, ended.code, ended.err)
            self.assertEqual([], self.project.call("alert", "list", "--json").json["silences"])
            unknown = self.project.call("alert", "unsilence", made.json["id"])
            self.assertEqual(2, unknown.code)
            self.assertEqual(2, self.project.call("alert", "show", "nothing").code)
            what = [entry["what"] for entry in self.project.call("audit", "--json").json]
            self.assertIn("alert.silence", what)
            self.assertIn("alert.unsilence", what)

    def test_trying_the_channels(self):
        self.assertEqual(2, self.project.call("alert", "test").code)
        with hooks(good=[200], bad=[403]) as told:
            self.channels(f'good: {{webhook: "{told["good"].url()}", networks: 127.0.0.1}}',
                          f'bad: {{webhook: "{told["bad"].url("/hidden")}", networks: 127.0.0.1}}',
                          'within: {webhook: "https://169.254.169.254/latest"}')
            tried = self.project.call("alert", "test", "--json")
            self.assertEqual(1, tried.code)
            self.assertEqual({"good": True, "bad": False, "within": False},
                             {one["channel"]: one["sent"] for one in tried.json})
            self.assertIn("403", tried.out)
            self.assertNotIn("hidden", tried.out + tried.err)
            self.assertIn("link-local", tried.json[2]["message"])
            one = self.project.call("alert", "test", "good")
            self.assertEqual((0, "good: sent\n"), (one.code, one.out))
            self.assertEqual([True, True], [document["test"] for document in told["good"].documents()])
            other = self.project.call("alert", "test", "god")
            self.assertEqual(2, other.code)
            self.assertIn("did you mean `good`", other.err)

    def test_faults_of_the_settings(self):
        def faults(text):
            self.settings(text)
            return self.project.call("validate").out

        self.project.write("key", "secret-key")
        self.assertIn("did you mean `ops`",
                      faults("alerts: {channels: {ops: {command: [a]}}, send: [{to: [opps]}]}\n"))
        self.assertIn("there is no rule `run_faild`; did you mean `run_failed`?",
                      faults("alerts: {channels: {ops: {command: [a]}}, send: [{to: [ops], rules: [run_faild]}]}\n"))
        self.assertIn("read by everybody", faults('alerts: {channels: {ops: {webhook: "http://hooks.example/x"}}}\n'))
        self.assertIn("of one kind", faults("alerts: {channels: {ops: {deadline: 10s}}}\n"))
        self.assertIn("of one kind",
                      faults('alerts: {channels: {ops: {command: [a], webhook: "https://hooks.example"}}}\n'))
        self.assertIn("`key` is for `webhook`",
                      faults('alerts: {channels: {ops: {command: [a], key: "${file:key}"}}}\n'))
        self.assertIn("must not be written in the file",
                      faults('alerts: {channels: {ops: {slack: "https://hooks.example/secret"}}}\n'))
        self.assertIn("`everywhere`",
                      faults('alerts: {channels: {ops: {webhook: "http://a", networks: [everywhere]}}}\n'))
        self.assertIn("`deadline` must be from 1s",
                      faults("alerts: {channels: {ops: {command: [a], deadline: 1ms}}}\n"))
        self.assertIn("`repeat` must be at least",
                      faults("alerts: {channels: {ops: {command: [a]}}, repeat: 1s}\n"))


if __name__ == "__main__":
    unittest.main()
