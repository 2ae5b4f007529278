#!/usr/bin/env python3
"""TLS with databases on another machine: asked for unless somebody says otherwise.

The servers here are reached by this machine's other address, which is no loopback one. The program is
$TIDEMARK_BINARY, default build/dev/tidemark.
"""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

from support.other_address import ADDRESS
from support.project import Project
from support.temporary_mariadb import TemporaryMariadb
from support.temporary_postgres import TemporaryPostgres

PASSWORD = "a-password-of-etl"


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Certificates:
    """An authority; a server's certificate by it for `address`, and one of the client `etl`."""

    def __init__(self, folder, address):
        self.folder = folder
        self.ca = folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=authority", "-keyout", folder / "ca.key", "-out", self.ca)
        self.sign("server", f"subjectAltName=IP:{address}")
        self.sign("etl", "subjectAltName=DNS:etl")
        for path in folder.iterdir():
            path.chmod(0o644)

    def sign(self, name, extension):
        request, config = self.folder / f"{name}.csr", self.folder / f"{name}.cnf"
        config.write_text(extension + "\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", self.folder / f"{name}.key", "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", config, "-out", self.folder / f"{name}.pem")


@unittest.skipUnless(ADDRESS, "this machine has no address but loopback ones")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-tls-"))
        cls.addClassCleanup(shutil.rmtree, folder, True)
        folder.chmod(0o755)
        cls.certificates = Certificates(folder, ADDRESS)
        cls.folder = folder

    def setUp(self):
        self.project = self.enterContext(Project())
        self.project.job("orders", "from: {connection: shop, table: orders}\n"
                         "to: {connection: warehouse, table: orders}\n")
        self.project.write("password", PASSWORD).chmod(0o600)

    def shop(self, text):
        self.project.write("tidemark.yaml", "connections:\n  warehouse: {duckdb: warehouse.duckdb}\n"
                           f"  shop: {{{self.system}: \"{text}\", password: \"${{file:password}}\"}}\n")

    def runs(self, text):
        self.shop(text)
        done = self.project.call("run", "orders", "--full")
        self.assertEqual(0, done.code, done.err)

    def refused(self, words, text, code=1):
        self.shop(text)
        done = self.project.call("run", "orders", "--full")
        self.assertEqual(code, done.code, done.err)
        self.assertIn(words, done.err)

    def warning(self, text):
        """What `doctor` warns of the connection."""
        self.shop(text)
        done = self.project.call("connection", "test", "shop", "--json")
        self.assertEqual(0, done.code, done.out)
        found = [one for one in done.json["findings"] if one["what"] == "connection shop"]
        self.assertEqual("good", found[0]["kind"])
        return " ".join(one["found"] + one["remedy"] for one in found[1:])


