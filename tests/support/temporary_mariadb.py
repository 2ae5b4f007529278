"""A MariaDB that lives as long as one `with`: folder, server, databases and all, stopped by its pid.

As root it runs as the user mysql. The superuser root has no password; whoever else a test makes has what it says.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from support.ended import how_it_ended

START_SECONDS = 60
STOP_SECONDS = 30


class ServerError(Exception):
    """The server, or one of its programs, did not do what was asked."""


class TemporaryMariadb:
    def __init__(self, settings=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-my-"))
        self.settings = settings  # as `name=value`
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = None

    def __enter__(self):
        try:
            self._make()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self):
        """As when the process dies; start() starts it again."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def _as_user(self):
        return ["--user=mysql"] if os.geteuid() == 0 else []

    def _data(self):
        return f"--datadir={self.folder}/data"

    def _environment(self):
        # Its temporary files too: nothing that becomes of the machine's own folder for them reaches it.
        return {**os.environ, "TMPDIR": str(self.folder)}

    def _make(self):
        if os.geteuid() == 0:
            shutil.chown(self.folder, "mysql")
        self.folder.chmod(0o755)
        made = subprocess.run(
            ["mariadb-install-db", "--no-defaults", self._data(), "--auth-root-authentication-method=normal",
             "--skip-test-db", "--skip-name-resolve", *self._as_user()], capture_output=True, text=True, check=False,
            env=self._environment())
        if made.returncode != 0:
            raise ServerError(f"mariadb-install-db: {made.stderr.strip() or made.stdout.strip()}")

    def start(self):
        """For the first time, or again after kill(): what was committed is there."""
        program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        with open(self._log(), "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [program, "--no-defaults", self._data(), f"--socket={self.folder}/socket", f"--port={self.port}",
                 "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
                 "--innodb-flush-method=nosync", "--default-time-zone=-05:00", "--max-allowed-packet=64M",
                 *self._as_user(), *(f"--{setting}" for setting in self.settings)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment())
        deadline = time.monotonic() + START_SECONDS
        while self._ask("select 1", "mysql").returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServerError("the server did not start" + how_it_ended(self.process, self._log()))
            time.sleep(0.05)

    def _log(self):
        return self.folder / "server.log"

    def address(self, database, user="root"):
        return f"host=127.0.0.1 port={self.port} dbname={database} user={user}"

    def _ask(self, text, database):
        return subprocess.run(
            ["mariadb", "--no-defaults", "--batch", "--skip-column-names", f"--socket={self.folder}/socket",
             "--user=root", "--default-character-set=utf8mb4", database],
            input="set time_zone = '+00:00'; " + text, capture_output=True, encoding="utf-8", check=False)

    def sql(self, text, database):
        """Statements for their effect, or what they print: tabs between values, a line for each row."""
        done = self._ask(text, database)
        if done.returncode != 0:
            raise ServerError(f"mariadb: {done.stderr.strip()}" + how_it_ended(self.process, self._log()))
        return done.stdout.rstrip("\n")
