#!/usr/bin/env python3
"""Servers that repeat the secret they were given, in every word they have: it is in nothing that Tidemark says or keeps.

Databases, a cache, a mail server, a Vault and webhooks, each in the middle of logging in and after it. The program is
$TIDEMARK_BINARY, default build/dev/tidemark.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from canary_test import Canary
from support.api_client import ServedApi
from support.echo_servers import EchoHttp, EchoMail, EchoMysql, EchoPostgres, EchoRedis
from support.project import listing
from support.other_address import ADDRESS
from support.served import READ

JOB = "from: {{connection: {}, table: orders}}\nto: {{connection: warehouse, table: {}, load: full}}\n{}"
# What a web server may do to who posts to it.
ANSWERS = (200, 302, 307, 400, 401, 403, 404, 429, 500, 503, "line", "header", "fields")


def certificate(folder):
    """For localhost, by itself; its PEM file with its key."""
    pem = folder / "localhost.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "k.pem",
                    "-out", folder / "c.pem"], check=True, capture_output=True)
    pem.write_bytes((folder / "c.pem").read_bytes() + (folder / "k.pem").read_bytes())
    return pem


class EchoTest(ServedApi):
    """`canaries` by name; `outputs`: all that was said, by what said it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-echo-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)

    def setUp(self):
        super().setUp()
        self.canaries, self.outputs, self.env = {}, [], {}

    def canary(self, name, plain=False):
        """A reference to a new secret, which stands in a variable. `plain`: of letters and digits alone."""
        self.canaries[name] = Canary(len(self.canaries))
        if plain:
            self.canaries[name].value = self.canaries[name].core
        self.env[name.upper()] = self.canaries[name].value
        return "${env:" + name.upper() + "}"

    def call(self, *arguments):
        done = self.project.call(*arguments, env=self.env)
        self.outputs.append((" ".join(arguments), done.out + done.err))
        return done

    def request(self, method, path, body=None):
        answer = self.ask(method, path, "admin", body)
        self.outputs.append((f"{method} {path}", answer.body.decode() + str(answer.headers)))
        return answer

    def serve(self, *options):
        start, self.project.start = self.project.start, lambda *arguments, **more: start(
            *arguments, env=self.env, **more)
        try:
            super().serve(*options)
        finally:
            self.project.start = start

    def stop(self, *how):
        super().stop(*how)
        self.outputs.append(("serve", "".join(getattr(self, "lines", []))))

    def assert_nothing_is_told(self):
        for name, text in self.outputs:
            for secret, canary in self.canaries.items():
                self.assertFalse(canary.found_in(text.encode()), f"the secret {secret} is in {name}:\n{text}")
        for path in listing(self.project.dir):
            path = self.project.dir / path
            for secret, canary in self.canaries.items():
                self.assertFalse(path.is_file() and canary.found_in(path.read_bytes()), f"the secret {secret} is in {path}")

    def assert_heard(self, **servers):
        """The servers had something to repeat."""
        for name, server in servers.items():
            self.assertTrue(any(self.canaries[name].value.encode() in heard for heard in server.heard),
                            f"{name} heard {server.heard}")

    def words(self, name):
        return "".join(text for said, text in self.outputs if said == name)


