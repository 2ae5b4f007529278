#!/usr/bin/env python3
"""Alerts by mail: to an SMTP server with and without TLS and a password, and to ones that refuse."""

import base64
import email
import email.header
import email.policy
import subprocess
import unittest

from support.mail_server import MailServer
from support.project import PROJECT_YAML, Project


TO = "[ops@shop.example, boss@shop.example]"


class MailTest(unittest.TestCase):
    def setUp(self):
        self.project = self.enterContext(Project())
        self.project.write("password", "mail-secret")

    def certificate(self, name):
        """A certificate for that name by itself, which is also what is trusted; its PEM file with its key."""
        pem = self.project.dir / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout",
                        self.project.dir / "key.pem", "-out", self.project.dir / "cert.pem"],
                       check=True, capture_output=True)
        pem.write_bytes((self.project.dir / "cert.pem").read_bytes() + (self.project.dir / "key.pem").read_bytes())
        return pem

    def settings(self, server, more="", host="localhost"):
        self.project.write("tidemark.yaml", PROJECT_YAML + f"""\
alerts:
  channels:
    mail:
      email: {{server: "{host}:{server.port}", from: tidemark@shop.example, to: {TO}{more}}}
      networks: [127.0.0.1, "::1"]
      deadline: 10s
""")

    def send(self, trusted=None):
        env = {"SSL_CERT_FILE": str(trusted)} if trusted else {}
        return self.project.call("alert", "test", "mail", env=env)

    def test_a_mail_without_tls(self):
        with MailServer() as server:
            self.settings(server, ", tls: off")
            done = self.send()
            self.assertEqual((0, "mail: sent\n"), (done.code, done.out), done.err)
        (sender, to, text, secure, user), = server.mails
        self.assertIn("<tidemark@shop.example>", sender)
        self.assertEqual(2, len(to))
        self.assertFalse(secure or user)
        mail = email.message_from_string(text, policy=email.policy.default)
        self.assertEqual("Tidemark <tidemark@shop.example>", str(mail["from"]))
        self.assertEqual("ops@shop.example, boss@shop.example", str(mail["to"]))
        self.assertIn("test", str(mail["subject"]))
        self.assertEqual("auto-generated", mail["auto-submitted"])
        self.assertIn("this is a test", mail.get_content())
        self.assertEqual([], mail.defects)

    def test_tls_and_a_password(self):
        pem = self.certificate("localhost")
        for tls in ("starttls", "tls"):
            with self.subTest(tls), MailServer(tls, pem, "mail-secret") as server:
                self.settings(server, f', tls: {tls}, user: tidemark, password: "${{file:password}}"')
                done = self.send(pem)
                self.assertEqual(0, done.code, done.out + done.err)
                (_, _, _, secure, user), = server.mails
                self.assertTrue(secure)
                self.assertEqual(("tidemark", "mail-secret"), user)

    def test_a_server_that_is_not_trusted_gets_nothing(self):
        pem = self.certificate("localhost")
        other = self.certificate("other.example")
        for tls, trusted in (("starttls", None), ("tls", None), ("tls", other)):
            with self.subTest(tls), MailServer(tls, pem, "mail-secret") as server:
                self.settings(server, f', tls: {tls}, user: tidemark, password: "${{file:password}}"')
                done = self.send(trusted)
                self.assertEqual(1, done.code)
                self.assertIn("TLS", done.out)
                self.assertEqual([], server.mails)

    def test_a_server_without_tls_is_not_spoken_to_where_tls_is_wanted(self):
        with MailServer(password="mail-secret") as server:
            self.settings(server, ', user: tidemark, password: "${file:password}"')
            done = self.send()
            self.assertEqual(1, done.code)
            self.assertEqual([], server.mails)

    def test_a_wrong_password_is_told_and_not_shown(self):
        pem = self.certificate("localhost")
        with MailServer("starttls", pem, "another") as server:
            self.settings(server, ', user: tidemark, password: "${file:password}"')
            done = self.send(pem)
        self.assertEqual(1, done.code)
        self.assertIn("refused the user or the password", done.out)
        for text in ("mail-secret", base64.b64encode(b"mail-secret").decode()):
            self.assertNotIn(text, done.out + done.err)

    def test_a_mail_that_is_not_taken_is_told(self):
        with MailServer(answers=("451 later",)) as server:
            self.settings(server, ", tls: off")
            done = self.send()
        self.assertEqual(1, done.code)
        self.assertIn("451", done.out)

    def test_an_address_within_is_refused(self):
        with MailServer() as server:
            self.settings(server, ", tls: off")
            text = (self.project.dir / "tidemark.yaml").read_text()
            self.project.write("tidemark.yaml", text.replace('      networks: [127.0.0.1, "::1"]\n', ""))
            done = self.send()
            self.assertEqual(1, done.code)
            self.assertIn("loopback", done.out)
            self.assertEqual([], server.mails)

    def test_faults_of_the_settings(self):
        def faults(text):
            self.project.write("tidemark.yaml",
                               PROJECT_YAML + f"alerts: {{channels: {{mail: {{email: {{{text}}}}}}}}}\n")
            return self.project.call("validate").out

        good = 'from: a@shop.example, to: b@shop.example'
        self.assertIn("is no server of mail", faults(f"server: smtp.example, {good}"))
        self.assertIn("is no address of a mail",
                      faults('server: "smtp.example:25", from: a@shop.example, to: ["b@c>\\r\\nDATA"]'))
        self.assertIn("is no address of a mail", faults('server: "smtp.example:25", from: Ops, to: b@shop.example'))
        self.assertIn("read by everybody",
                      faults(f'server: "smtp.example:25", tls: off, user: a, password: "${{file:password}}", {good}'))


if __name__ == "__main__":
    unittest.main()
