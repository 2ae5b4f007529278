#!/usr/bin/env python3
"""The speed harness of bench/speed, small: its data sets, its checksum, its rounds, and a run of it as a whole."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from support.duckdb_file import DuckdbFile
from support.temporary_postgres import TemporaryPostgres

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEED = ROOT / "bench" / "speed"
TIDEMARK = pathlib.Path(os.environ.get("TIDEMARK_BINARY", ROOT / "build" / "dev" / "tidemark"))
PROGRAMS = TIDEMARK.parent / "speed"

# Of 100 rows and the seed 1. Another sum means other data: figures of before cannot be compared with those after.
SUMS = {
    "li": "40bb7888da23e298b4dfcc66aae32737",
    "ev": "27d4aea5f4e30b4541c568f2cf714ca0",
    "fb": "78244f3b1a8834c382676350d7cb9ec7",
    "js": "756563c8705f31325defc22d8fc1167a",
    "nul": "97b65c2c57eba9b6c518a9ea75877c88",
    "wide": "9de3bc0a43d6e04f83275ebb78d9ee8c",
    "ten": "d25ee719cbfd078214477dae909aa0b8",
    "up": "6055e80767221f8dedce8861b13b0b96",
}
# A value, and the least that could become of it; in SQL that means the same to PostgreSQL and DuckDB.
CHANGES = [
    ("7::int", "8::int"),
    ("7::int", "'7'::varchar"),
    ("7::int", "null::int"),
    ("0::int", "null::int"),
    ("0::int", "false"),
    ("9007199254740993::bigint", "9007199254740992::bigint"),
    ("38458.55::decimal(15,2)", "38458.56::decimal(15,2)"),
    ("-0.05::decimal(15,2)", "0.05::decimal(15,2)"),
    ("12345678901234567890123456789.12345678::decimal(38,8)", "12345678901234567890123456789.12345679::decimal(38,8)"),
    ("0.1::float8", "0.10000000000000002::float8"),
    ("'0'::float8", "'-0'::float8"),
    ("date '1999-12-31'", "date '2000-01-01'"),
    ("date 'infinity'", "date '-infinity'"),
    ("timestamp '1969-12-31 23:59:59.999999'", "timestamp '1969-12-31 23:59:59.999998'"),
    ("timestamp '2024-01-01 00:00:00'", "timestamptz '2024-01-01 00:00:00+00'"),
    ("timestamptz '2024-01-01 00:00:00+00'", "timestamptz '2024-01-01 00:00:00+01'"),
    ("true", "false"),
    ("''::varchar", "null::varchar"),
    ("'a'::varchar", "'a '::varchar"),
    ("'ü'::varchar", "'u'::varchar"),
]
# The same value, however it is held.
EQUAL = [
    ("7::int", "7::bigint"),
    ("7::smallint", "7.00::decimal(15,2)"),
    ("100000000.00::decimal(15,2)", "100000000::decimal(38,0)"),
    ("0.00010::decimal(18,5)", "0.0001::decimal(10,4)"),
    ("0::int", "0.00::decimal(15,2)"),
    ("2.5::float4", "2.5::float8"),
    ("'NaN'::float4", "'NaN'::float8"),
]

# Tidemark, with a cent too much in one row of what it has loaded.
SPOILED = f"""\
#!/bin/sh
{TIDEMARK} "$@" && test "$1 $2" = "run li" || exit
cd {ROOT}/tests && python3 -c "
from support.duckdb_file import DuckdbFile
with DuckdbFile('$FOLDER/project/warehouse.duckdb') as file:
    file.rows('update li set l_tax = l_tax + 0.01 where l_orderkey = 1 and l_linenumber = 1')"
"""
# What a subject may do wrong. All of it is said, and none of it has a figure.
PLAN = """\
version: shell | echo 1.2
group: try | sleeps
  drain: sleep 0.02
  rows: echo 10
  sum: echo abc
subject: good
  time: sleep 0.06
  rows: echo 10
  sum: echo abc
subject: leaves one behind
  time: (setsid sh -c 'sleep 0.3; i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done' > /dev/null 2>&1 &)
  rows: echo 10
  sum: echo abc
subject: memory
  time: python3 -c 'bytearray(100000000)'
  rows: echo 10
  sum: echo abc
subject: too few
  peer: yes
  time: true
  rows: echo 9
  sum: echo abc
