#!/usr/bin/env python3
"""Secrets of connections are in nothing that Tidemark prints, writes or starts.

Every connection here has a password, in a variable, a file, the store or Vault, that is found again wherever it turns up: as it is, in a URL, in quotes, in
base64, in hexadecimal. All of the program's output, every file of its project and what /proc shows of it are searched.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from support.project import BINARY, Project, call, program_environment
from support.sealed_secrets import SealedSecrets, keys_of
from support.temporary_postgres import TemporaryPostgres
from support.vault_server import VaultServer

COUNT = 100
# What a URL, a connection text, SQL, YAML, JSON and a shell read in their own way.
SPECIAL = ("@", ":", "/", "?", "#", "%41", "&", "=", "+", " ", "'", '"', "\\", ";", "$", "{", "}", "`", "|", "é")
SERVED_SECONDS = 60


class Canary:
    """A secret, and the forms in which it may turn up. Its core has no letter that any form writes differently."""

    def __init__(self, number):
        self.core = f"canary{number:03d}x{secrets.token_hex(6)}"
        self.value = f"{SPECIAL[number % len(SPECIAL)]}a{self.core}{SPECIAL[(number * 7 + 3) % len(SPECIAL)]}z"
        core = self.core.encode()
        self.forms = {core, core.hex().encode(), core.hex().upper().encode()}
        for before in range(3):
            # Letters of base64 that hold bits of the core alone, wherever it begins.
            letters = base64.b64encode(b"\0" * before + core)
            self.forms.add(letters[(before * 8 + 5) // 6:len(letters) // 4 * 4 - 4])

    def found_in(self, data):
        return any(form in data for form in self.forms)


class EchoServer(threading.Thread):
    """Takes itself for a PostgreSQL, asks for the password as it is, and repeats it in its error."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard = []

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError, struct.error):
                self.serve(client)

    def serve(self, client):
        size, code = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
        while code in (80877103, 80877104):  # TLS, GSS: neither is here
            client.sendall(b"N")
            size, code = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
        client.recv(size - 8, socket.MSG_WAITALL)
        client.sendall(b"R" + struct.pack("!II", 8, 3))
        _, size = struct.unpack("!cI", client.recv(5, socket.MSG_WAITALL))
        password = client.recv(size - 4, socket.MSG_WAITALL).rstrip(b"\0")
        self.heard.append(password)
        quoted = "".join(f"%{byte:02X}" if not chr(byte).isalnum() or byte > 127 else chr(byte) for byte in password)
        words = (b"no login by postgres://me:" + quoted.encode() + b"@host with '" + password.replace(b"'", b"''") + b"' ("
                 + base64.b64encode(password) + b")")
        fields = b"SFATAL\0VFATAL\0C28P01\0M" + words + b"\0D" + words + b"\0H" + words + b"\0\0"
        client.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)

    def close(self):
        self.listener.close()


class CanaryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())
        cls.server.sql("create database shop")
        cls.echo = EchoServer()
        cls.echo.start()
        cls.addClassCleanup(cls.echo.close)

    def setUp(self):
        self.canaries = [Canary(number) for number in range(COUNT)]
        self.env = {}
        self.outputs = []
        self.token = Canary(COUNT)
        self.vault = self.enterContext(VaultServer(self.token.core))
        self.env["VAULT_TOKEN"] = self.token.core
        self.project = self.enterContext(Project(self.settings()))
        for number, canary in enumerate(self.canaries):
            if number % 4 == 1:
                path = self.project.write(f"secrets/p{number}", canary.value + "\n")
                path.chmod(0o600)
            elif number % 4 == 3:
                self.vault.secrets[f"c{number}"] = {"password": canary.value}
        self.keep({f"c{number}": canary.value for number, canary in enumerate(self.canaries) if number % 4 == 2})
        self.server.sql("".join(
            f"drop role if exists u{number}; create role u{number} login superuser password $pw${canary.value}$pw$;"
            for number, canary in enumerate(self.canaries[:10])))
        self.server.sql("drop table if exists orders; create table orders (id int primary key, paid text);"
                        "insert into orders values (1, 'yes'), (2, 'maybe'), (3, 'no')", "shop")

    def keep(self, values):
        """In the store; the first by the command, which makes the key."""
        name = next(iter(values))
        done = subprocess.run([str(BINARY), "secret", "set", name], input=values.pop(name).encode(), cwd=self.project.dir,
                              env={**program_environment(), **self.env}, capture_output=True, timeout=60, check=False)
        self.assertEqual((0, b""), (done.returncode, done.stderr))
        self.outputs.append((f"secret set {name}", done.stdout))
        state = self.project.dir / ".tidemark"
        SealedSecrets(state / "store.db").add(values, keys_of(state / "secret.key")[0])

    def password(self, number):
        """A quarter of them in the environment, in files, in the store, in Vault."""
        kept = (None, f"${{file:secrets/p{number}}}", f"${{secret:c{number}}}", f"${{vault:kv/c{number}#password}}")[number % 4]
        if kept:
            return f'"{kept}"'
        self.env[f"CANARY_{number}"] = self.canaries[number].value
        return f'"${{env:CANARY_{number}}}"'

    def settings(self):
        """The first ten log in; then a wrong password, a server that repeats it, one that is not there."""
        lines = ["log: {level: trace}", f"secrets: {{vault: {{address: '{self.vault.address}', token: '${{env:VAULT_TOKEN}}'}}}}", "connections:", "  landing: {files: data}", "  warehouse: {duckdb: warehouse.duckdb}"]
        for number in range(COUNT):
            port = self.server.port
            if number >= 40:
                port = self.echo.port
            if number >= 70:
                port = 1
            lines.append(f'  c{number}: {{postgres: "host=127.0.0.1 port={port} dbname=shop user=u{number % 10} '
                         f'connect_timeout=5", password: {self.password(number)}}}')
        return "\n".join(lines) + "\n"

    def ask(self, *arguments):
        done = call(*arguments, cwd=self.project.dir, env=self.env)
        self.outputs.append((" ".join(map(str, arguments)), (done.out + done.err).encode()))
        return done

    def jobs(self):
        for number in (0, 1, 2, 3, 10, 11, 40, 41, 42, 43, 70, 71):
            self.project.job(f"j{number}", f"from: {{connection: c{number}, table: orders}}\n"
                             "rules: {paid_is_known: \"paid in ('yes', 'no')\"}\n"
                             f"to: {{connection: warehouse, table: t{number}}}\n")

    def check_nothing_is_in(self, name, data):
        found = [number for number, canary in enumerate([*self.canaries, self.token]) if canary.found_in(data)]
        self.assertEqual([], found, f"secrets in {name}")

    def check(self):
        for name, data in self.outputs:
            self.check_nothing_is_in(f"the output of `{name}`", data)
        files = [path for path in self.project.dir.rglob("*") if path.is_file() and path.parent.name != "secrets"]
        self.assertTrue(any(path.name == "store.db" for path in files), "the store is searched")
        self.assertTrue(any("stage" in path.parts for path in files), "the stage is searched")
        for path in files:
            self.check_nothing_is_in(path, path.read_bytes())

    def test_a_canary_is_seen_in_every_form(self):
        for canary in self.canaries:
            value = canary.value.encode()
            for data in (value, b"x" + value, value.hex().encode(), base64.b64encode(value), base64.b64encode(b"1" + value),
                         base64.b64encode(b"12" + value), base64.b64encode(b"user:pass:" + value + b"tail"),
                         re.sub(rb"[^A-Za-z0-9]", lambda found: b"%%%02X" % ord(found[0]), value),
                         json.dumps(canary.value).encode()):
                self.assertTrue(canary.found_in(data), data)
            self.assertFalse(canary.found_in(b"canary"))

    def test_commands(self):
        self.jobs()
        token = self.ask("token", "create", "ci", "--role", "admin").out.strip()
        self.outputs.pop()  # the only place where it is shown
        for number in (0, 1, 2, 3):
            self.assertEqual(0, self.ask("run", f"j{number}").code, self.outputs[-1])
        for number in (10, 11, 40, 41, 42, 43, 70, 71):
            done = self.ask("run", f"j{number}", "--json")
            self.assertEqual(1 if number >= 40 else done.code, done.code, self.outputs[-1])
            self.assertNotEqual(0, done.code)
            self.ask("plan", f"j{number}")
        for command in (["plan", "j0"], ["plan", "j1", "--json"], ["validate"], ["status"], ["status", "--json"], ["runs"],
                        ["runs", "--json"], ["connection", "show"], ["connection", "show", "--json"], ["quarantine", "j0"],
                        ["quarantine", "j1", "--json"], ["verify", "j0"], ["query", "c1", "select 1"],
                        ["query", "c11", "select 1"], ["query", "c41", "select 1"], ["query", "c1", "select wrong"],
                        ["query", "c1", "select * from pg_stat_activity"], ["schema", "project"], ["stage", "list"],
                        ["source", "prepare", "c1", "orders"], ["audit", "--json"], ["doctor"], ["secret", "list"],
                        ["secret", "list", "--json"], ["secret", "rotate"], ["token", "list", "--json"]):
            self.ask(*command)
        for run in call("runs", "--json", cwd=self.project.dir, env=self.env).json:
            self.ask("show", run["run_id"])
            self.ask("show", run["run_id"], "--json")
        heard = [canary for canary in self.canaries if canary.value.encode() in self.echo.heard]
        repeated = b"".join(data for name, data in self.outputs if name == "run j41 --json")
        self.assertIn(b"no login by postgres://me:[secret]@host", repeated, "its words are told without them")
        self.assertGreater(len(heard), 20, "the server that repeats passwords had them to repeat")
        told = b"".join(data for name, data in self.outputs if name.startswith("run j"))
        for component in (b"duckdb", b"http", b"postgres", b"sqlite"):
            self.assertIn(b" trace " + component + b"  ", told, "the log is told whole")
        self.check()
        for name, data in self.outputs:
            self.assertNotIn(token[21:].encode(), data, name)

    def test_faults_of_the_files(self):
        """A password in the wrong place is not repeated either."""
        for number, text in enumerate(("postgres://u:SECRET@127.0.0.1/shop", "host=a password='SECRET'", "host=a passw0rd=SECRET",
                                       "host=a SECRET", "host='SECRET", "host=a service=SECRET", "host=a passfile=SECRET")):
            canary = self.canaries[number]
            self.project.write("tidemark.yaml", "connections:\n"
                               f"  a: {{postgres: \"{text.replace('SECRET', canary.core)}\"}}\n"
                               f"  b: {{postgres: host=a, password: {canary.core}}}\n"
                               f"  c: {{postgres: host=a, password: \"{canary.core}${{env:NONE}}\"}}\n"
                               f"  d: {{mysql: \"{text.replace('SECRET', canary.core)}\"}}\n")
            for arguments in (["validate"], ["validate", "--json"], ["plan", "j0"], ["runs"]):
                self.assertEqual(2, self.ask(*arguments).code)
        for name, data in self.outputs:
            self.check_nothing_is_in(name, data)

    def test_a_service_and_what_is_seen_of_it(self):
        self.jobs()
        for number in (0, 2, 3, 11, 41):
            with (self.project.dir / f"jobs/j{number}.yaml").open("a") as file:
                file.write("every: 1s\n")
        log = self.project.dir / "serve.log"
        served = self.project.start("serve", "--json", env=self.env, stderr=self.enterContext(log.open("wb")))
        self.addCleanup(served.wait)
        self.addCleanup(served.kill)
        deadline = time.monotonic() + SERVED_SECONDS
        while len(call("runs", "--json", cwd=self.project.dir, env=self.env).json) < 3:
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(served.poll())
            time.sleep(0.3)
        for command in (["status", "--json"], ["connection", "show", "c0", "c11", "c41"], ["runs", "--json"]):
            self.ask(*command)
        proc = pathlib.Path(f"/proc/{served.pid}")
        seen = [proc / "cmdline", *(path / "comm" for path in (proc / "task").iterdir())]
        for child in (proc / "task" / str(served.pid) / "children").read_text().split():
            seen += [pathlib.Path(f"/proc/{child}/cmdline"), pathlib.Path(f"/proc/{child}/environ")]
        for path in seen:
            with contextlib.suppress(FileNotFoundError):
                self.check_nothing_is_in(path, path.read_bytes())
        limits = (proc / "limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        served.send_signal(signal.SIGTERM)
        out, _ = served.communicate(timeout=SERVED_SECONDS)
        self.outputs.append(("serve", out))
        for component in (b"duckdb", b"http", b"postgres", b"sqlite"):
            self.assertIn(b" trace " + component + b"  ", log.read_bytes(), "the log is told whole")
        self.assertIn(b"j41", out)
        self.check()


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main()
