#!/usr/bin/env python3
"""Alerts of two servers over one store in PostgreSQL: told once, by whichever of them lives, and known by one key.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import json
import signal
import unittest

import servers_test
from support.told import Hook

ALERTS = """\
alerts:
  group_wait: 1s
  resolve_after: 1s
  channels:
    ops: {{webhook: "{url}", networks: 127.0.0.1}}
"""
GOOD = "every: 1s\n"
BROKEN = "rules: {small: nothing < 10}\n" + GOOD
# Messages come within a second or two, on a busy machine some more.
QUIET_SECONDS = 6


class AlertsOfServers(servers_test.Servers):
    def setUp(self):
        super().setUp()
        self.job("orders", BROKEN)
        self.ask("insert into source_orders default values")

    def servers(self, hook):
        made = {}
        for name in ("one", "other"):
            server = servers_test.Server(self, name)
            settings = server.project.dir / "tidemark.yaml"
            settings.write_text(settings.read_text() + ALERTS.format(url=hook.url()))
            made[name] = server.start()
        return made

    def edit(self, servers, schedule):
        for server in servers:
            server.project.job("orders", servers_test.JOB.format(name="orders", schedule=schedule))

    def sender(self, servers):
        """The name of the one that has claimed what is being sent."""
        claimed = self.ask_store("select distinct split_part(claimed_by, '/', 3) from tidemark.etl_alert_outbox "
                                 "where state = 'waiting' and claimed_by <> ''")
        return next(name for name, server in servers.items() if str(server.process.pid) == claimed)

    def outbox(self):
        return self.ask_store("select what || ' ' || state from tidemark.etl_alert_outbox order by made_at").splitlines()

    def told(self, hook):
        return [(alert["state"], alert["subject"]) for document in hook.documents() for alert in document["alerts"]]

    def test_an_incident_is_told_by_who_lives_with_one_key_and_once_that_it_is_over(self):
        with Hook(["hang", 200]) as hook:
            servers = self.servers(hook)
            hook.wait_for(1, 120)
            dead = self.sender(servers)
            servers[dead].kill()
            alive = servers["other" if dead == "one" else "one"]
            requests = hook.wait_for(2, 120)
            first, again = hook.documents()
            self.assertEqual([("firing", "job:orders")] * 2, self.told(hook))
            self.assertEqual(first["alerts"][0]["key"], again["alerts"][0]["key"])
            self.assertEqual(requests[0][0]["webhook-id"], requests[1][0]["webhook-id"])
            self.wait_for(lambda: self.outbox() == ["firing sent"])
            # It goes on failing, and nothing more is told; both find the same.
            servers[dead].start()
            failed = len(self.fires("orders"))
            self.wait_for(lambda: len(self.fires("orders")) >= failed + QUIET_SECONDS)
            self.assertEqual(2, len(hook.requests))
            self.edit(servers.values(), GOOD)
            hook.wait_for(3, 120)
            done = len(self.done("orders"))
            self.wait_for(lambda: self.ask("insert into source_orders default values") == ""
                          and len(self.done("orders")) >= done + QUIET_SECONDS)
            self.assertEqual([("firing", "job:orders")] * 2 + [("resolved", "job:orders")], self.told(hook))
            self.assertEqual(1, len({alert["key"] for document in hook.documents() for alert in document["alerts"]}))
            self.assertEqual(["firing sent", "resolved sent"], self.outbox())
            self.assertIsNone(alive.process.poll())

    def test_a_silence_made_at_one_holds_at_the_other(self):
        self.jobs["orders"] = GOOD
        with Hook() as hook:
            servers = self.servers(hook)
            self.wait_for(lambda: len(self.done("orders")) > 0, 120)
            made = servers["one"].project.call("alert", "silence", "run_failed", "--job", "orders", "--for", "1h",
                                               "--reason", "they move", "--json")
            self.assertEqual(0, made.code, made.err)
            servers["one"].kill(signal.SIGTERM)
            other = servers["other"]
            self.edit([other], BROKEN)
            # A row for each look: one that came before the edit was taken up is loaded well.
            listed = self.wait_for(lambda: self.ask("insert into source_orders default values") == ""
                                   and other.project.call("alert", "list", "--json").json["alerts"], 150)
            self.assertEqual([("run_failed", True)], [(alert["rule"], alert["silent"]) for alert in listed])
            failed = len(self.fires("orders"))
            self.wait_for(lambda: len(self.fires("orders")) >= failed + QUIET_SECONDS)
            self.assertEqual(([], ["firing waiting"]), (hook.documents(), self.outbox()))
            # Without the silence it would have been told.
            ended = other.project.call("alert", "unsilence", json.loads(made.out)["id"])
            self.assertEqual(0, ended.code, ended.err)
            hook.wait_for(1, 150)
            self.assertEqual([("firing", "job:orders")], self.told(hook))


if __name__ == "__main__":
    unittest.main()
