"""A small project whose run can be broken anywhere, and what its target must hold in the end.

A World is one shape of job: target, load strategy, one stream or several. It stands right before its second window:
the first one is loaded, the source has changed since; or, with `again`, right before the rows that both windows
refused are tried again by a mended rule. `fresh` gives a copy of it, a Cell, in which one fault is made.
What must come out is computed here, from the source's own history, and never asked of the program.
"""

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from support.duckdb_file import DuckdbFile
from support.project import BINARY, finish, program_environment
from support.run_events import Load, check_store, read_states

# The stage of the first window may go when the second is loaded.
PROJECT = """\
stage: {{path: {stage}, keep: 1s}}
connections:
  shop: {shop}
  goal: {goal}
"""
JOB = """\
from: {{connection: shop, {source}, watermark: changed}}
rules: {{positive: {rule}}}
to: {{connection: goal, table: "{table}", load: {load}}}
"""
RULE, MENDED_RULE = "v >= 0", "v >= -400"  # what the mended one takes of the refused rows, and what it leaves
STREAMS = ("orders", "lines")
STATES = read_states()
RUN_SECONDS = 60
BEHIND_SECONDS = 1.5  # a watermark of PostgreSQL stands a second behind the clock


class Mismatch(AssertionError):
    """A cell that did not come out as it must; says where."""


def first_batch():
    """(id, v, changed) of every row when the first window was read; a negative v is refused."""
    return [(i, -i if i in (7, 13) else i, f"2026-01-01 10:00:{i:02}") for i in range(1, 21)]


def second_batch():
    """The rows that are new or changed in the second window: ids up to 20 have a version before.

    Row 7 was refused in the first window and is good now, row 5 the other way round.
    """
    changed = [(3, 300), (4, 400), (5, -500), (7, 700)]
    new = [(i, -i if i == 25 else i) for i in range(21, 41)]
    return [(i, v, f"2026-01-01 11:00:{at:02}") for at, (i, v) in enumerate(changed + new, 1)]


def expected(load, whole):
    """(good rows, open refused rows) of each stream, as sorted lists of (id, v); `whole`: of every row there is."""
    before, after = first_batch(), second_batch()
    if load == "full":
        last = {row[0]: row[1] for row in before + after}
        good = [(i, v) for i, v in last.items() if v >= 0]
        refused = [(i, v) for i, v in last.items() if v < 0]
    elif load == "append":
        # In a file that anyone may write, the rows of the newest time wait for a newer one.
        seen = [row for row in before + after if whole or row[2] != after[-1][2]]
        good = [(i, v) for i, v, _ in seen if v >= 0]
        refused = [(i, v) for i, v, _ in seen if v < 0]
    else:
        good = list({row[0]: (row[0], row[1]) for row in before + after if row[1] >= 0}.values())
        mended = {i for i, v, _ in after if v >= 0}
        refused = [row[:2] for row in before if row[1] < 0 and row[0] not in mended]
        refused += [row[:2] for row in after if row[1] < 0]
    return sorted(good), sorted(refused)


def expected_again(load, whole):
    """The same after the refused rows were tried again: each that passes is loaded once, where none newer is."""
    good, refused = expected(load, whole)
    passing = [row for row in refused if row[1] >= -400]
    return sorted(good + passing), [row for row in refused if row not in passing]


def environment(fault=None, log=None):
    env = program_environment()
    for name in ("TIDEMARK_FAILPOINT", "TIDEMARK_FAILPOINT_LOG"):
        env.pop(name, None)
    if fault:
        env["TIDEMARK_FAILPOINT"] = fault
        env["TIDEMARK_FAILPOINT_LOG"] = str(log)
    return env