class PostgresTls(Tls):
    system = "postgres"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.enterClassContext(TemporaryPostgres((f"listen_addresses=127.0.0.1,{ADDRESS}",)))
        cls.server.sql(f"create role etl login superuser password '{PASSWORD}'; create database shop")
        cls.server.sql("create table orders (id int primary key); insert into orders values (1), (2)", "shop")
        for name in ("server.pem", "server.key", "ca.pem"):
            copy = cls.server.folder / name
            copy.write_bytes((cls.folder / name).read_bytes())
            if cls.server.as_user:
                shutil.chown(copy, "postgres")
            copy.chmod(0o600)
        cls.hba = cls.server.data / "pg_hba.conf"
        cls.access = cls.hba.read_text()

    def serve(self, tls, wants_certificate=False):
        by = "clientcert=verify-full" if wants_certificate else ""
        kind = "hostssl" if wants_certificate else "host"
        self.hba.write_text(self.access + f"{kind} all all {ADDRESS}/32 scram-sha-256 {by}\n")
        folder = self.server.folder
        for name, value in (("ssl_cert_file", folder / "server.pem"), ("ssl_key_file", folder / "server.key"),
                            ("ssl_ca_file", folder / "ca.pem"), ("ssl", "on" if tls else "off")):
            self.server.sql(f"alter system set {name} = '{value}'")
        self.server.stop()
        self.server.start()

    def place(self, more=""):
        return f"host={ADDRESS} port={self.server.port} dbname=shop user=etl {more}"

    def test_a_server_elsewhere_without_tls_is_refused_unless_that_is_said(self):
        self.serve(tls=False)
        self.refused("sslmode=disable", self.place())
        self.refused("sslmode=verify-full", self.place("connect_timeout=5"))
        self.runs(self.place("sslmode=disable"))
        self.runs(self.place("sslmode=prefer"))
        self.runs(self.place().replace(ADDRESS, "127.0.0.1"))
        self.assertIn("none for sure", self.warning(self.place("sslmode=prefer")))
        self.assertEqual("", self.warning(self.place().replace(ADDRESS, "127.0.0.1")))

    def test_a_server_elsewhere_with_tls(self):
        self.serve(tls=True)
        self.runs(self.place())
        asked = self.project.call("query", "shop", "--json",
                                  "select ssl::text as ssl from pg_stat_ssl where pid = pg_backend_pid()")
        self.assertEqual([["true"]], asked.json["rows"])
        self.assertIn("nobody looks whose server", self.warning(self.place()))
        trusting = self.place(f"sslrootcert={self.folder}/ca.pem")
        self.runs(trusting)
        self.assertEqual("", self.warning(trusting))
        # A certificate of somebody else.
        self.refused("sslrootcert", self.place(f"sslrootcert={self.folder}/etl.pem"))

    def test_a_key_is_its_owners_alone(self):
        self.serve(tls=True, wants_certificate=True)
        known = self.place(f"sslrootcert={self.folder}/ca.pem sslcert={self.folder}/etl.pem")
        self.refused("certificate", self.place(f"sslrootcert={self.folder}/ca.pem"))
        self.refused("chmod 600", f"{known} sslkey={self.folder}/etl.key", code=2)
        own = self.project.write("own.key", (self.folder / "etl.key").read_bytes())
        own.chmod(0o600)
        self.runs(f"{known} sslkey={own}")


class MysqlTls(Tls):
    system = "mysql"

    def serve(self, *settings):
        server = self.enterContext(TemporaryMariadb((f"bind-address={ADDRESS}", *settings)))
        server.sql("create database shop; create table shop.orders (id int primary key); insert into shop.orders values "
                   f"(1), (2); create user etl identified by '{PASSWORD}'; grant all on *.* to etl", "mysql")
        self.address = f"host={ADDRESS} port={server.port} dbname=shop user=etl"
        return server

    def test_a_server_elsewhere_without_tls_is_refused_unless_that_is_said(self):
        self.serve("skip-ssl")
        self.refused("no TLS", self.address)
        self.runs(self.address + " sslmode=disable")
        self.assertIn("none for sure", self.warning(self.address + " sslmode=prefer"))

    def test_a_server_elsewhere_with_tls_and_a_key(self):
        folder = self.folder
        server = self.serve(f"ssl-cert={folder}/server.pem", f"ssl-key={folder}/server.key", f"ssl-ca={folder}/ca.pem")
        self.runs(self.address)
        self.assertIn("nobody looks whose server", self.warning(self.address))
        trusting = f"{self.address} sslrootcert={folder}/ca.pem"
        self.runs(trusting)
        self.assertEqual("", self.warning(trusting))
        self.refused("TLS", f"{self.address} sslrootcert={folder}/etl.pem")
        server.sql("alter user etl require x509", "mysql")
        known = f"{trusting} sslcert={folder}/etl.pem"
        self.refused("etl", trusting)
        self.refused("chmod 600", f"{known} sslkey={folder}/etl.key", code=2)
        self.project.write("own.key", (folder / "etl.key").read_bytes()).chmod(0o600)
        self.runs(f"{known} sslkey={self.project.dir}/own.key")


del Tls

if __name__ == "__main__":
    unittest.main()
