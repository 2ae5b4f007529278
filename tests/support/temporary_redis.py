"""A Redis that lives as long as one `with`: empty, in a folder of its own, on a free port, stopped by its pid."""

import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from support.ended import how_it_ended

START_SECONDS = 30


class ServerError(Exception):
    """The server did not do what was asked."""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class TemporaryRedis:
    def __init__(self, *settings):
        self.settings = settings  # options of redis-server
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-redis-"))
        self.port = free_port()
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """For the first time, or again after kill(): it keeps nothing."""
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder,
                 *self.settings], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServerError("redis-server did not start" + how_it_ended(self.process, self.folder / "log"))
            time.sleep(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def stand_still(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def address(self, database=0):
        return f"redis://127.0.0.1:{self.port}/{database}"

    def ask(self, *words, password=None):
        """One command; what `redis-cli` prints of its answer, without the last line break."""
        warn = ["--no-auth-warning", "-a", password] if password else []
        done = subprocess.run(["redis-cli", "-p", str(self.port), *warn, *words], capture_output=True, text=True,
                              timeout=30, check=False)
        if done.returncode != 0:
            raise ServerError(f"redis-cli: {done.stderr.strip()}" + how_it_ended(self.process, self.folder / "log"))
        return done.stdout.rstrip("\n")

    def keys(self):
        return self.ask("KEYS", "*").split()