class World:
    """`server` is a running PostgreSQL, needed for a PostgreSQL target and for several streams.

    What another system does in its own way is in methods that a class of it has anew.
    """

    number = 0
    # Of a refused row.
    payload = ("payload::json->>'id'", "payload::json->>'v'")

    def __init__(self, target, load, server=None, many=False, again=False):
        World.number += 1
        self.target, self.load, self.many, self.again, self.server = target, load, many, again, server
        self.name = f"{target} {load}{' many' if many else ''}{' again' if again else ''}"
        self.id = f"world_{World.number}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-crash-"))
        self.numbers = itertools.count(1)  # taken by several threads
        self._make()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def streams(self):
        return STREAMS if self.many else STREAMS[:1]

    # Whether the source says how far it may be read, so that no row waits for a newer one.
    def is_bounded(self):
        return self.many

    def shop(self):
        """(the connection, what is read of it)"""
        if not self.many:
            return "{sqlite: shop.db}", "table: orders"
        tables = ", ".join("public." + stream for stream in STREAMS)
        return '{postgres: "' + self.server.conninfo(f"{self.id}_source") + '"}', f"tables: [{tables}], timezone: UTC"

    def goal(self, database):
        if self.target != "postgres":
            return "{duckdb: goal.duckdb}"
        return '{postgres: "' + self.server.conninfo(database) + '"}'

    def copy_database(self, database):
        if self.target == "postgres":
            self.server.sql(f"create database {database} template {self.template.database}")

    def drop_database(self, database):
        if self.target == "postgres":
            self.server.sql(f"drop database {database} with (force)")

    def answers(self, cell, queries):
        """One list of rows of texts for each query of the target."""
        if self.target == "duckdb":
            with DuckdbFile(cell.dir / "goal.duckdb") as file:
                return [file.rows(query) for query in queries]
        text = ", ".join(f"(select coalesce(json_agg(r), '[]') from ({query}) r)" for query in queries)
        found = self.server.json(f"select json_build_array({text})", cell.database)
        return [[[None if value is None else str(value) for value in row.values()] for row in rows] for rows in found]

    # --- the template

    def make_databases(self):
        if self.target == "postgres":
            self.server.sql(f"create database {self.id}_0")
        if self.many:
            self.server.sql(f"create database {self.id}_source")

    def _make(self):
        self.make_databases()
        self.template = Cell(self, self.folder / "template", f"{self.id}_0")
        self.template.write_project(rule=RULE)
        self.change_source(self.template.dir, first_batch(), create=True)
        self._load_window("first")
        self.change_source(self.template.dir, second_batch())
        if self.again:
            time.sleep(BEHIND_SECONDS if self.many else 0)
            self._load_window("second")

    def _load_window(self, which):
        done = finish(self.template.start_command("run", "copy"), RUN_SECONDS)
        if done.code != 0:
            raise Mismatch(f"the {which} window of {self.name} failed: {done.err}")

    def change_source(self, folder, rows, create=False):
        values = ", ".join(f"({i}, {v}, '{at}')" for i, v, at in rows)
        if self.many and not create:
            # A watermark of PostgreSQL stands close behind the clock, so what is new was changed now.
            values = ", ".join(f"({i}, {v}, timezone('UTC', clock_timestamp()))" for i, v, _ in rows)
        statements = []
        for stream in self.streams():
            if create:
                kind = "timestamp" if self.many else "text"
                statements.append(f"create table {stream} (id integer primary key, v integer, changed {kind})")
            statements.append(f"insert into {stream} values {values} on conflict (id) do update set v = excluded.v, "
                              "changed = excluded.changed")
        if self.many:
            self.server.sql("; ".join(statements), f"{self.id}_source")
            return
        with contextlib.closing(sqlite3.connect(folder / "shop.db")) as database, database:
            for statement in statements:
                database.execute(statement)

    # --- cells

    def fresh(self):
        number = next(self.numbers)
        cell = Cell(self, self.folder / f"cell-{number}", f"{self.id}_{number}")
        shutil.copytree(self.template.dir, cell.dir)
        cell.write_project()
        self.copy_database(cell.database)
        return cell