class Databases(EchoTest):
    def test_a_database_refuses_the_login_or_each_statement(self):
        with EchoPostgres() as pg, EchoPostgres(lets_in=True) as pg_in, EchoMysql(self.folder) as my, \
                EchoMysql(self.folder, lets_in=True) as my_in, EchoMysql(self.folder, "mysql_clear_password") as plain:
            servers = {"pg": pg, "pg_in": pg_in, "my": my, "my_in": my_in, "plain": plain}
            lines = ["connections:", "  landing: {files: data}", "  warehouse: {duckdb: warehouse.duckdb}"]
            for name, server in servers.items():
                kind = "postgres" if name.startswith("pg") else "mysql"
                lines.append(f"  {name}: {{{kind}: host=127.0.0.1 port={server.port} dbname=shop user=etl, "
                             f"password: \"{self.canary(name)}\"}}")
                self.project.job(f"from_{name}", JOB.format(name, f"from_{name}", "every: 2s\n"))
                self.project.write("data/rows-1.csv", "id\n1\n")
                self.project.job(f"to_{name}", READ.replace("table: NAME", f"table: to_{name}")
                                 .replace("NAME", "rows").replace("connection: warehouse", f"connection: {name}")
                                 .replace("append", "full"))
            self.project.write("tidemark.yaml", "\n".join(lines) + "\n")
            self.call("validate")
            self.call("doctor")
            for name in servers:
                self.assertNotEqual(0, self.call("run", f"from_{name}", "--json").code)
                self.assertNotEqual(0, self.call("run", f"to_{name}", "--json").code)
                for command in (["plan", f"from_{name}"], ["plan", f"to_{name}"], ["connection", "test", name],
                                ["connection", "show", name], ["query", name, "select 1"], ["verify", f"from_{name}"]):
                    self.call(*command)
                self.call("connection", "test", name, "--json")
            self.assert_heard(**servers)
            # The words came, and without the secret.
            for name in servers:
                self.assertIn("no login by etl://me:[secret]@host", self.words(f"connection test {name}"), name)
            for run in self.call("runs", "--json", "--limit", "100").json:
                self.call("show", run["run_id"], "--json")
            self.serve()
            deadline = time.monotonic() + 60
            while len(self.get("/v1/runs", status="failed", limit=100)["runs"]) < 20:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.3)
            for path in ("/v1/runs", "/v1/status", "/v1/doctor", "/v1/alerts", "/v1/audit", "/v1/connections",
                         "/v1/jobs"):
                self.request("GET", path)
            for name in servers:
                operation = self.request("POST", f"/v1/connections/{name}/test")
                self.outputs.append(("operation", str(self.ended(operation.json["operation"])) if operation.status == 202
                                     else ""))
                self.request("POST", f"/v1/connections/{name}/query", {"sql": "select 1"})
                run = self.get("/v1/runs", job=f"from_{name}")["runs"][0]["run_id"]
                self.request("GET", f"/v1/runs/{run}")
                self.outputs.append((f"events of {run}", str(self.events(run))))
            self.outputs.append(("metrics", self.ask("GET", "/metrics", "admin").body.decode()))
            self.stop()
        self.assert_nothing_is_told()


    def test_a_mysql_that_asks_for_a_file_gets_none(self):
        file = self.project.write("data/private.txt", "private words")
        with EchoMysql(self.folder, wanted_file=str(file)) as server:
            self.project.write("tidemark.yaml", f"connections:\n  shop: {{mysql: host=127.0.0.1 port={server.port} "
                               f"dbname=shop user=etl, password: \"{self.canary('shop')}\"}}\n")
            self.assertNotEqual(0, self.call("connection", "test", "shop").code)
            self.assert_heard(shop=server)
            self.assertEqual({b""}, set(server.given))


    @unittest.skipUnless(ADDRESS, "this machine has no address but loopback ones")
    def test_a_mysql_elsewhere_that_asks_for_the_password_as_it_is_gets_none(self):
        with EchoMysql(self.folder, "mysql_clear_password", address=ADDRESS) as server:
            for mode, words in (("", "the server offers no TLS"), ("sslmode=prefer", "asks for the password as it is"),
                                ("sslmode=disable", "asks for the password as it is")):
                self.project.write("tidemark.yaml", f"connections:\n  shop: {{mysql: host={ADDRESS} port={server.port} "
                                   f"dbname=shop user=etl {mode}, password: \"{self.canary('shop')}\"}}\n")
                self.assertNotEqual(0, self.call("connection", "test", "shop").code)
                self.assertIn(words, self.outputs[-1][1])
            self.assertEqual([], server.heard)


class Caches(EchoTest):
    def test_a_cache_refuses_the_login_or_each_command(self):
        for lets_in in (False, True):
            with self.subTest(lets_in=lets_in), EchoRedis(lets_in) as redis:
                self.project.write("tidemark.yaml", "connections:\n  landing: {files: data}\n"
                                   "  warehouse: {duckdb: warehouse.duckdb}\n"
                                   f"cache: {{redis: \"redis://etl@127.0.0.1:{redis.port}/0\", "
                                   f"password: \"{self.canary('redis')}\"}}\n")
                self.job("orders", "every: 1s\n")
                self.call("run", "orders")
                for command in (["status"], ["status", "--json"], ["runs"], ["doctor"]):
                    self.call(*command)
                self.serve()
                self.request("GET", "/v1/status")
                self.request("GET", "/v1/runs")
                time.sleep(2)
                self.stop()
                self.assert_heard(redis=redis)
                self.assertRegex("".join(text for _, text in self.outputs), "no login by etl")
                self.assert_nothing_is_told()
                self.outputs.clear()


