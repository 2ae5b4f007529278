#!/usr/bin/env python3
"""In which order a service opens and begins things, shown where its store's password stands in Vault.

Vault may refuse at any step of a start: what has begun by then must not outlive what it uses. The program is
$TIDEMARK_BINARY, default build/dev/tidemark.
"""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import threading
import time
import unittest

from support.project import BINARY, Project, program_environment
from support.temporary_postgres import TemporaryPostgres
from support.told import Hook
from support.vault_server import VaultServer

PASSWORD = "the-password-of-the-store"
YAML = """\
secrets: {{vault: {{address: "{vault}", token: "${{file:token}}"}}}}
store: {{postgres: "host=127.0.0.1 port={port} dbname={kept} user=etl", password: "${{vault:kv/store#password}}"}}
api: {{listen: "127.0.0.1:0"}}
alerts:
  group_wait: 1s
  channels: {{ops: {{webhook: "{hook}", key: "${{secret:hook}}", networks: 127.0.0.1}}}}
connections:
  warehouse: {{duckdb: warehouse.duckdb}}
  shop: {{postgres: "host=127.0.0.1 port={port} dbname=shop user=etl", password: "${{secret:shop}}"}}
"""
JOB = "from: {connection: shop, table: orders}\nto: {connection: warehouse, table: orders}\nevery: 1s\n"
START_SECONDS = 90
# Beside the thread that starts others ask as well, so that the last step of a start is not the same question each time.
MORE_QUESTIONS = 5


class RefusingVault(VaultServer):
    """Refuses question number `refused`, from 1, and no other."""

    def __init__(self, token):
        self.questions = 0
        self.refused = None
        self._lock = threading.Lock()
        super().__init__(token)

    def ask_anew(self, refused=None):
        with self._lock:
            self.questions, self.refused = 0, refused

    def answer(self, path, token):
        with self._lock:
            self.questions += 1
            if self.questions == self.refused:
                return 403, {"errors": ["permission denied"]}
        return super().answer(path, token)


class Serving:
    """One service; its lines as they come, of the log and of its fires."""

    def __init__(self, project):
        self.process = project.start("serve", stderr=subprocess.STDOUT)
        self.lines = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace"))

    def place(self):
        """Where it listens, when it serves."""
        for line in list(self.lines):
            if found := re.search(r"serving .* at http://([^:]+):(\d+)", line):
                return found[1], int(found[2])
        return None

    def end(self, how=signal.SIGTERM):
        """How it ended, and all that it said."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        code = self.process.wait(timeout=START_SECONDS)
        self.reader.join()
        self.process.stdout.close()
        return code, "".join(self.lines)


class Order(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())
        cls.server.sql(f"create role etl login superuser password '{PASSWORD}'; create database shop")
        cls.server.sql("create table orders (id int primary key); insert into orders values (1), (2)", "shop")

    def setUp(self):
        self.vault = self.enterContext(RefusingVault("the-token"))
        self.vault.secrets["store"] = {"password": PASSWORD}
        self.hook = self.enterContext(Hook())
        kept = self.id().rsplit("_", 1)[1]
        self.server.sql(f"create database {kept}")
        self.settings = YAML.format(vault=self.vault.address, port=self.server.port, kept=kept, hook=self.hook.url())
        self.project = self.enterContext(Project(self.settings))
        self.project.write("token", "the-token\n").chmod(0o600)
        self.project.job("orders", JOB)
        for name, value in (("shop", PASSWORD), ("hook", "the-key-of-the-hook")):
            done = subprocess.run([str(BINARY), "secret", "set", name], input=value.encode(), cwd=self.project.dir,
                                  env=program_environment(), capture_output=True, timeout=START_SECONDS, check=False)
            self.assertEqual(0, done.returncode, done.stderr)

    def wait_for(self, what):
        deadline = time.monotonic() + START_SECONDS
        while not (found := what()):
            self.assertLess(time.monotonic(), deadline, "it did not come to that")
            time.sleep(0.05)
        return found

    def start_with_a_refusal(self, number):
        """Whether it came to serve, and what it said when it ended."""
        self.vault.ask_anew(number)
        serving = Serving(self.project)
        self.wait_for(lambda: serving.process.poll() is not None or serving.place())
        served = serving.place() is not None
        if served:
            with contextlib.suppress(subprocess.TimeoutExpired):
                serving.process.wait(2)
        code, err = serving.end()
        self.assertIn(code, (0, 1, 2), err)
        self.assertNotIn("Sanitizer", err)
        return served, err

    def test_a_start_that_is_refused_at_any_step_has_begun_nothing(self):
        refused, more = 0, 0
        number = 0
        while more < MORE_QUESTIONS:
            number += 1
            served, err = self.start_with_a_refusal(number)
            if served:
                more += 1
                self.assertNotIn("opening the store", err, f"it serves, and goes at question {number}")
            else:
                refused += 1
                self.assertIn("may not read it", err)
        self.assertGreater(refused, 5, "a start asks for the password with each session")

    def ask(self, place, token, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(*place, timeout=START_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Authorization": f"Bearer {token}", "Content-Type": "application/json",
                                **{name.replace("_", "-"): value for name, value in headers.items()}})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def test_runs_edits_and_alerts_go_on_beside_each_other(self):
        token = self.project.call("token", "create", "all", "--role", "admin")
        self.assertEqual(0, token.code, token.err)
        serving = Serving(self.project)
        self.addCleanup(lambda: serving.process.poll() is None and serving.end(signal.SIGKILL))
        place = self.wait_for(serving.place)

        def ask(*arguments, **headers):
            return self.ask(place, token.out.strip(), *arguments, **headers)

        def runs(job):
            return [run["status"] for run in ask("GET", f"/v1/runs?job={job}")[1]["runs"]]

        def put(name):
            return ask("PUT", f"/v1/jobs/{name}", {"text": JOB.replace("table: orders}\ne", f"table: {name}}}\ne")},
                       If_None_Match="*")

        self.wait_for(lambda: "success" in runs("orders"))
        status, body = put("more")
        self.assertIn(status, (200, 201), body)
        self.wait_for(lambda: "success" in runs("more"))
        # With a fault in tidemark.yaml an edit is refused, and all goes on as it was.
        self.project.write("tidemark.yaml", self.settings + "connectionz: {}\n")
        self.wait_for(lambda: any("have faults" in line for line in serving.lines))
        status, body = put("third")
        self.assertEqual(422, status, body)
        seen = len(runs("orders"))
        self.wait_for(lambda: len(runs("orders")) > seen)
        self.project.write("tidemark.yaml", self.settings)
        status, body = put("third")
        self.assertIn(status, (200, 201), body)
        self.server.sql("alter table orders rename to away", "shop")
        self.addCleanup(self.server.sql, "alter table if exists away rename to orders", "shop")
        self.hook.wait_for(1, START_SECONDS)
        self.assertIn("webhook-signature", self.hook.requests[0][0])
        code, err = serving.end()
        self.assertEqual(0, code, err)


if __name__ == "__main__":
    unittest.main()
