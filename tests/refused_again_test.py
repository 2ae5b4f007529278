"""Refused rows: closed by a newer good version, and loaded after a fix, each once, without the source."""

import contextlib
import pathlib
import shutil
import sqlite3
import unittest

from support.goals import DuckdbGoal, PostgresGoal
from support.temporary_postgres import TemporaryPostgres

# `v` of a bad row is negative. The file's order is the order of versions.
JOB = """\
from: {{connection: landing, files: "part-*.csv"}}
{steps}rules: {{positive: {rule}}}
to: {{connection: goal, table: facts, load: {load}}}
"""
APPEND, UPSERT, FULL = "append", "upsert, key: [id]", "full"


class Cases:
    """Run for each target."""

    goal = DuckdbGoal
    killed = APPEND  # the load that is killed everywhere

    def setUp(self):
        self.at = self.goal()
        self.addCleanup(self.at.close)
        self.project = self.at.project

    def job(self, load, rule="v >= 0", steps=""):
        self.project.job("facts", JOB.format(load=load, rule=rule, steps=f"transform: {steps}\n" if steps else ""))

    def part(self, number, rows):
        self.project.write(f"data/part-{number}.csv", "id,v\n" + "".join(f"{i},{v}\n" for i, v in rows))

    def run_job(self, *flags):
        done = self.project.call("run", "facts", "--json", *flags)
        self.assertEqual(done.code, 0, done.err)
        return done.json

    def again(self):
        # The source is cut off: nothing of this reads it.
        away = self.project.dir / "away"
        shutil.move(self.project.dir / "data", away)
        try:
            done = self.project.call("replay", "--quarantined", "facts", "--json")
        finally:
            shutil.move(away, self.project.dir / "data")
        self.assertEqual(done.code, 0, done.err)
        counts = ("rows_read", "rows_loaded", "rows_rejected")
        return {"status": done.json["status"],
                **{name: sum(stream[name] for stream in done.json["streams"]) for name in counts}}

    def facts(self):
        return sorted((int(i), int(v)) for i, v in self.at.rows("select id, v from facts"))

    def refused(self):
        """[(payload's v, how it was closed)] in the order of refusal."""
        found = self.at.rows("select seq, locator, payload, coalesce(resolution, 'open') from tidemark_quarantine")
        return sorted((int(payload.split('"v":"')[1].split('"')[0]), how.split(" by run ")[0])
                      for _, _, payload, how in found)

    def loads(self):
        return [tuple(row) for row in
                self.at.rows("select kind, seq, rows from tidemark_loads order by applied_at, seq")]

    def test_rows_of_an_append_are_loaded_once_after_the_rule_was_mended(self):
        self.job(APPEND)
        self.part(1, [(1, 10), (2, -20), (3, -30)])
        self.run_job()
        self.part(2, [(4, 40), (5, -50)])
        self.run_job()
        self.assertEqual(self.again()["status"], "success")
        self.assertEqual(self.facts(), [(1, 10), (4, 40)])
        self.assertEqual(self.refused(), [(-50, "open"), (-30, "open"), (-20, "open")])
        self.job(APPEND, "v >= -30")
        done = self.again()
        self.assertEqual((done["rows_read"], done["rows_loaded"], done["rows_rejected"]), (3, 2, 1))
        self.assertEqual(self.facts(), [(1, 10), (2, -20), (3, -30), (4, 40)])
        self.assertEqual(self.refused(), [(-50, "open"), (-30, "loaded"), (-20, "loaded")])
        self.assertEqual(self.again()["rows_loaded"], 0)
        self.assertEqual(self.facts(), [(1, 10), (2, -20), (3, -30), (4, 40)])
        # The watermark stands where it stood.
        self.assertEqual(self.run_job()["status"], "skipped")
        self.job(APPEND, "true")
        self.assertEqual(self.again()["rows_loaded"], 1)
        self.assertEqual(self.again()["status"], "skipped")
        self.part(3, [(6, 60)])
        self.run_job()
        self.assertEqual(self.facts(), [(1, 10), (2, -20), (3, -30), (4, 40), (5, -50), (6, 60)])

    def test_a_newer_good_version_closes_what_was_refused_of_its_key(self):
        steps = "[{derive: {w: (v - LEAST)::utinyint}}, {drop: [w]}]"
        self.job(UPSERT, "true", steps.replace("LEAST", "0"))
        self.part(1, [(1, 10), (2, -20), (3, -30), (4, -40), (4, 41), (5, 50), (5, -51)])
        self.run_job()
        # 4 had its good version after the refused one; 5 before it.
        self.assertEqual(self.facts(), [(1, 10), (4, 41), (5, 50)])
        self.assertEqual(self.refused(), [(-51, "open"), (-40, "superseded"), (-30, "open"), (-20, "open")])
        self.part(2, [(2, 22), (3, -33)])
        self.run_job()
        self.assertEqual(self.refused(), [(-51, "open"), (-40, "superseded"), (-33, "open"), (-30, "open"),
                                          (-20, "superseded")])
        self.job(UPSERT, "true", steps.replace("LEAST", "-100"))
        done = self.again()
        # Of key 3 the newest alone; the older one is closed with it. 2 and 4 stay as they are.
        self.assertEqual((done["rows_read"], done["rows_loaded"]), (2, 2))
        self.assertEqual(self.facts(), [(1, 10), (2, 22), (3, -33), (4, 41), (5, -51)])
        self.assertEqual(self.refused(), [(-51, "loaded"), (-40, "superseded"), (-33, "loaded"),
                                          (-30, "superseded"), (-20, "superseded")])
        self.assertEqual(self.again()["status"], "skipped")

    def test_the_newest_version_still_refused_holds_the_older_ones_back(self):
        self.job(UPSERT)
        self.part(1, [(1, -10)])
        self.run_job()
        self.part(2, [(1, -99)])
        self.run_job()
        self.job(UPSERT, "v >= -50")
        self.assertEqual(self.again()["rows_loaded"], 0)
        self.assertEqual(self.facts(), [])
        self.assertEqual(self.refused(), [(-99, "open"), (-10, "open")])

    def test_the_last_full_load_is_made_whole(self):
        self.job(FULL)
        self.part(1, [(1, 10), (2, -20)])
        self.run_job()
        self.part(2, [(3, -30), (4, 40), (6, 60)])
        self.run_job()
        self.assertEqual(self.refused(), [(-30, "open"), (-20, "open"), (-20, "superseded")])
        self.job(FULL, "v > -30")
        self.assertEqual(self.again()["rows_loaded"], 1)
        self.assertEqual(self.facts(), [(1, 10), (2, -20), (4, 40), (6, 60)])
        self.job(FULL, "true")
        self.run_job()
        self.assertEqual(self.facts(), [(1, 10), (2, -20), (3, -30), (4, 40), (6, 60)])
        self.assertEqual(self.again()["status"], "skipped")

    def test_reading_everything_again_answers_for_all(self):
        self.job(UPSERT)
        self.part(1, [(1, 10), (2, -20)])
        self.run_job()
        self.run_job("--full")
        self.assertEqual(self.refused(), [(-20, "open"), (-20, "superseded")])
        self.job(UPSERT, "true")
        self.assertEqual(self.again()["rows_loaded"], 1)
        self.assertEqual(self.facts(), [(1, 10), (2, -20)])

    def test_a_key_that_is_not_known_is_left_and_said(self):
        steps = '[{derive: {v: "VALUE"}}, {derive: {id: id + 100}}]'
        self.job(UPSERT, steps=steps.replace("VALUE", "case when v < 0 then (v::varchar || 'x')::bigint else v end"))
        self.part(1, [(1, 10), (2, -20)])
        self.run_job()
        self.assertEqual(self.facts(), [(101, 10)])
        # The step that failed stands before the one that makes the key.
        self.job(UPSERT, "true", steps.replace("VALUE", "v + 0"))
        done = self.project.call("replay", "--quarantined", "facts")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("1 without a known key", done.err)
        self.assertEqual(self.facts(), [(101, 10)])
        self.assertEqual(self.refused(), [(-20, "open")])

    def test_a_key_that_the_fix_changes_is_not_taken_for_another_row(self):
        self.job(UPSERT)
        self.part(1, [(1, 10), (2, -20)])
        self.run_job()
        self.job(UPSERT, "true", "[{derive: {id: id - 1}}]")
        self.assertEqual(self.again()["rows_loaded"], 0)
        self.assertEqual(self.facts(), [(1, 10)])

    def test_killed_at_every_step_each_row_is_loaded_once(self):
        self.job(self.killed)
        self.part(1, [(1, 10), (2, -20)])
        self.run_job()
        self.part(2, [(4, 40), (5, -50)])
        self.run_job()
        self.job(self.killed, "true")
        before = self.at
        killed = 0
        while True:
            self.at = before.copy()
            self.project = self.at.project
            fault = ("env", f"TIDEMARK_FAILPOINT=durable@{killed + 1}=kill",
                     f"TIDEMARK_FAILPOINT_LOG={self.project.dir / 'fault.log'}")
            done = self.project.call("replay", "--quarantined", "facts", prefix=fault)
            if done.code == 0:
                break
            killed += 1
            self.assertEqual(done.code, -9, done.err)
            self.again()
            with self.subTest(killed_at=killed):
                self.assertEqual(self.facts(), [(1, 10), (2, -20), (4, 40), (5, -50)])
                self.assertEqual(self.refused(), [(-50, "loaded"), (-20, "loaded")])
            self.at.close()
        self.assertGreater(killed, 5)

    def timed(self, more, rule="true"):
        """An upsert by the watermark `at` of a query's rows, from SQLite."""
        self.project.write("tidemark.yaml", self.at.yaml.replace("landing: {files: data}", "landing: {sqlite: s.db}"))
        self.project.job("facts", f"from: {{connection: landing, table: facts, watermark: at}}\n{more}"
                                  f"rules: {{positive: {rule}}}\nto: {{connection: goal, table: facts, load: upsert, "
                                  "key: [id]}\n")

    def source(self, rows):
        with contextlib.closing(sqlite3.connect(self.project.dir / "s.db")) as database, database:
            database.execute("create table if not exists facts (id integer, v integer, at integer)")
            database.executemany("insert into facts values (?, ?, ?)", rows)

    def test_the_watermark_says_which_version_is_newer(self):
        steps = "transform: [{derive: {w: (v - LEAST)::utinyint}}, {drop: [w]}]\n"
        self.timed(steps.replace("LEAST", "0"))
        # 1: refused before the good one; 2: after it; 3: no watermark at all; 4: two refused ones.
        self.source([(1, 10, 9), (1, -11, 5), (2, 20, 5), (2, -21, 9), (4, -41, 7), (4, -42, 6)])
        self.run_job()
        self.assertEqual(self.refused(), [(-42, "open"), (-41, "open"), (-21, "open"), (-11, "superseded")])
        self.timed(steps.replace("LEAST", "-100"))
        self.assertEqual(self.again()["rows_loaded"], 2)
        self.assertEqual(self.facts(), [(1, 10), (2, -21), (4, -41)])
        self.assertEqual(self.refused(), [(-42, "superseded"), (-41, "loaded"), (-21, "loaded"), (-11, "superseded")])

    def test_a_stage_that_is_gone_holds_older_versions_back(self):
        self.job(UPSERT)
        self.part(1, [(1, -10)])
        self.run_job()
        self.part(2, [(1, -20)])
        self.run_job()
        newest = max(pathlib.Path(self.project.dir, ".tidemark/stage").glob("*/*/*"), key=lambda path: path.name)
        shutil.rmtree(newest)
        self.job(UPSERT, "true")
        self.assertEqual(self.again()["rows_loaded"], 0)
        self.assertEqual(self.refused(), [(-20, "open"), (-10, "open")])

    def test_rows_of_an_upsert_are_not_appended(self):
        self.job(UPSERT)
        self.part(1, [(1, -10)])
        self.run_job()
        self.part(2, [(1, -11)])
        self.run_job()
        self.job(APPEND, "true")
        self.assertEqual(self.again()["status"], "skipped")
        self.assertEqual(self.refused(), [(-11, "open"), (-10, "open")])


