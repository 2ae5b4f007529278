#!/usr/bin/env python3
"""Runs tests/scenarios/*.scenario with the real program and compares everything they tell.

  tests/scenarios_test.py [NAME...] [--config NAME] [--update] [--keep]

NAME picks the scenarios whose names contain it. Each one runs under every config below, since none of them may
change what comes out. --update writes what was found into the files (then read the difference before you commit
it); --keep leaves the folders and prints where they are. The program is $TIDEMARK_BINARY, default
build/dev/tidemark.
"""

import argparse
import concurrent.futures
import gzip
import json
import os
import pathlib
import re
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback

from support import scenario as text_format
from support.duckdb_file import DuckdbError, DuckdbFile, quote_name
from support.project import PROJECT_YAML, Project
from support.zstd import compress_zstd

FOLDER = pathlib.Path(__file__).resolve().parent / "scenarios"

# What is added to tidemark.yaml, whether jobs named together run in processes of their own, and whether each run is
# done twice, where the second must change nothing.
CONFIGS = {
    "plain": {},
    "small": {"settings": {"memory": "32MB", "segment": "1KB"}, "apart": True},
    "again": {"again": True},
}


class Mismatch(AssertionError):
    """Something came out other than the scenario tells."""


class Player:
    """One scenario under one config in one folder."""

    def __init__(self, scenario, config, folder):
        self.scenario = scenario
        self.config = CONFIGS[config]
        self.project = Project(self._with_settings(PROJECT_YAML), folder)
        self.dir = self.project.dir
        self.last_runs = {}

    # --- what the author gives

    def play(self):
        """The lines each observed section should have, by the section's place in the file."""
        bodies = {}
        for index, section in enumerate(self.scenario.sections):
            if section.kind in ("", "==="):
                continue
            try:
                step = getattr(self, "_" + section.kind.replace("tidemark.yaml", "settings"))
                body = step(section)
            except Mismatch:
                raise
            except Exception as problem:
                raise Mismatch(f"tests/scenarios/{self.scenario.name}.scenario:{section.line}: == {section.kind} "
                               f"{section.rest}\n    {problem}") from problem
            if section.kind in text_format.OBSERVED:
                bodies[index] = text_format.aligned(body) if text_format.is_table(section) else body
        return bodies

    def _with_settings(self, yaml):
        """The config's settings, where the author has no own: a scenario about memory says what it needs."""
        for key, value in self.config.get("settings", {}).items():
            if not re.search(rf"^{key}:", yaml, flags=re.M):
                yaml += f"{key}: {value}\n"
        return yaml

    def _settings(self, section):
        own = section.text if "connections:" in section.text else PROJECT_YAML + section.text
        self.project.write("tidemark.yaml", self._with_settings(own))

    def _job(self, section):
        self.project.job(section.rest, section.text)

    def _file(self, section):
        content = section.text.encode()
        if section.rest.endswith(".gz"):
            content = gzip.compress(content, mtime=0)
        elif section.rest.endswith(".zst"):
            content = compress_zstd(content)
        self.project.write(section.rest, content)

    def _copy(self, section):
        path = self.dir / section.rest
        path.parent.mkdir(parents=True, exist_ok=True)
        with DuckdbFile() as engine:
            engine.rows("COPY ({}) TO '{}'".format(section.text, str(path).replace("'", "''")))

    def _sqlite(self, section):
        with sqlite3.connect(self.dir / section.rest, isolation_level=None) as database:
            database.executescript(section.text)
        database.close()

    def _duckdb(self, section):
        with DuckdbFile(self.dir / section.rest) as engine:
            engine.rows(section.text)

    def _move(self, section):
        old, new = section.words
        (self.dir / old).rename(self.dir / new)

    def _remove(self, section):
        (self.dir / section.rest).unlink()

    def _touch(self, section):
        later = time.time_ns() + 5_000_000_000
        os.utime(self.dir / section.rest, ns=(later, later))

    # --- what the program tells

    def _shown(self, text):
        """A message without what differs from run to run."""
        text = text.replace(str(self.dir) + "/", "").replace(str(self.dir), "{project}")
        for run in self.last_runs.values():
            text = text.replace(run, "RUN")
        return re.sub(r"(?<![\w/])\./(?=[\w.])", "", text).strip()

    def _error(self, error):
        lines = ["error: " + line if at == 0 else "       " + line
                 for at, line in enumerate(self._shown(error["message"]).splitlines())]
        return lines + (["hint: " + self._shown(error["hint"])] if error.get("hint") else [])

    def _faults(self, error):
        """The faults of the files, each at its place, as the error of a command has them."""
        return [self._shown(line) if not line.startswith(" ") else "  " + self._shown(line)
                for line in error["message"].splitlines()[1:]]

    def _run(self, section):
        flags = [word for word in section.words if word.startswith("-")]
        jobs = [word for word in section.words if not word.startswith("-")]
        groups = [[job] for job in jobs] if self.config.get("apart") and len(jobs) > 1 else [jobs]
        code, lines = 0, []
        for group in groups:
            done = self.project.call("run", *group, *flags, "--json")
            code = max(code, done.code)
            documents = done.json if isinstance(done.json, list) else [done.json]
            for document in documents:
                lines += self._run_lines(document)
            if self.config.get("again"):
                self._run_again(section, group, flags, done)
        return [f"exit {code}"] + lines

    def _run_lines(self, document):
        if "run_id" not in document:
            error = document["error"]
            return self._faults(error) if "in the project's files:" in error["message"] else self._error(error)
        self.last_runs[document["job"]] = document["run_id"]
        line = f"{document['job']}: {document['status']}"
        if document["status"] not in ("skipped",):
            for key in ("rows_read", "rows_loaded", "rows_rejected"):
                count = sum(stream[key] for stream in document["streams"])
                line += f", {key.replace('rows_', '').replace('rejected', 'refused')} {count}"
        return [line] + (self._error(document["error"]) if document.get("error") else [])

    def _run_again(self, section, jobs, flags, first):
        """What is loaded stays as it is, and so do the watermarks and the verdict."""
        before = self._contents()
        done = self.project.call("run", *jobs, *flags, "--json")
        after = self._contents()
        place = f"tests/scenarios/{self.scenario.name}.scenario:{section.line}: == run {section.rest}, a second time"
        if done.code != first.code:
            raise Mismatch(f"{place}\n    exit {done.code} after {first.code}: {done.err}")
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                raise Mismatch(text_format.difference(
                    self.scenario, section, ["(a second run, " + name + ")"] + before.get(name, []),
                    ["(a second run, " + name + ")"] + after.get(name, [])))

    def _contents(self):
        """Every table a user sees, the watermarks and what is refused (each once: a full load reads it again)."""
        if not (self.dir / "warehouse.duckdb").exists():
            return {}
        found = {}
        with DuckdbFile(self.dir / "warehouse.duckdb") as engine:
            for schema, table in engine.rows("SELECT schema_name, table_name FROM duckdb_tables()"):
                if table.startswith("tidemark_"):
                    continue
                names, types, rows = engine.table(f"SELECT * FROM {quote_name(schema)}.{quote_name(table)}")
                found[f"table {schema}.{table}"] = self._table_lines(names, types, rows)
            if engine.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'tidemark_ledger'"):
                found["watermarks"] = [f"{job}/{stream}: {self._position(hi)}" for job, stream, hi in engine.rows(
                    "SELECT job, stream, hi FROM tidemark_ledger ORDER BY ALL")]
                found["refused"] = [" | ".join(map(str, row)) for row in engine.rows(
                    "SELECT DISTINCT job, rule, message, payload, raw::VARCHAR FROM tidemark_quarantine ORDER BY ALL")]
        return found

    def _plan(self, section):
        done = self.project.call("plan", section.rest, "--json")
        lines = [f"exit {done.code}"]
        if "error" in done.json:
            return lines + self._error(done.json["error"])
        for stream in done.json["streams"]:
            if stream["nothing_new"]:
                lines.append("nothing new")
                continue
            lines.append(f"{stream['strategy']} into {stream['target']}, guarantee {stream['guarantee']}")
            lines += [f"read: {self._shown(text)}" for text in stream["reads"]]
            lines += [self._shown(text) for text in stream["ddl"] + stream["load"]]
            lines += [f"note: {self._shown(text)}" for text in stream["notes"]]
        return lines

    def _validate(self, _):
        done = self.project.call("validate", "--json")
        lines = [f"exit {done.code}"]
        for fault in done.json["faults"]:
            lines.append(f"{fault['file']}:{fault['line']}:{fault['column']}: {self._shown(fault['message'])}")
            if fault["hint"]:
                lines.append("  " + self._shown(fault["hint"]))
        return lines

    # --- what stands in the target

    def _select(self, file, sql):
        path = self.dir / f"{file}.duckdb"
        if not path.exists():
            return ["there is no " + path.name]
        with DuckdbFile(path) as engine:
            try:
                return self._table_lines(*engine.table(sql))
            except DuckdbError as problem:
                return [str(problem).splitlines()[0]]

    @staticmethod
    def _table_lines(names, types, rows):
        header = " | ".join(f"{name} {kind}" for name, kind in zip(names, types))
        return [header] + [" | ".join(map(text_format.cell, row)) for row in rows]

    def _table(self, section):
        connection, _, table = section.rest.partition(".")
        return self._select(connection, f"SELECT * FROM {table}")

    def _query(self, section):
        connection, _, sql = section.rest.partition(" ")
        return self._select(connection, sql)

    def _quarantine(self, section):
        lines = ["rule | column | message | where | original"]
        for rule, column, message, place, payload, raw in self.project.rows(
                "SELECT rule, column_name, message, locator, payload, hex(raw) FROM tidemark_quarantine "
                f"WHERE job = '{section.rest}' ORDER BY ALL"):
            # Which segment a row stood in is no promise, and differs with the segments' size.
            place = "-" if place is None or place.startswith("segment ") else place
            original = bytes.fromhex(raw).decode(errors="backslashreplace") if payload is None else payload
            lines.append(" | ".join(map(text_format.cell, (rule, column, message, place, original))))
        head, rows = lines[0], lines[1:]
        return [head] + sorted(rows)

    def _position(self, text):
        """A watermark as a person would say it: the files of the window, or the cursor's value."""
        if text is None:
            return "-"
        try:
            position = json.loads(text)
        except ValueError:
            return text
        if isinstance(position, list):
            return " ".join(file["path"] for file in position)
        return next((str(position[key]) for key in ("literal", "value", "cursor") if key in position), text)

    def _ledger(self, section):
        lines = ["stream | rows | rejected | watermark"]
        loads = self.project.rows("SELECT stream, rows, rejected, hi, seq FROM tidemark_loads WHERE "
                                  f"job = '{section.rest}' ORDER BY stream, seq")
        heads = self.project.rows("SELECT stream, hi, seq FROM tidemark_ledger WHERE "
                                  f"job = '{section.rest}' ORDER BY stream")
        last = {load[0]: [load[0], load[3], load[4]] for load in loads}
        if heads != list(last.values()):
            raise Mismatch(f"the ledger's head {heads} is not its last load {list(last.values())}")
        for stream, rows, rejected, hi, _ in loads:
            lines.append(" | ".join((stream, rows, rejected, text_format.cell(self._position(hi)))))
        return lines

    def _events(self, section):
        done = self.project.call("show", self.last_runs[section.rest], "--json")
        return ["state | message"] + [f"{event['state_to'] or '-'} | {text_format.cell(self._shown(event['message']))}"
                                      for event in done.json["events"]]


