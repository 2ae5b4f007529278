"""A project in a folder of its own, and the real program run on it."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from support.duckdb_file import DuckdbError, DuckdbFile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("TIDEMARK_BINARY", ROOT / "build" / "dev" / "tidemark")).resolve()
TIMEOUT_SECONDS = 120

# Connections of every project here; a test that needs others writes its own tidemark.yaml.
PROJECT_YAML = """\
connections:
  landing:   {files: data}
  shop:      {sqlite: shop.db}
  warehouse: {duckdb: warehouse.duckdb}
"""


@dataclasses.dataclass
class Done:
    """How one command ended."""
    code: int
    out: str
    err: str

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as problem:
            raise AssertionError(f"no JSON document on stdout: {self.out!r}; stderr: {self.err!r}") from problem


def program_environment():
    # A leak is found by the unit tests; here it would only hide the exit code that is tested.
    env = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    env["ASAN_OPTIONS"] = "detect_leaks=0:" + env.get("ASAN_OPTIONS", "")
    return env


def start(arguments, cwd=None, prefix=(), env=None, **options):
    """`env`: what the program has beside the usual environment."""
    return subprocess.Popen([*prefix, str(BINARY), *map(str, arguments)], cwd=cwd, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, env={**program_environment(), **(env or {})},
                            **{"stderr": subprocess.PIPE, **options})


def finish(process, timeout=TIMEOUT_SECONDS):
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"still running after {timeout} s; stderr: {err.decode(errors='replace')}") from None
    return Done(process.returncode, out.decode(), err.decode(errors="replace"))


def call(*arguments, cwd=None, prefix=(), timeout=TIMEOUT_SECONDS, **options):
    return finish(start(arguments, cwd, prefix, **options), timeout)


class Project:
    """A temporary folder; `with Project() as project:` removes it at the end."""

    def __init__(self, yaml=PROJECT_YAML, folder=None):
        self._made = folder is None
        self.dir = pathlib.Path(folder or tempfile.mkdtemp(prefix="tidemark-test-"))
        self.write("tidemark.yaml", yaml)
        (self.dir / "data").mkdir(exist_ok=True)
        (self.dir / "jobs").mkdir(exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._made:
            shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, name, content):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def job(self, name, text):
        return self.write(f"jobs/{name}.yaml", text)

    def call(self, *arguments, **options):
        return call(*arguments, cwd=self.dir, **options)

    def start(self, *arguments, **options):
        return start(arguments, self.dir, **options)

    def run(self, *jobs, **options):
        """`run --json`; the outcome and its document."""
        done = self.call("run", *jobs, "--json", **options)
        return done, done.json

    def rows(self, sql):
        """An answer of the warehouse as lists of texts; [] while there is no warehouse or no such table."""
        if not (self.dir / "warehouse.duckdb").exists():
            return []
        with DuckdbFile(self.dir / "warehouse.duckdb") as file:
            try:
                return file.rows(sql)
            except DuckdbError as problem:
                if "does not exist" in str(problem):
                    return []
                raise

    def count(self, table):
        rows = self.rows(f"SELECT count(*) FROM {table}")
        return int(rows[0][0]) if rows else 0

    def ledger(self, job):
        """[seq, watermark] of the job's streams: what has to stand still when nothing was loaded."""
        return self.rows(f"SELECT stream, seq, hi FROM tidemark_ledger WHERE job = '{job}' ORDER BY stream")


def listing(folder):
    """Every path below a folder with what it is, its size, its time and its content."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        # No data: what SQLite shares in memory, which whoever looks into the store touches.
        if path.name.endswith("-shm"):
            continue
        info = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (oct(info.st_mode), info.st_size, info.st_mtime_ns, content)
    return found