class Vaults(EchoTest):
    def test_a_vault_says_its_token_again(self):
        def token(handler, _):
            return handler.headers["X-Vault-Token"].encode()

        for answer in ANSWERS:
            with self.subTest(answer=answer), EchoHttp(token, [answer]) as vault:
                self.project.write("tidemark.yaml", f"secrets: {{vault: {{address: \"{vault.url('')}\", token: "
                                   f"\"{self.canary('token', plain=True)}\"}}}}\nconnections:\n  warehouse: {{duckdb: warehouse.duckdb}}\n"
                                   "  shop: {postgres: host=127.0.0.1 port=1 dbname=shop user=etl, "
                                   "password: \"${vault:kv/shop#password}\"}\n")
                self.project.job("orders", JOB.format("shop", "orders", ""))
                done = self.call("run", "orders")
                self.assertNotEqual(0, done.code)
                self.assertIn("of Vault", done.err)
                self.call("connection", "test", "shop")
                self.call("runs", "--json")
                self.assert_heard(token=vault)
                self.assert_nothing_is_told()


class Channels(EchoTest):
    def settings(self, *channels):
        self.project.write("tidemark.yaml", "connections:\n  landing: {files: data}\n  warehouse: {duckdb: warehouse.duckdb}\n"
                           "alerts:\n  group_wait: 1s\n  channels:\n" + "".join(f"    {line}\n" for line in channels))

    def tell(self):
        """A job that fails under a service, whose alert the channels refuse."""
        for command in (["alert", "test"], ["alert", "test", "--json"]):
            self.call(*command)
        self.project.write("data/bad-1.csv", "id\n1\n")
        self.project.job("bad", READ.replace("NAME", "bad").replace("\nto:", "\nrules: {small: nothing < 10}\nto:")
                         + "every: 1s\n")
        self.serve()
        deadline = time.monotonic() + 60
        while not any("do not reach the channel" in line for line in self.lines):
            self.assertLess(time.monotonic(), deadline, self.lines)
            time.sleep(0.2)
        self.request("GET", "/v1/alerts")
        self.request("GET", "/v1/status")
        self.request("POST", "/v1/alerts/test", {})
        for command in (["alert", "list"], ["alert", "list", "--json"], ["status", "--json"], ["audit", "--json"]):
            self.call(*command)
        self.stop()

    def test_mail_servers(self):
        pem = certificate(self.project.dir)
        self.env["SSL_CERT_FILE"] = str(pem)
        with EchoMail(pem) as out, EchoMail(pem, lets_in=True) as within:
            servers = {"out": out, "within": within}
            self.settings(*(f"{name}: {{email: {{server: \"localhost:{server.port}\", tls: tls, user: etl, password: "
                            f"\"{self.canary(name)}\", from: a@shop.example, to: b@shop.example}}, networks: [127.0.0.1, "
                            "\"::1\"], deadline: 10s}" for name, server in servers.items()))
            self.tell()
            self.assert_heard(**servers)
        self.assert_nothing_is_told()

    def test_webhooks(self):
        def path(handler, _):
            return re.sub(r".*/(?=.)", "", handler.path).encode()

        def routing_key(_, body):
            return body[body.index(b'"routing_key":"') + 15:body.index(b'"', body.index(b'"routing_key":"') + 15)]

        def signature(handler, _):
            return handler.headers["webhook-signature"].encode()

        for answer in ANSWERS[1:]:
            with self.subTest(answer=answer), EchoHttp(path, [answer]) as slack, EchoHttp(routing_key, [answer]) as pager, \
                    EchoHttp(signature, [answer]) as own:
                self.canaries = {}
                for name in ("slack", "pager", "own"):
                    self.canary(name, plain=True)
                self.env["SLACK"] = slack.url("/T0/B0/" + self.canaries["slack"].core)
                self.settings("chat: {slack: \"${env:SLACK}\", networks: 127.0.0.1}",
                              f"page: {{pagerduty: \"${{env:PAGER}}\", url: \"{pager.url('/v2/enqueue')}\", "
                              "networks: 127.0.0.1}",
                              f"hook: {{webhook: \"{own.url('/x')}\", key: \"${{env:OWN}}\", networks: 127.0.0.1}}")
                if answer in (302, 500, "line"):
                    self.tell()
                else:
                    self.call("alert", "test", "--json")
                self.assertTrue(all(server.heard for server in (slack, pager, own)))
                self.assertIn(self.canaries["slack"].core.encode(), slack.heard)
                self.assert_nothing_is_told()
                shutil.rmtree(self.project.dir / ".tidemark", ignore_errors=True)
                self.tokens.clear()


del EchoTest

if __name__ == "__main__":
    unittest.main()
