"""A PostgreSQL that lives as long as one `with`: folder, server, databases and all."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import time

from support.postgres_server import POSTGRES_BIN, START_SECONDS, PostgresServer, ServerError

# The superuser needs no password over TCP either, so that a project can name it; everyone else does.
ACCESS = """\
local all all trust
local replication postgres trust
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""


class Session:
    def __init__(self, conninfo):
        self.conninfo = conninfo
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(["psql", self.conninfo, "-XAtq"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.run("select 1")
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def run(self, sql):
        """Statements; returns when they have ended."""
        self.process.stdin.write(f"{sql};\n\\echo done\n")
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != "done":
            if self.process.poll() is not None:
                raise ServerError("the session has ended")


class TemporaryPostgres(PostgresServer):
    def __init__(self, settings=()):
        super().__init__(tempfile.mkdtemp(prefix="tidemark-pg-"), settings=("TimeZone=America/New_York", *settings))

    def __enter__(self):
        try:
            self.start()
            (self.data / "pg_hba.conf").write_text(ACCESS)
            self.sql("select pg_reload_conf()")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def flushed(self):
        """Where its log ends now."""
        return self.sql("select pg_current_wal_flush_lsn()")

    def start(self):
        """After a kill the old backends still hold the shared memory for a moment, so a start may need a second try."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return super().start()
            except ServerError:
                if self.process.poll() is None or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def wait(self):
        """Until the server takes sessions again, after one of its processes crashed."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.sql("select 1")
            except ServerError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def conninfo(self, database, user="postgres"):
        return f"host=127.0.0.1 port={self.port} dbname={database} user={user}"

    def session(self, database, name="a test"):
        """A session that stays open for one `with`."""
        return Session(f"{self.conninfo(database)} application_name='{name}'")

    def sql(self, text, database="postgres"):
        """Statements for their effect, or what they print: `|` between values, a line for each row."""
        done = subprocess.run(
            [*self.as_user, POSTGRES_BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-p",
             str(self.port), "-U", "postgres", "-d", database, "-f", "-"],
            input="set client_encoding = 'UTF8'; set timezone = 'UTC';" + text, capture_output=True, encoding="utf-8",
            cwd=pathlib.Path(self.folder), check=False)
        if done.returncode != 0:
            raise ServerError(f"psql: {done.stderr.strip()}" + self.ended())
        return done.stdout.rstrip("\n")

    def json(self, text, database="postgres"):
        """The one value of a query, which is JSON."""
        return json.loads(self.sql(text, database))


class Standby(TemporaryPostgres):
    """A copy of a running server that follows it."""

    def __init__(self, primary):
        super().__init__(primary.settings)
        self.primary = primary

    def __enter__(self):
        try:
            if self.as_user:
                shutil.chown(self.folder, "postgres")
            self.program("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-h", self.primary.folder,
                         "-p", self.primary.port, "-U", "postgres")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def catch_up(self):
        """Until it has what its primary has now."""
        end = self.primary.flushed()
        deadline = time.monotonic() + START_SECONDS
        while self.sql(f"select pg_last_wal_replay_lsn() >= '{end}'") != "t":
            if time.monotonic() > deadline:
                raise ServerError(f"the standby does not come to {end}")
            time.sleep(0.02)
