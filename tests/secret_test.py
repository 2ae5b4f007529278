#!/usr/bin/env python3
"""Secrets that the store or Vault keeps: set, used by runs, exchanged key, store and key moved elsewhere.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import os
import pty
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest

from support.project import BINARY, Project, program_environment
from support.sealed_secrets import SealedSecrets, keys_of
from support.temporary_postgres import TemporaryPostgres
from support.vault_server import VaultServer

PASSWORD = "p@ss:w/rd?&%41 canary'\""


def wait_until(what, seconds=120):
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come to that")
        time.sleep(0.3)


class StoredAndKept(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())
        cls.server.sql(f"create role etl login superuser password $pw${PASSWORD}$pw$; create database shop")
        cls.server.sql("create table orders (id int primary key); insert into orders values (1), (2)", "shop")

    def setUp(self):
        self.project = self.enterContext(Project(
            "connections:\n  warehouse: {duckdb: warehouse.duckdb}\n"
            f"  shop: {{postgres: host=127.0.0.1 port={self.server.port} dbname=shop user=etl, "
            "password: \"${secret:shop}\"}\n"))
        self.project.job("orders", "from: {connection: shop, table: orders}\nto: {connection: warehouse, table: orders}\n")

    def give(self, value, *arguments, env=None):
        done = subprocess.run([str(BINARY), *arguments], input=value.encode(), cwd=self.project.dir, capture_output=True,
                              env={**program_environment(), **(env or {})}, timeout=120, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def good(self, *arguments):
        done = self.project.call(*arguments)
        self.assertEqual(done.code, 0, f"{arguments}: {done.err}")
        return done


class Stored(StoredAndKept):
    def test_a_run_uses_a_secret_and_nothing_shows_it(self):
        self.good("validate")
        done = self.project.call("run", "orders")
        self.assertEqual(2, done.code, done.err)
        self.assertIn("there is no secret `shop`", done.err)
        code, out, err = self.give(PASSWORD + "\n", "secret", "set", "shop")
        self.assertEqual((0, ""), (code, err))
        self.good("run", "orders")
        shown = out + self.good("secret", "list").out + self.good("secret", "list", "--json").out
        shown += self.good("audit").out + self.good("connection", "show").out
        self.assertNotIn("canary", shown)
        for path in self.project.dir.rglob("*"):
            self.assertFalse(path.is_file() and b"canary" in path.read_bytes(), path)
        key = self.project.dir / ".tidemark/secret.key"
        self.assertEqual(0o600, key.stat().st_mode & 0o777)
        key.chmod(0o644)
        done = self.project.call("run", "orders")
        self.assertEqual(2, done.code)
        self.assertIn("chmod 600", done.err)

    def test_store_and_key_open_elsewhere(self):
        self.give(PASSWORD, "secret", "set", "shop")
        with Project(folder=self.project.dir / "elsewhere", yaml="") as there:
            for name in ("tidemark.yaml", "jobs/orders.yaml"):
                there.write(name, (self.project.dir / name).read_bytes())
            (there.dir / ".tidemark").mkdir()
            for path in (self.project.dir / ".tidemark").glob("store.db*"):
                shutil.copy(path, there.dir / ".tidemark")
            done = there.call("run", "orders")
            self.assertEqual(2, done.code)
            self.assertIn("there is no key in", done.err)
            shutil.copy(self.project.dir / ".tidemark/secret.key", there.dir / ".tidemark")
            self.assertEqual(0, there.call("run", "orders").code)

    def test_a_value_is_asked_for_on_a_terminal_and_not_shown(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([str(BINARY), "secret", "set", "shop"], cwd=self.project.dir, stdin=theirs,
                                   stdout=subprocess.PIPE, stderr=theirs, env=program_environment())
        os.close(theirs)
        shown, written = "", False
        while select.select([ours], [], [], 60)[0]:
            try:
                shown += os.read(ours, 4096).decode()
            except OSError:  # the program closed it
                break
            if "not shown" in shown and not written:
                written = os.write(ours, PASSWORD.encode() + b"\n")
        out, _ = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, shown)
        self.assertNotIn("canary", shown + out.decode())
        self.good("run", "orders")

    def test_another_value_and_none(self):
        self.give("not it", "secret", "set", "shop")
        self.assertNotEqual(0, self.project.call("run", "orders").code)
        self.give(PASSWORD, "secret", "set", "shop")
        self.good("run", "orders")
        self.assertEqual([2], [secret["version"] for secret in self.good("secret", "list", "--json").json])
        self.good("secret", "remove", "shop")
        self.assertEqual([], self.good("secret", "list", "--json").json)
        self.assertEqual(2, self.project.call("secret", "remove", "shop").code)
        deeds = [(deed["what"], deed["on"]) for deed in self.good("audit", "--json").json if deed["what"].startswith("secret")]
        self.assertEqual([("secret.remove", "shop"), ("secret.set", "shop"), ("secret.set", "shop")], deeds)
        for value, arguments in (("", ("shop",)), ("x" * 65537, ("shop",)), ("x", ("a b",))):
            self.assertEqual(2, self.give(value, "secret", "set", *arguments)[0])
        self.assertNotEqual(0, self.give("", "secret", "set", "shop", "value")[0], "a value is never an argument")

    def test_a_key_in_the_environment(self):
        keys = [secrets.token_hex(32), secrets.token_hex(32)]
        path = self.project.dir / "tidemark.yaml"
        path.write_text("secrets: {key_env: PROJECT_KEY}\n" + path.read_text())
        one, both, other = ({"PROJECT_KEY": text} for text in (keys[0], f"{keys[1]} {keys[0]}", keys[1]))
        self.assertEqual(0, self.give(PASSWORD, "secret", "set", "shop", env=one)[0])
        self.assertFalse((self.project.dir / ".tidemark/secret.key").exists())
        self.assertEqual(0, self.project.call("run", "orders", env=one).code)
        self.assertEqual(2, self.project.call("secret", "rotate", env=one).code, "a variable cannot be changed")
        self.assertEqual(0, self.project.call("run", "orders", env=both).code)
        rotated = self.project.call("secret", "rotate", "--json", env=both)
        self.assertEqual((0, False, 1), (rotated.code, rotated.json["is_new"], rotated.json["sealed"]))
        self.assertEqual(0, self.project.call("run", "orders", env=other).code)
        done = self.project.call("run", "orders", env=one)
        self.assertEqual(2, done.code)
        self.assertIn("is sealed with key", done.err)

    def test_what_cannot_be(self):
        for text, words in (("${secret:a b}", "cannot be the name of a secret"), ("${secret:}", "is no reference")):
            self.project.write("tidemark.yaml", f"connections:\n  a: {{postgres: host=h, password: \"{text}\"}}\n")
            done = self.project.call("validate")
            self.assertEqual(2, done.code)
            self.assertIn("tidemark.yaml:2:", done.out)
            self.assertIn(words, done.out)
        self.project.write("tidemark.yaml", "store: {postgres: host=h, password: \"${secret:a}\"}\nconnections: {}\n")
        self.assertIn("cannot stand in the store", self.project.call("validate").out)
        self.project.write("tidemark.yaml", "connections: {a: {postgres: \"host=${secret:a}\"}}\n")
        self.assertIn("only where a secret is taken", self.project.call("validate").out)

    def test_doctor_tells_of_files_that_others_may_read(self):
        self.project.write("pin", PASSWORD).chmod(0o600)
        self.project.write("tidemark.yaml", "connections:\n"
                           f"  shop: {{postgres: host=127.0.0.1 port={self.server.port} dbname=shop user=etl, "
                           "password: \"${file:pin}\"}\n  warehouse: {duckdb: warehouse.duckdb}\n")
        for mode, kinds in ((0o600, []), (0o444, ["warning"])):
            (self.project.dir / "pin").chmod(mode)
            found = self.good("doctor", "--json").json["findings"]
            self.assertEqual(kinds, [one["kind"] for one in found if one["what"].endswith("pin")])
        self.good("run", "orders")
        (self.project.dir / "pin").chmod(0o620)
        done = self.project.call("validate")
        self.assertEqual(2, done.code)
        self.assertIn("chmod go-w", done.out)


class Vault(StoredAndKept):
    def setUp(self):
        super().setUp()
        self.vault = self.enterContext(VaultServer("s.token-canary"))
        self.vault.secrets["sales/shop"] = {"password": PASSWORD, "user": "etl"}
        self.project.write("token", "s.token-canary\n").chmod(0o600)
        self.connect("kv/sales/shop#password")

    def connect(self, reference):
        self.project.write("tidemark.yaml", f"secrets: {{vault: {{address: \"{self.vault.address}\", "
                           "token: \"${file:token}\"}}\nconnections:\n  warehouse: {duckdb: warehouse.duckdb}\n"
                           f"  shop: {{postgres: host=127.0.0.1 port={self.server.port} dbname=shop user=etl, "
                           f"password: \"${{vault:{reference}}}\"}}\n")

    def refused(self, words):
        done = self.project.call("run", "orders")
        self.assertNotEqual(0, done.code)
        self.assertIn(words, done.err)
        self.assertNotIn("canary", done.out + done.err)

    def test_a_run_reads_it_anew(self):
        self.good("validate")
        self.assertEqual([], self.vault.asked, "validate asks nobody")
        self.good("run", "orders")
        self.assertIn(("/v1/kv/data/sales/shop", "s.token-canary"), self.vault.asked)
        self.server.sql("alter role etl password 'another'")
        self.addCleanup(self.server.sql, f"alter role etl password $pw${PASSWORD}$pw$")
        self.refused("password authentication failed")
        self.vault.secrets["sales/shop"]["password"] = "another"
        self.good("run", "orders")
        self.vault.token = "s.next-canary"
        self.refused("may not read it")
        self.project.write("token", "s.next-canary")
        self.good("run", "orders")

    def test_the_stores_password_may_be_there_too(self):
        self.server.sql("create database kept")
        self.project.write("tidemark.yaml", f"secrets: {{vault: {{address: \"{self.vault.address}\", "
                           "token: \"${file:token}\"}}\n"
                           f"store: {{postgres: host=127.0.0.1 port={self.server.port} dbname=kept user=etl, "
                           "password: \"${vault:kv/sales/shop#password}\"}\n"
                           "connections:\n  warehouse: {duckdb: warehouse.duckdb}\n"
                           f"  shop: {{postgres: host=127.0.0.1 port={self.server.port} dbname=shop user=etl, "
                           "password: \"${secret:shop}\"}\n")
        code, _, err = self.give(PASSWORD, "secret", "set", "shop")
        self.assertEqual(0, code, err)
        self.good("run", "orders")

    def test_what_is_the_matter_is_told(self):
        self.vault.sealed = True
        self.refused("Vault is sealed")
        self.vault.sealed = False
        self.connect("kv/sales/shop#pin")
        self.refused("it has: password, user")
        self.connect("kv/sales/nothing#pin")
        self.refused("there is no such secret")
        self.vault.__exit__()
        self.refused("`kv/sales/nothing` of Vault")
        self.vault = self.enterContext(VaultServer("t"))  # which is closed at the end

    def test_the_password_of_a_store_may_stand_there(self):
        self.server.sql("drop schema if exists etl cascade", "shop")
        path = self.project.dir / "tidemark.yaml"
        path.write_text(f"store: {{postgres: host=127.0.0.1 port={self.server.port} dbname=shop user=etl, schema: etl, "
                        "password: \"${vault:kv/sales/shop#password}\"}\n" + path.read_text())
        self.good("run", "orders")
        self.assertEqual(1, len(self.good("runs", "--json").json))


class Rotation(StoredAndKept):
    """Another key for all secrets, while a service uses one of them each second."""

    def runs(self):
        return self.good("runs", "orders", "--limit", "1000", "--json").json

    def logins(self):
        return int(self.server.sql("select sessions from pg_stat_database where datname = 'mart'").strip())

    def test_no_run_fails(self):
        count = int(os.environ.get("TIDEMARK_SECRETS", "300"))
        self.give(PASSWORD, "secret", "set", "shop")
        file = self.project.dir / ".tidemark/secret.key"
        sealed = SealedSecrets(self.project.dir / ".tidemark/store.db")
        values = {f"s{number}": f"value {number} canary" for number in range(count - 1)}
        sealed.add(values, keys_of(file)[0])
        # Sessions with a source may be kept for the next run; a target is logged in to by each.
        self.server.sql("create database mart")
        path = self.project.dir / "tidemark.yaml"
        path.write_text(path.read_text() + f"  mart: {{postgres: host=127.0.0.1 port={self.server.port} dbname=mart "
                        "user=etl, password: \"${secret:shop}\"}\n")
        self.project.job("orders", "from: {connection: shop, table: orders}\n"
                         "to: {connection: mart, table: orders, load: full}\nevery: 1s\n")
        served = self.project.start("serve")
        self.addCleanup(served.wait)
        self.addCleanup(served.kill)
        wait_until(lambda: len(self.runs()) >= 2)
        before, took = self.runs(), []
        for _ in range(3):
            seen, began = len(self.runs()), time.monotonic()
            rotated = self.good("secret", "rotate", "--json").json
            took.append(round(time.monotonic() - began, 1))
            self.assertEqual((True, count), (rotated["is_new"], rotated["sealed"]))
            wait_until(lambda: len(self.runs()) > seen)
        served.send_signal(signal.SIGTERM)
        out, err = served.communicate(timeout=120)
        self.assertNotIn(b"canary", out + err)
        after = self.runs()
        self.assertEqual([], [run for run in after if run["status"] not in ("success", "skipped")])
        self.assertGreater(self.logins(), len(after), "each run asked for the password")
        print(f"{count} secrets, a new key in {took} s; {len(after) - len(before)} runs meanwhile, 0 failed", file=sys.stderr)
        keys = keys_of(file)
        self.assertEqual(2, len(keys))
        self.assertEqual({**values, "shop": PASSWORD}, sealed.read(keys[0]))
        file.write_text(keys[0].hex() + "\n")
        self.good("run", "orders")


if __name__ == "__main__":
    unittest.main()