class IntoDuckdb(Cases, unittest.TestCase):
    def test_what_cannot_be_tried_is_named(self):
        self.job(APPEND)
        self.project.write("data/part-1.csv", "id,v\n1,10\n2,-20\nx,5\n")
        self.project.job("facts", JOB.format(load=APPEND, rule="v >= 0", steps="").replace(
            'files: "part-*.csv"', 'files: "part-*.csv", columns: {id: bigint, v: bigint}'))
        self.run_job()
        self.project.job("facts", (self.project.dir / "jobs/facts.yaml").read_text().replace("v >= 0", "true"))
        done = self.project.call("replay", "--quarantined", "facts")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("1 refused while the source was read", done.err)
        self.assertEqual(self.facts(), [(1, 10), (2, -20)])
        shutil.rmtree(self.project.dir / ".tidemark/stage")
        self.project.write("data/part-2.csv", "id,v\n3,-30\n")

    def test_a_stage_that_is_gone(self):
        self.job(APPEND)
        self.part(1, [(1, 10), (2, -20)])
        self.run_job()
        shutil.rmtree(self.project.dir / ".tidemark/stage")
        self.job(APPEND, "true")
        done = self.project.call("replay", "--quarantined", "facts")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("window 1, whose stage is gone", done.err)
        self.assertEqual(self.refused(), [(-20, "open")])

    def test_a_damaged_stage_loads_nothing(self):
        self.job(APPEND)
        self.part(1, [(1, 10), (2, -20)])
        self.run_job()
        segment = next(pathlib.Path(self.project.dir, ".tidemark/stage").rglob("segment-*.parquet"))
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 1
        segment.write_bytes(content)
        self.job(APPEND, "true")
        done = self.project.call("replay", "--quarantined", "facts")
        self.assertNotEqual(done.code, 0)
        self.assertIn(segment.name, done.err)
        self.assertEqual(self.facts(), [(1, 10)])

    def test_jobs_that_take_rows_together_take_no_single_ones(self):
        self.part(1, [(1, 10), (2, -20)])
        for load, rule, steps, word in (
                (APPEND, "v >= 0", '[{sql: "select id, sum(v)::bigint AS v from rows group by id"}]', "`sql` step"),
                (APPEND, "v >= 0", "[{dedupe: {key: [id], order: v}}]", "`dedupe` step"),
                (APPEND, "v >= 0", '[{derive: {v: "v + 0 * row_number() over ()"}}]', "window function"),
                (APPEND, "v >= 0 and count(*) over () > 0", "", "window function"),
                ("full, key: [id]", "v >= 0", "", "with a `key`")):
            with self.subTest(word=word, load=load):
                shutil.rmtree(self.project.dir / ".tidemark", ignore_errors=True)
                (self.project.dir / "warehouse.duckdb").unlink(missing_ok=True)
                self.job(load, rule, steps)
                self.run_job()
                done = self.project.call("replay", "--quarantined", "facts")
                self.assertEqual(done.code, 2, done.err)
                self.assertIn(word, done.err)

    def test_another_key_closes_and_loads_nothing(self):
        self.job("upsert, key: [v]", "id < 5")
        self.part(1, [(5, 1), (2, 2)])
        self.run_job()
        self.job(UPSERT, "id < 5")
        self.part(2, [(1, 7)])
        self.run_job()
        self.assertEqual(self.refused(), [(1, "open")])
        self.job(UPSERT, "true")
        self.assertEqual(self.again()["rows_loaded"], 0)

    def test_nothing_open(self):
        self.job(APPEND)
        done = self.project.call("replay", "--quarantined", "facts")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("nothing to load", done.out)
        self.assertEqual(self.project.call("replay", "--quarantined", "fact").code, 2)


class IntoPostgres(Cases, unittest.TestCase):
    goal = PostgresGoal
    killed = UPSERT

    @classmethod
    def setUpClass(cls):
        PostgresGoal.server = TemporaryPostgres().__enter__()
        cls.addClassCleanup(PostgresGoal.server.__exit__, None, None, None)


if __name__ == "__main__":
    unittest.main()