def comparable(section, lines, config):
    """With each run done twice a full load refuses and records the same again; that is seen once."""
    lines = text_format.aligned(lines) if text_format.is_table(section) else [
        line.rstrip() for line in text_format.trimmed(lines)]
    if config == "again" and section.kind in ("quarantine", "ledger"):
        lines = [line for at, line in enumerate(lines) if at == 0 or line != lines[at - 1]]
    return lines


def play(scenario, config, keep):
    """(what differs or None, the bodies found, seconds)"""
    started = time.monotonic()
    folder = tempfile.mkdtemp(prefix=f"tidemark-{scenario.name}-{config}-")
    problems, bodies = [], None
    try:
        bodies = Player(scenario, config, folder).play()
        for index, found in bodies.items():
            section = scenario.sections[index]
            expected, found = comparable(section, section.body, config), comparable(section, found, config)
            if expected != found:
                problems.append(text_format.difference(scenario, section, expected, found))
    except Mismatch as problem:
        problems.append(str(problem))
    except Exception:
        problems.append(traceback.format_exc())
    finally:
        if keep:
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return "\n".join(problems), bodies, time.monotonic() - started


def main():
    options = argparse.ArgumentParser(description="Runs the scenarios.")
    options.add_argument("names", nargs="*")
    options.add_argument("--config", action="append", choices=CONFIGS)
    options.add_argument("--update", action="store_true")
    options.add_argument("--keep", action="store_true")
    chosen = options.parse_args()
    scenarios = []
    for path in sorted(FOLDER.glob("*.scenario")):
        if not chosen.names or any(name in path.stem for name in chosen.names):
            scenarios.append(text_format.parse(path.stem, path.read_text(encoding="utf-8")))
    configs = ["plain"] if chosen.update else chosen.config or list(CONFIGS)
    passed = 0
    failures = []  # printed last: whoever reads the end of a log sees them
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        running = [(scenario, config, pool.submit(play, scenario, config, chosen.keep))
                   for scenario in scenarios for config in configs]
        for scenario, config, future in running:
            problem, bodies, seconds = future.result()
            name = f"{scenario.name} ({config})"
            if chosen.update and bodies is not None:
                if problem:
                    print(f"updated {name}\n{problem}")
                    (FOLDER / f"{scenario.name}.scenario").write_text(text_format.render(scenario, bodies),
                                                                      encoding="utf-8")
                passed += 1
            elif problem:
                print(f"FAILED  {name}")
                failures.append(f"FAILED  {name}\n{problem}\n")
            else:
                passed += 1
                print(f"ok      {name}  {seconds:.1f} s")
    print(*failures, f"{passed} passed, {len(failures)} failed", sep="\n")
    return 0 if not failures and passed > 0 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except text_format.ScenarioError as fault:
        print(fault, file=sys.stderr)
        print("0 passed, 1 failed")
        sys.exit(1)
