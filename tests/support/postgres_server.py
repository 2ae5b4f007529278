"""A PostgreSQL 15 of a test's own: in a temporary folder, on a free port of 127.0.0.1, stopped by its pid.

As root it runs as the user postgres, which may not be root. The superuser comes in over the socket without a password;
over TCP every role needs one.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from support.ended import how_it_ended

POSTGRES_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
START_SECONDS = 60
STOP_SECONDS = 30


class ServerError(Exception):
    """The server, or one of its programs, did not do what was asked."""


def is_installed():
    return (POSTGRES_BIN / "postgres").is_file()


class PostgresServer:
    def __init__(self, folder, database="postgres", settings=()):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.database = database
        self.settings = settings  # as `name=value`
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.process = None

    def start(self):
        """Makes the cluster at the first call; later ones start it again on the same port."""
        if not self.data.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.as_user:
                shutil.chown(self.folder, "postgres")
            self.program("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale",
                         "--no-sync")
            (self.data / "pg_hba.conf").write_text(
                "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        settings = ["listen_addresses=127.0.0.1", "fsync=off", *self.settings]
        with open(self.folder / "server.log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*self.as_user, POSTGRES_BIN / "postgres", "-D", self.data, "-p", str(self.port), "-k", self.folder,
                 *(word for setting in settings for word in ("-c", setting))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + START_SECONDS
        while self._call("pg_isready", "-q", "-h", self.folder, "-p", self.port, "-U", "postgres").returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServerError("the server did not start" + self.ended())
            time.sleep(0.05)

    def ended(self):
        return how_it_ended(self.process, self.folder / "server.log")

    def pid(self):
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def stop(self, how=signal.SIGINT):
        """SIGINT is a fast shutdown that closes connections; SIGQUIT a crash."""
        if self.process is None:
            return
        try:
            os.kill(self.pid(), how)
        except (OSError, ValueError, IndexError):
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def _call(self, program, *arguments):
        return subprocess.run([*self.as_user, POSTGRES_BIN / program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, cwd=self.folder, check=False)

    def program(self, program, *arguments):
        done = self._call(program, *arguments)
        if done.returncode != 0:
            raise ServerError(f"{program} failed with exit {done.returncode}: "
                              f"{done.stderr.strip() or done.stdout.strip()}" + (self.ended() if self.process else ""))
        return done.stdout

    def psql(self, *arguments, database=None):
        return self.program("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", self.port, "-U",
                            "postgres", "-d", database or self.database, *arguments)

    def run(self, sql, database=None):
        """The output of one or more statements."""
        return self.psql("-c", sql, database=database)

    def script(self, path, *arguments):
        # The text and not the file: the server's user may not see the repository.
        copy = self.folder / pathlib.Path(path).name
        copy.write_text(pathlib.Path(path).read_text(encoding="utf-8"), encoding="utf-8")
        copy.chmod(0o644)
        self.psql(*arguments, "-f", str(copy))

    def rows(self, sql):
        """Rows of a query whose one column is a JSON array."""
        return [json.loads(line) for line in self.run(sql).splitlines()]

    def count(self, sql):
        return int(self.run(sql))
