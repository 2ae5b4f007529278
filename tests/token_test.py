#!/usr/bin/env python3
"""Tokens and the audit log by commands: made, listed, revoked, and every change accounted for.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import getpass
import hashlib
import re
import sqlite3
import unittest

from support.served import Served

TOKEN = re.compile(r"tdm_[0-9a-f]{16}_[0-9a-f]{64}")


class Tokens(Served):
    def good(self, *arguments):
        done = self.project.call(*arguments)
        self.assertEqual(done.code, 0, f"{arguments}: {done.err}")
        return done

    def audit(self):
        return [(entry["what"], entry["on"]) for entry in self.good("audit", "--json").json]

    def bytes_of_the_project(self):
        return b"".join(path.read_bytes() for path in self.project.dir.rglob("*") if path.is_file())

    def test_a_token_is_shown_once(self):
        done = self.good("token", "create", "ci", "--role", "operator", "--jobs", "sales_*", "--jobs", "orders")
        self.assertRegex(done.out, rf"\A{TOKEN.pattern}\n\Z")
        self.assertIn("shown this once", done.err)
        text = done.out.strip()
        token, = self.good("token", "list", "--json").json
        self.assertEqual(token["id"], text[4:20])
        self.assertEqual((token["name"], token["role"], token["jobs"], token["state"]),
                         ("ci", "operator", ["sales_*", "orders"], "live"))
        self.assertEqual(token["made_by"], getpass.getuser())
        self.assertIsNone(token["used_at"])
        listed = self.good("token", "list").out
        self.assertIn("sales_*, orders", listed)
        self.assertNotIn(text[21:], listed + self.good("audit").out)
        self.assertNotIn(text[21:].encode(), self.bytes_of_the_project())

    def test_a_document_of_a_new_token(self):
        document = self.good("token", "create", "all", "--expires", "never", "--json").json
        self.assertRegex(document["token"], rf"\A{TOKEN.pattern}\Z")
        self.assertEqual((document["role"], document["jobs"], document["expires_at"]), ("viewer", [], None))
        self.assertNotEqual(document["token"], self.good("token", "create", "all", "--json").json["token"])

    def test_a_token_expires(self):
        document = self.good("token", "create", "short", "--expires", "1ms", "--json").json
        self.assertIsNotNone(document["expires_at"])
        token, = self.good("token", "list", "--json").json
        self.assertEqual(token["state"], "expired")
        usual = self.good("token", "create", "usual", "--json").json
        self.assertEqual(int(usual["expires_at"][:4]) - int(usual["created_at"][:4]) in (0, 1), True)
        self.assertGreater(usual["expires_at"], usual["created_at"])

    def test_a_token_is_revoked(self):
        token = self.good("token", "create", "ci", "--json").json["id"]
        self.assertIn("is revoked since", self.good("token", "revoke", token).out)
        self.assertEqual(self.good("token", "revoke", token, "--json").json["state"], "revoked")
        self.assertEqual([one["state"] for one in self.good("token", "list", "--json").json], ["revoked"])
        done = self.project.call("token", "revoke", "nobody")
        self.assertEqual(done.code, 2)
        self.assertIn("there is no token `nobody`", done.err)
        self.assertEqual(self.audit(), [("token.revoke", token), ("token.create", f"ci {token}")])

    def test_what_cannot_be_a_token(self):
        for arguments in (["two words"], ["ci", "--role", "god"], ["ci", "--jobs", "a b"], ["ci", "--expires", "soon"], []):
            with self.subTest(arguments):
                self.assertEqual(self.project.call("token", "create", *arguments).code, 2)
        self.assertEqual(self.good("token", "list").out, "no tokens\n")

    def test_looking_makes_no_store(self):
        self.assertEqual(self.good("token", "list", "--json").json, [])
        self.assertEqual(self.good("audit").out, "nothing yet\n")
        self.assertFalse((self.project.dir / ".tidemark/store.db").exists())

    def test_commands_that_change_something_are_accounted_for(self):
        self.job("a", "")
        self.good("run", "a")
        run = self.good("runs", "--json").json[0]["run_id"]
        self.good("replay", run)
        # What cannot be done was asked for, which is of interest too: this job reads files.
        self.assertEqual(self.project.call("verify", "a", "--repair").code, 2)
        self.good("stage", "clean")
        changed = [("stage.clean", ""), ("verify.repair", "a"), ("replay", run), ("run", "a")]
        self.assertEqual(self.audit(), changed)
        for looks in (["runs"], ["show", run], ["plan", "a"], ["validate"], ["status"],
                      ["stage", "list"], ["stage", "clean", "--dry-run"], ["query", "warehouse", "select 1"]):
            self.good(*looks)
        self.assertEqual(self.audit(), changed)
        entry = self.good("audit", "--json", "--limit", "1").json[0]
        self.assertEqual((entry["name"], entry["status"], entry["token"]), (getpass.getuser(), 0, ""))
        self.assertNotEqual(self.project.call("replay", "no-such-run").code, 0)
        self.assertEqual(self.audit()[0], ("replay", "no-such-run"))

    def test_a_service_does_the_same(self):
        self.job("a", "")
        self.serve()
        self.wait_for(lambda: (self.project.dir / ".tidemark/sock").exists())
        text = self.good("token", "create", "ci", "--role", "admin").out.strip()
        self.assertRegex(text, rf"\A{TOKEN.pattern}\Z")
        self.good("run", "a")
        self.good("token", "revoke", text[4:20])
        self.assertEqual([what for what, _ in self.audit()], ["token.revoke", "run", "token.create", "serve"])

    def test_the_store_has_a_hash_that_another_program_makes_too(self):
        text = self.good("token", "create", "ci").out.strip()
        store = sqlite3.connect(self.project.dir / ".tidemark/store.db")
        self.addCleanup(store.close)
        (kept,), = store.execute("select hash from etl_tokens").fetchall()
        self.assertEqual(kept, hashlib.blake2b(text.encode(), digest_size=32).hexdigest())


if __name__ == "__main__":
    unittest.main()