subject: other values
  peer: yes
  time: true
  rows: echo 10
  sum: echo abd
subject: wrong at the end
  peer: yes
  prepare: echo >> FOLDER/turns
  time: true
  rows: echo 10
  sum: test $(wc -l < FOLDER/turns) -le 1 && echo abc || echo abd
subject: dies
  peer: yes
  time: echo why >&2; exit 3
  rows: echo 10
  sum: echo abc
subject: hangs
  peer: yes
  time: sleep 1000
  rows: echo 10
  sum: echo abc
subject: gone
  missing: not installed
goal: 1 | good / drain | good | drain | wall | 1000
goal: 2 | good / drain | good | drain | wall | 0.001
goal: 3 | peak | memory | - | peak | 1
goal: 4 | good / dies | good | dies | wall | 1
goal: 5 | gone / good | gone | good | wall | 1
"""
# One drain that is another command each time.
VOID = """\
group: void
  drain: echo >> FOLDER/drains; test $(($(wc -l < FOLDER/drains) % 2)) = 1 || sleep 0.3
  rows: echo 10
  sum: echo abc
subject: good
  time: true
  rows: echo 10
  sum: echo abc
goal: 1 | good / drain | good | drain | wall | 1000
"""


def of_group(group):
    """The processes of a group that run, by number."""
    running = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if its_group == group and state != "Z":
            running.append(path.parent.name)
    return running


class SpeedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.env = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(cls.server.port), "PGUSER": "postgres",
                   "PGDATABASE": "postgres", "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        cls.database = cls.folder / "values.duckdb"
        with DuckdbFile(cls.database):
            pass

    def run_it(self, *command):
        done = subprocess.run(list(map(str, command)), env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def said(self, *command):
        status, out, err = self.run_it(*command)
        self.assertEqual(0, status, err + out)
        return out

    def postgres_sum(self, select, *options):
        return self.said("checksum", "postgres", select, *options)

    def duckdb_sum(self, select):
        return self.said("checksum", "duckdb", self.database, select)

    def make(self, name, rows=100, seed=1):
        self.said(SPEED / "make-data", name, rows, seed)


class DataTest(SpeedTest):
    def test_each_set_is_the_same_everywhere(self):
        for name, wanted in SUMS.items():
            with self.subTest(name):
                self.make(name)
                self.assertEqual(wanted, self.postgres_sum(name).split()[0])

    def test_another_seed_gives_others(self):
        self.make("li")
        before = self.postgres_sum("li")
        self.make("li", seed=2)
        self.assertNotEqual(before, self.postgres_sum("li"))

    def test_what_is_there_stays_and_what_differs_is_made_anew(self):
        def table():
            return self.server.sql("select 'up'::regclass::oid, count(*) from up")
        self.make("up", 40)
        before = table()
        self.make("up", 40)
        self.assertEqual(before, table())
        self.make("up", 41)
        self.assertNotEqual(before, table())

    def test_a_fifth_is_null(self):
        self.make("nul", 1000)
        self.assertEqual("t", self.server.sql("select count(l_tax) between 740 and 860 from nul").strip())
        self.make("nul")


class ChecksumTest(SpeedTest):
    def test_one_changed_value_is_seen_and_both_systems_agree(self):
        def select(values):
            return f"select {', '.join(values)} union all select {', '.join(['null'] * len(values))}"

        values = [value for value, _ in CHANGES]
        sums = {self.postgres_sum(select(values))}
        self.assertEqual(sums, {self.duckdb_sum(select(values))})
        for number, (value, changed) in enumerate(CHANGES):
            with self.subTest(f"{value} to {changed}"):
                text = select(values[:number] + [changed] + values[number + 1:])
                found = self.postgres_sum(text)
                self.assertEqual(found, self.duckdb_sum(text))
                self.assertNotIn(found, sums)
                sums.add(found)

    def test_one_value_has_one_sum(self):
        one, other = (f"select {', '.join(values)}" for values in zip(*EQUAL))
        self.assertEqual({self.postgres_sum(one)},
                         {self.postgres_sum(other), self.duckdb_sum(one), self.duckdb_sum(other)})

    def test_rows_have_no_order_and_a_number(self):
        once, twice = "select 1, 2", "select 1, 2 union all select 1, 2"
        pair, turned = "select 1, 2 union all select 3, 4", "select 3, 4 union all select 1, 2"
        crossed = "select 1, 4 union all select 3, 2"
        for sum_of in (self.postgres_sum, self.duckdb_sum):
            self.assertEqual(sum_of(pair), sum_of(turned))
            self.assertEqual(4, len({sum_of(once), sum_of(twice), sum_of(pair), sum_of(crossed)}))
            self.assertNotEqual(sum_of("select 'a', 'bc'"), sum_of("select 'ab', 'c'"))
            self.assertNotEqual(sum_of("select 1, null"), sum_of("select null, 1"))

    def test_blanks_of_char_count_unless_told(self):
        padded, cut = "select 'AIR'::char(10)", "select 'AIR'::varchar"
        self.assertNotEqual(self.postgres_sum(padded), self.postgres_sum(cut))
        out = self.postgres_sum(padded, "--char-blanks=ignore").splitlines()
        self.assertEqual([self.postgres_sum(cut).strip(), "blanks at the end of char(n) are ignored"], out)
        # Those of a text are its own.
        text = "select 'AIR '::varchar"
        self.assertEqual(self.postgres_sum(text), self.postgres_sum(text, "--char-blanks=ignore").splitlines()[0] + "\n")

    def test_parquet_files_of_a_folder_are_one_table(self):
        folder = self.folder / "it's"
        folder.mkdir()
        with DuckdbFile() as engine:
            for part in (1, 2):
                path = str(folder / f"part-{part}.parquet").replace("'", "''")
                engine.rows(f"copy (select {part} as n, 'ü' as t) to '{path}' (format parquet)")
        self.assertEqual(self.postgres_sum("select 1, 'ü'::text union all select 2, 'ü'"),
                         self.said("checksum", "parquet", folder))

    def test_what_has_no_canonical_value_is_refused(self):
        for command in (("postgres", "select interval '1 day'"), ("duckdb", self.database, "select interval '1 day'"),
                        ("postgres", "nowhere"), ("duckdb", self.database, "nowhere"), ("parquet", "nowhere"),
                        ("postgres", "select 1 / (i - 3) from generate_series(1, 5) i")):
            with self.subTest(command):
                status, out, err = self.run_it("checksum", *command)
                self.assertEqual((1, ""), (status, out))
                self.assertIn("bench: ", err)


class RoundsTest(SpeedTest):
    def measure(self, plan, *options):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "plan").write_text(plan.replace("FOLDER", str(folder)), encoding="utf-8")
        status, out, err = self.run_it("speed", folder / "plan", "--markdown", folder / "page.md", "--json",
                                       folder / "figures.json", *options)
        self.assertIn(status, (0, 1), err)
        figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        return status, out, (folder / "page.md").read_text(encoding="utf-8"), figures

    def test_only_right_results_have_figures(self):
        status, out, page, figures = self.measure(PLAN, "--rounds", 2, "--seconds-max", 4)
        self.assertEqual(0, status, "peers may be wrong")
        [group] = figures["groups"]
        subjects = {one["name"]: one for one in group["subjects"]}
        for name, why in (("too few", "warm-up, WRONG: 9 rows instead of 10"),
                          ("other values", "warm-up, WRONG values: abd instead of abc"),
                          ("wrong at the end", "round 2, WRONG values: abd instead of abc"),
                          ("dies", "warm-up, exit 3: why"), ("hangs", "warm-up, took too long")):
            self.assertEqual(why, subjects[name]["fault"])
            self.assertIn(why, out)
            self.assertIn(why, page)
        for name in ("good", "leaves one behind", "memory"):
            self.assertEqual("", subjects[name]["fault"])
            self.assertEqual(2, len(subjects[name]["figures"]["wall_seconds"]))
        self.assertEqual(2, len(group["drain_before"]["wall_seconds"]))
        self.assertEqual({"shell": "1.2"}, figures["versions"])
        self.assertIn("missing: not installed", out)

    def test_the_whole_tree_is_measured(self):
        _, _, _, figures = self.measure(PLAN.split("subject: too few")[0], "--rounds", 1)
        figures = {one["name"]: one["figures"] for one in figures["groups"][0]["subjects"]}
        # A process that is left behind is waited for, and its processor time counts.
        self.assertGreater(min(figures["leaves one behind"]["wall_seconds"]), 0.3)
        self.assertGreater(min(figures["leaves one behind"]["cpu_seconds"]), 0.01)
        self.assertLess(max(figures["good"]["cpu_seconds"]), 0.01)
        self.assertGreater(min(figures["memory"]["peak_mib"]), 95)
        self.assertLess(max(figures["good"]["peak_mib"]), 90)

    def test_goals_are_judged_by_what_was_measured(self):
        parts = {part.split("\n")[0]: "subject: " + part for part in PLAN.split("subject: ")}
        # A drain that no other load makes void.
        plan = PLAN.split("subject: ")[0].replace("sleep 0.02", "sleep 0.5") + "".join(
            parts[name] for name in ("good", "memory", "dies", "gone"))
        _, _, _, figures = self.measure(plan, "--rounds", 1)
        goals = {goal["line"]: goal for goal in figures["groups"][0]["goals"]}
        self.assertEqual((True, False, False), tuple(goals[line]["met"] for line in "123"))
        self.assertEqual("dies has no figures", goals["4"]["why"])
        self.assertEqual("gone is missing", goals["5"]["why"])

    def test_a_machine_that_does_something_else_is_no_measure(self):
        status, out, page, figures = self.measure(VOID, "--rounds", 2)
        self.assertEqual(0, status)
        self.assertIn("VOID, outside 0.93-1.07", out)
        self.assertIn("VOID", page)
        self.assertNotIn("met", figures["groups"][0]["goals"][0])

    def test_what_is_broken_off_leaves_nothing_running(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        # It outlives its shell unless the whole group is ended.
        (folder / "plan").write_text(VOID.replace("FOLDER", str(folder)).replace(
            "time: true", f"time: echo $$ > {folder}/pid; sleep 1000; true"), encoding="utf-8")
        process = subprocess.Popen(["speed", folder / "plan"], env=self.env, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while not (folder / "pid").exists() or not (folder / "pid").read_text():
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        process.terminate()
        self.assertEqual(128 + signal.SIGTERM, process.wait())
        deadline = time.monotonic() + 10
        while running := of_group((folder / "pid").read_text().strip()):
            self.assertLess(time.monotonic(), deadline, running)
            time.sleep(0.02)

    def test_what_is_ours_may_not_be_wrong(self):
        for plan in (VOID.replace("sum: echo abc\ngoal", "sum: echo abd\ngoal"), VOID.replace("time: true", "time: false"),
                     VOID.replace("drain: echo", "drain: false; exit 1; echo")):
            self.assertEqual(1, self.measure(plan, "--rounds", 1)[0])

    def test_the_drain_is_the_table_or_fails(self):
        self.make("li")
        self.assertRegex(self.said("drain", "li"), r"^drain \d+: 100 rows, \d{5} bytes, 1\d\d messages, ")
        status, _, err = self.run_it("drain", "li", "--rows", "99")
        self.assertEqual((1, "drain: 100 rows came, the table has 99\n"), (status, err))


class WholeTest(unittest.TestCase):
    """bench/speed/run on a server that it starts itself."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    def measure(self, group, tidemark=TIDEMARK):
        done = subprocess.run(
            [SPEED / "run", f"ONLY={group}", "ROWS=20000", "ROUNDS=1", "PEERS=no", f"BUILD={TIDEMARK.parent}",
             f"TIDEMARK={tidemark}", f"FOLDER={self.folder}", f"REPORT={self.folder}/report"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        [report] = (self.folder / "report").glob("*.json")
        [group] = json.loads(report.read_text(encoding="utf-8"))["groups"]
        self.assertEqual("", group["fault"], done.stderr)
        return done, {one["name"]: one for one in group["subjects"]}

    def test_a_wrong_cent_is_found_and_the_others_have_figures(self):
        spoiled = self.folder / "spoiled"
        spoiled.write_text(SPOILED, encoding="utf-8")
        spoiled.chmod(0o755)
        done, subjects = self.measure("li", spoiled)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn("warm-up, WRONG values: ", subjects["run"]["fault"])
        self.assertEqual([], subjects["run"]["figures"]["wall_seconds"])
        for name in ("columns", "stage"):
            self.assertEqual("", subjects[name]["fault"])
            self.assertEqual(1, len(subjects[name]["figures"]["wall_seconds"]))
        self.assertEqual("left away", subjects["dlt"]["missing"])

    def test_what_is_changed_between_rounds_arrives(self):
        done, subjects = self.measure("upsert")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("", subjects["run"]["fault"])
        self.assertEqual(1, len(subjects["run"]["figures"]["wall_seconds"]))


if __name__ == "__main__":
    unittest.main()
