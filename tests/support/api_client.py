"""A served project with its HTTP API, tokens of each role, and requests to it."""

import contextlib
import dataclasses
import hashlib
import http.client
import json
import re
import secrets
import signal
import sqlite3
import subprocess
import threading
import time
import unittest
import urllib.parse

from support.project import Project

READ = 'from: {connection: landing, files: "NAME-*.csv"}\nto: {connection: warehouse, table: NAME, load: append}\n'
ROLES = ["viewer", "operator", "editor", "admin"]


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError as problem:
            raise AssertionError(f"{self.status}: no JSON document: {self.body[:300]!r}") from problem

    @property
    def code(self):
        return self.json.get("code")


class ServedApi(unittest.TestCase):
    def setUp(self):
        self.project = self.enterContext(Project())
        self.served = None
        self.tokens = {}
        self.addCleanup(self.stop)

    def job(self, name, rest=""):
        self.project.write(f"data/{name}-1.csv", "id\n1\n2\n")
        self.project.job(name, READ.replace("NAME", name) + rest)

    def token(self, name, role, jobs=""):
        """The id of a new token, which a service sees within two seconds; `jobs`: patterns with spaces between."""
        token = secrets.token_hex(8)
        text = f"tdm_{token}_{secrets.token_hex(32)}"
        digest = hashlib.blake2b(text.encode(), digest_size=32).hexdigest()
        with contextlib.closing(sqlite3.connect(self.project.dir / ".tidemark/store.db", timeout=30)) as store, store:
            store.execute("insert into etl_tokens (token_id, name, role, jobs, hash, made_by, created_at) "
                          "values (?, ?, ?, ?, ?, 'test', '2026-01-01T00:00:00.000000Z')",
                          (token, name, role, jobs, digest))
        self.tokens[name] = text
        return token

    def serve(self, *options, tokens=True):
        """Serves on a port that is free; `self.lines` are those of its log, and what it prints."""
        self.served = self.project.start("serve", "--listen", "127.0.0.1:0", *options, stderr=subprocess.STDOUT)
        self.lines = []
        found = threading.Event()

        def read(stream):
            for line in iter(stream.readline, b""):
                self.lines.append(line.decode())
                if place := re.search(r"serving .* at (https?)://([^:]+):(\d+)", self.lines[-1]):
                    self.host, self.port = place[2], int(place[3])
                    found.set()

        self.reader = threading.Thread(target=read, args=(self.served.stdout,), daemon=True)
        self.reader.start()
        deadline = time.monotonic() + 60
        while not found.wait(0.1):
            self.assertIsNone(self.served.poll(), "the service ended")
            self.assertLess(time.monotonic(), deadline, "it does not listen")
        if tokens and not self.tokens:
            for role in ROLES:
                self.token(role, role)

    def stop(self, how=signal.SIGTERM):
        if self.served is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.served.send_signal(how)
        self.served.wait(timeout=60)
        self.reader.join()
        self.served.stdout.close()
        code, self.served = self.served.returncode, None
        if how != signal.SIGKILL:
            self.assertEqual(0, code, self.lines[-20:])

    def ask(self, method, path, role="admin", body=None, timeout=60, **headers):
        """One request; `body` is sent as JSON, `role` is the name of a token or None."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if role is not None:
            sent["Authorization"] = f"Bearer {self.tokens[role]}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path, role="admin", **query):
        asked = urllib.parse.urlencode(query)
        answer = self.ask("GET", path + ("?" + asked if asked else ""), role)
        self.assertEqual(200, answer.status, answer.body)
        return answer.json

    def ended(self, operation, seconds=60):
        """The operation, when it has ended."""
        deadline = time.monotonic() + seconds
        while (found := self.get(f"/v1/operations/{operation}"))["state"] == "running":
            self.assertLess(time.monotonic(), deadline, "the operation goes on")
            time.sleep(0.05)
        return found

    def begin(self, path, body=None, role="operator", **headers):
        answer = self.ask("POST", path, role, body, **headers)
        self.assertEqual(202, answer.status, answer.body)
        return answer.json["operation"]

    def events(self, run, after=None, role="viewer", seconds=60):
        """[(id, event, data)] of the stream of a run, to its end."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}", "Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        try:
            connection.request("GET", f"/v1/runs/{run}/events", None, headers)
            response = connection.getresponse()
            self.assertEqual((200, "text/event-stream"), (response.status, response.getheader("Content-Type")))
            text = response.read().decode()
        finally:
            connection.close()
        found = []
        for block in text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in fields:
                found.append((int(fields.get("id", -1)), fields["event"], json.loads(fields["data"])))
        return found