class Cell:
    """One copy of a world. As a context manager it is removed at the end."""

    def __init__(self, world, folder, database):
        self.world, self.dir, self.database = world, folder, database
        self.log = folder / "fired.log"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)
        self.world.drop_database(self.database)

    def write_project(self, more="", stage_of=None, rule=None):
        world = self.world
        (self.dir / "jobs").mkdir(parents=True, exist_ok=True)
        shop, source = world.shop()
        goal = world.goal(self.database)
        stage = (stage_of / ".tidemark/stage") if stage_of else ".tidemark/stage"
        (self.dir / "tidemark.yaml").write_text(more + PROJECT.format(shop=shop, goal=goal, stage=stage))
        load = world.load + (", key: [id]" if world.load == "upsert" else "")
        (self.dir / "jobs" / "copy.yaml").write_text(
            JOB.format(source=source, table="{table}" if world.many else "orders", load=load,
                       rule=rule or (MENDED_RULE if world.again else RULE)))

    # --- running

    def start(self, fault=None, *more):
        command = ("replay", "--quarantined") if self.world.again else ("run",)
        return self.start_command(*command, "copy", *more, fault=fault)

    def start_command(self, *arguments, fault=None):
        return subprocess.Popen([str(BINARY), *arguments, "--json"], cwd=self.dir, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(fault, self.log))

    def run(self, fault=None, *more):
        return finish(self.start(fault, *more), RUN_SECONDS)

    def fired(self):
        """`NAME ACTION` of every failpoint that acted, oldest first."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def wait_until_stopped(self, process):
        """True when it stopped, False when it ended instead."""
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text()
            if stat[stat.rindex(")") + 2] == "T":
                return True
            time.sleep(0.002)
        process.kill()
        raise Mismatch("neither stopped nor ended")

    # --- what came out

    def check(self):
        """Every row of the source's history is in the target or in quarantine, once; ledger and store agree."""
        good, refused = (expected_again if self.world.again else expected)(self.world.load, self.world.is_bounded())
        payload = self.world.payload
        queries = ["select stream, seq from tidemark_ledger order by stream",
                   "select job, stream, kind, seq, run_id from tidemark_loads order by stream, seq",
                   f"select stream, {payload[0]} as id, {payload[1]} as v "
                   "from tidemark_quarantine where resolved_at is null"]
        queries += [f"select id, v from {stream}" for stream in self.world.streams()]
        ledger, loads, open_rows, *tables = self.world.answers(self, queries)
        loads = [Load(job, stream, kind, int(seq), run) for job, stream, kind, seq, run in loads]
        for stream, rows in zip(self.world.streams(), tables):
            name = f"public.{stream}" if self.world.many else "main"
            self._compare(f"table {stream}", good, sorted((int(i), int(v)) for i, v in rows))
            self._compare(f"quarantine of {name}", refused,
                          sorted((int(i), int(v)) for of, i, v in open_rows if of == name))
            # A full load reads and replaces everything each time it runs.
            last = 2
            if self.world.load == "full" and not self.world.again:
                last = max([load.seq for load in loads if load.stream == name], default=0)
            self._compare(f"ledger of {name}", [str(last)], [seq for of, seq in ledger if of == name])
            self._compare(f"loads of {name}", [seq for seq in range(1, last + 1)],
                          [load.seq for load in loads if load.stream == name and load.kind == "window"])
            others = {load.kind for load in loads if load.stream == name} - {"window"}
            self._compare(f"other loads of {name}", ["requarantine"] if self.world.again else [], sorted(others))
        self._check_store(loads)

    @staticmethod
    def _compare(what, wanted, found):
        if wanted == found:
            return
        missing = [row for row in wanted if row not in found]
        extra = list(found)
        for row in wanted:
            if row in extra:
                extra.remove(row)
        raise Mismatch(f"{what}: missing {missing}, too much {extra}")

    def _check_store(self, loads):
        path = self.dir / ".tidemark" / "store.db"
        with contextlib.closing(sqlite3.connect(path)) as store:
            open_runs = store.execute("select run_id, state from etl_runs where run_end is null").fetchall()
            broken = store.execute("pragma integrity_check").fetchall()
        if open_runs:
            raise Mismatch(f"runs without an end: {open_runs}")
        if broken != [("ok",)]:
            raise Mismatch(f"the store is damaged: {broken}")
        if faults := check_store(path, STATES, loads):
            raise Mismatch("the history of the runs: " + "; ".join(faults))
        partial = [str(path.relative_to(self.dir)) for path in (self.dir / ".tidemark").rglob("*.partial")]
        if partial:
            raise Mismatch(f"left in the stage: {partial}")

    def recover(self):
        """Runs as a person would after a fault: once, and to the end."""
        started = time.monotonic()
        done = self.run(None, "--wait", "30s")
        if done.code != 0:
            raise Mismatch(f"the run after the fault ended with {done.code}: {done.err}")
        return time.monotonic() - started


def stop_all(processes):
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        process.kill()
        process.communicate()
