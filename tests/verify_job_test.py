#!/usr/bin/env python3
"""`tidemark verify`: what a target has of its source, found and repaired, over pairs of systems.

Each test changes the target, or the source behind its watermark, as no run would, and looks whether the comparison
tells exactly that, and whether a repair puts exactly that right.
"""

import time
import unittest

from support.drift import Drift
from support.duckdb_file import DuckdbFile

HOUR_AGO = {"postgres": "now() - interval '1 hour'", "mysql": "now(6) - interval 1 hour"}
MORE_COLUMNS = {
    "postgres": "ok boolean, price numeric(12,3), big numeric(50,10), day date, blob bytea, doc jsonb, real8 float8, "
                "u uuid, plain timestamp, many int[]",
    "mysql": "ok bit(1), price decimal(12,3), big decimal(50,10), day date, blobs blob, doc json, real8 double, "
             "u char(36), plain datetime(6), many bigint unsigned",
}
VALUES = {
    "postgres": "true, 1.500, 12345678901234567890123456789012345.5, '0044-03-15 BC', '\\x00ff', "
                "'{\"b\": 1.10, \"a\": null}', '-0', '00112233-4455-6677-8899-aabbccddeeff', 'infinity', '{1,NULL}'",
    "mysql": "b'1', 1.500, 12345678901234567890123456789012345.5, '1000-01-01', x'00ff', '{\"b\": 1.10, \"a\": null}', "
             "1e-300, 'x', '9999-12-31 23:59:59.999999', 18446744073709551615",
}


class Verify(Drift):
    """A source table `t`, with many types unless it has many rows, and its target."""

    def make_rows(self, table="t", rows=200, key="id int primary key"):
        kind, past = self.source_kind, HOUR_AGO[self.source_kind]
        numbers = (f"generate_series(1, {rows}) as s(i)" if kind == "postgres" else
                   f"(select seq as i from seq_1_to_{rows}) as s")
        at = "timestamptz" if kind == "postgres" else "timestamp(6)"
        more, values = (MORE_COLUMNS[kind] + ",", VALUES[kind] + ",") if rows <= 1000 else ("", "")
        self.shop(f"create table {table} ({key}, name varchar(20), {more} "
                  f"at {at} not null default current_timestamp(6)); "
                  f"insert into {table} select i, concat('n', i), {values} {past} from {numbers}")

    def verify(self, job="t", *options):
        done = self.project.call("verify", job, "--json", *options)
        self.assertIn(done.code, (0, 1), done.err)
        streams = done.json["after"] or done.json["streams"]
        faults = sum(stream[name] for stream in streams for name in ("missing", "different", "doubled"))
        self.assertEqual(1 if faults else 0, done.code, done.json)
        self.assertEqual(done.json["equal"], all(stream["proved_at"] for stream in streams), done.json)
        return done.json

    def stream(self, *options, job="t"):
        return self.verify(job, *options)["streams"][0]

    def change(self, sql):
        """In the target, by another's hand."""
        if self.target_kind != "duckdb":
            return self.target(sql)
        with DuckdbFile(self.project.dir / "warehouse.duckdb") as file:
            return [file.rows(one) for one in sql.split("; ")]

    def found(self, stream):
        return tuple(stream[name] for name in ("missing", "different", "only_in_target"))


class Findings:
    """Mixed into a Verify of a pair of systems."""

    def test_an_upsert_that_is_equal_is_proved_and_one_that_is_not_repaired(self):
        self.make_rows()
        self.job("t")
        self.good("t")
        first = self.stream()
        self.assertEqual(("carried", 200, (0, 0, 0)), (first["compared"], first["rows"], self.found(first)))
        self.assertIsNotNone(first["proved_at"])
        self.assertIn("proved equal at", self.project.call("runs", "t").out)
        # The columns are those of the source, and a second look skips what it proved.
        self.assertEqual(13, len(first["columns"]))
        again = self.stream()
        self.assertEqual(again["parts"], again["parts_skipped"])
        self.assertEqual(0, self.stream("--all")["parts_skipped"])

        self.change("delete from t where id in (3, 77); update t set name = 'wrong' where id = 5; "
                    "update t set id = 1000 where id = 150")
        seen = self.stream()
        self.assertEqual((3, 1, 1), self.found(seen))
        self.assertEqual({"missing: id=3", "missing: id=77", "missing: id=150", "different: id=5",
                          "only in the target: id=1000"}, set(seen["examples"]))
        self.assertIsNone(seen["proved_at"])
        self.assertNotIn("proved equal", self.project.call("runs", "t").out)
        done = self.verify("t", "--repair")
        self.assertEqual(4, done["repair"]["streams"][0]["rows_loaded"], done)
        self.assertEqual("success", done["repair"]["status"])
        self.assertEqual((0, 0, 1), self.found(done["after"][0]))
        after = self.stream()
        self.assertEqual((0, 0, 1), self.found(after))
        self.assertIsNotNone(after["proved_at"])
        self.assertEqual("skipped", self.verify("t", "--repair")["repair"]["status"])
        # The watermark is where it was, and the next window is the next one.
        self.shop("update t set name = 'new', at = current_timestamp(6) where id = 9")
        time.sleep(1.2)
        self.good("t")
        self.assertEqual([["new"]], [row[:1] for row in self.table("t", "name, id") if row[1] == "9"])
        self.assertEqual((0, 0, 1), self.found(self.stream()))

    def test_a_row_that_came_late_below_the_watermark_is_found_measured_and_repaired(self):
        self.make_rows()
        self.job("t", load="append")
        self.good("t")
        time.sleep(3)
        self.shop("insert into t (id, name) values (900, 'new')")
        self.assertEqual("success", self.after_a_while()["status"])
        self.shop(f"insert into t select 1000, 'late', {VALUES[self.source_kind]}, m - interval '2' second "
                  "from (select max(at) as m from t) as newest")
        seen = self.stream()
        self.assertEqual((1, 0), self.found(seen)[:2], seen)
        self.assertGreater(seen["seconds_late"], 1.9)
        self.assertLess(seen["seconds_late"], 60)
        told = self.project.call("verify", "t").out
        self.assertRegex(told, "(?s)the time of a missing row.*(writes this time himself|come so late are passed)")
        done = self.verify("t", "--repair")
        self.assertEqual(1, done["repair"]["streams"][0]["rows_loaded"], done)
        self.assertEqual((0, 0), self.found(self.stream())[:2])
        self.assertEqual(1, [row[0] for row in self.table("t", "id")].count("1000"))
        # A second repair doubles nothing.
        self.verify("t", "--repair")
        self.assertEqual(1, [row[0] for row in self.table("t", "id")].count("1000"))

    def test_rows_that_an_append_has_not_come_to_belong_to_the_next_window(self):
        self.make_rows()
        self.job("t", load="append")
        self.good("t")
        self.shop("insert into t (id, name) values (500, 'new')")
        self.shop("update t set name = 'newer', at = current_timestamp(6) where id = 4")
        seen = self.stream()
        self.assertEqual((0, 0, 1), self.found(seen), seen)
        self.assertIsNotNone(seen["proved_at"])
        # A row that is there twice is twice in the target, and one copy may be missing.
        self.change("insert into t select * from t where id = 9")
        self.change("delete from t where id = 10")
        self.assertEqual((1, 0, 2), self.found(self.stream()))

    def after_a_while(self):
        time.sleep(1.2)  # an append ends a second before now
        return self.run_job("t")

    def test_rows_that_changed_since_the_last_window_belong_to_the_next(self):
        self.make_rows()
        self.job("t")
        self.good("t")
        self.shop("insert into t (id, name) values (500, 'new'); delete from t where id = 8; "
                  "update t set name = 'newer', at = current_timestamp(6) where id in (4, 5)")
        self.change("delete from t where id = 5; delete from t where id = 6")
        seen = self.stream()
        self.assertEqual((1, 0, 1), self.found(seen), seen)
        self.assertEqual({"missing: id=6", "only in the target: id=8"}, set(seen["examples"]))
        self.assertEqual(3, seen["pending"])
        # What is not compared is not proved.
        self.verify("t", "--repair")
        self.assertEqual((0, 0, None), (*self.found(self.stream())[:2], self.stream()["proved_at"]))

    def test_a_change_behind_a_proof_is_seen(self):
        self.make_rows(rows=90_000)
        self.job("t")
        self.good("t")
        parts = self.stream()["parts"]
        self.assertGreater(parts, 2)
        past = HOUR_AGO[self.source_kind]
        # A late insert, and a late update whose time is old but another than before.
        self.shop(f"insert into t select 200000, 'late', {past}")
        self.shop(f"update t set name = 'late', at = {past} where id = 11")
        seen = self.stream()
        self.assertEqual((1, 1), self.found(seen)[:2], seen)
        self.assertGreater(seen["parts_skipped"], 0)
        self.verify("t", "--repair")
        # What leaves the watermark as it was is seen by --all.
        self.assertEqual((0, 0), self.found(self.stream())[:2])
        self.shop("update t set name = 'silent', at = at where id = 30000")
        self.assertEqual((0, 0), self.found(self.stream())[:2])
        self.assertEqual((0, 1), self.found(self.stream("--all"))[:2])


class PostgresToDuckdb(Findings, Verify):
    def test_what_rules_refuse_is_no_difference_and_not_loaded_by_a_repair(self):
        self.make_rows()
        self.job("t", more="rules: {small: id < 190}\n")
        self.good("t")
        seen = self.stream()
        self.assertEqual((0, 0, 0, 11), (*self.found(seen), seen["refused"]))
        self.change("delete from t where id = 3")
        done = self.verify("t", "--repair")
        self.assertEqual((1, 0), tuple(done["repair"]["streams"][0][name] for name in ("rows_loaded", "rows_rejected")))
        self.assertEqual(11, self.project.count("tidemark_quarantine where resolved_at is null"))

    def test_a_job_with_steps_is_compared_behind_them(self):
        self.make_rows()
        self.job("t", more="transform: [{derive: {twice: id * 2}}, {drop: [many]}]\nrules: {small: id < 190}\n")
        self.good("t")
        seen = self.stream()
        self.assertEqual(("transformed", (0, 0, 0)), (seen["compared"], self.found(seen)))
        self.assertIsNotNone(seen["proved_at"])
        self.change("delete from t where id = 3; update t set twice = 0 where id = 4")
        self.assertEqual((1, 1, 0), self.found(self.stream()))
        self.verify("t", "--repair")
        self.assertEqual((0, 0, 0), self.found(self.stream()))
        self.assertEqual(11, self.project.count("tidemark_quarantine where resolved_at is null"))
        # What belongs to the next window is no difference behind steps either.
        self.shop("update t set name = 'new', at = now() where id in (7, 8)")
        seen = self.stream()
        self.assertEqual((0, 0, 0, 2, None), (*self.found(seen), seen["pending"], seen["proved_at"]))

    def test_an_append_behind_steps_says_why_it_repairs_nothing(self):
        self.make_rows()
        self.job("t", load="append", more="transform: [{derive: {twice: id * 2}}]\n")
        self.good("t")
        self.change("delete from t where id = 3")
        done = self.project.call("verify", "t", "--repair")
        self.assertEqual(1, done.code, done.out)
        self.assertIn("tidemark run t --full", done.out)
        self.assertNotIn("--repair` loads", done.out)

    def test_rows_that_stand_in_a_table_twice_are_not_equal(self):
        self.make_rows()
        self.job("t", load="full")
        self.job("u", table="t")
        for job in ("t", "u"):
            self.good(job)
            self.change(f"insert into {job} select * from {job} where id < 4")
        seen = self.stream()
        self.assertEqual((3, None), (seen["doubled"], seen["proved_at"]))
        done = self.verify("u", "--repair")
        self.assertEqual((3, 0), (done["streams"][0]["doubled"], done["after"][0]["doubled"]))
        self.assertEqual(200, self.project.count("u"))

    def test_a_proof_is_of_the_job_as_it_is(self):
        self.shop("create table t (id int primary key, v text, at timestamptz default now() - interval '1 hour'); "
                  "insert into t select i, 'v' || i from generate_series(1, 50) i")
        text = ("from: {connection: shop, query: \"select id, v, at from t\", watermark: at}\n"
                "to: {connection: warehouse, table: t, load: upsert, key: [id]}\n")
        self.project.job("t", text)
        self.good("t")
        self.assertIsNotNone(self.stream()["proved_at"])
        self.project.job("t", text.replace("v, at", "upper(v) as v, at"))
        self.assertEqual((0, 50, 0), self.found(self.stream()))

    def test_an_expression_as_watermark_skips_nothing(self):
        self.shop("create table t (id int primary key, v text, c timestamptz, u timestamptz); insert into t select i, "
                  "'v', now() - interval '1 hour' from generate_series(1, 50) i")
        self.project.job("t", "from: {connection: shop, table: t, watermark: \"coalesce(u, c)\"}\n"
                              "to: {connection: warehouse, table: t, load: upsert, key: [id]}\n")
        self.good("t")
        self.stream()
        self.shop("update t set v = 'late', u = now() - interval '90 minutes' where id = 7")
        self.assertEqual((0, 1, 0), self.found(self.stream()))

    def test_another_server_is_no_source_of_a_repair(self):
        self.make_rows()
        self.job("t")
        self.good("t")
        self.change("delete from t where id = 3")
        yaml = (self.project.dir / "tidemark.yaml").read_text()
        self.server("postgres").sql(f"create database other_{self.number}")
        self.server("postgres").sql("create table t (id int primary key, name text, at timestamptz); insert into t "
                                    "values (1, 'older', now() - interval '1 day')", f"other_{self.number}")
        self.project.write("tidemark.yaml", yaml.replace(f"source_{self.number}", f"other_{self.number}"))
        for options in ((), ("--repair",)):
            done = self.project.call("verify", "t", *options)
            self.assertEqual(3, done.code, done.out + done.err)
        self.assertEqual(199, self.project.count("t"))

    def test_a_column_that_is_gone_is_named_and_nothing_loses_its_values(self):
        self.make_rows()
        self.job("t", policy="freeze")
        self.good("t")
        self.shop("alter table t rename column name to title")
        self.change("delete from t where id = 3")
        done = self.verify("t", "--repair")
        self.assertEqual("skipped", done["repair"]["status"])
        self.assertIn("column `name`", done["streams"][0]["not_compared"][0])
        self.assertIn("lose values", done["streams"][0]["no_repair"])

    def test_an_append_with_open_refused_rows_is_not_repaired(self):
        self.make_rows()
        self.job("t", load="append", more="rules: {small: id < 190}\n")
        self.good("t")
        self.job("t", load="append")
        done = self.verify("t", "--repair")
        self.assertIn("replay --quarantined t", done["streams"][0]["no_repair"])
        self.assertEqual(0, self.project.call("replay", "--quarantined", "t").code)
        self.assertIsNotNone(self.stream()["proved_at"])
        self.assertEqual(200, self.project.count("t"))

    def test_the_first_of_several_versions_is_never_put_over_a_newer_one(self):
        self.shop("create table t (id int, v text, at timestamptz); "
                  "insert into t values (1, 'a', now() - interval '1 hour')")
        for job, duplicate in (("first", "first"), ("fail", "fail")):
            self.project.job(job, "from: {connection: shop, table: t, watermark: at}\n"
                                  f"to: {{connection: warehouse, table: {job}, load: upsert, key: [id], "
                                  f"on_duplicate: {duplicate}}}\n")
        self.assertEqual(["success"] * 2, [run["status"] for run in self.run_jobs("first", "fail").values()])
        self.shop("insert into t values (1, 'b', now())")
        time.sleep(1.2)
        self.run_jobs("first", "fail")
        for job in ("first", "fail"):
            self.assertEqual((0, 0, 0), self.found(self.stream("--repair", job=job)))
            self.assertEqual([["b"]], self.project.rows(f"select v from {job}"))
        self.change("update first set v = 'x'; update fail set v = 'x'")
        self.assertIn("on_duplicate: first", self.stream("--repair", job="first")["no_repair"])
        self.verify("fail", "--repair")
        self.assertEqual([["b"]], self.project.rows("select v from fail"))

    def test_a_target_that_keeps_more_digits_is_not_rounded(self):
        self.shop(f"create table t (id numeric(8,1) primary key, v numeric(10,2), small smallint, at timestamptz not "
                  f"null default now()); insert into t select i, i + 0.25, i, {HOUR_AGO['postgres']} "
                  "from generate_series(1, 50) s(i)")
        self.change("create table t (id decimal(12,4), v decimal(18,4), small bigint, \"at\" timestamptz)")
        self.job("t")
        self.good("t")
        self.assertIsNotNone(self.stream()["proved_at"])
        self.change("update t set v = 5.2549 where id = 5; update t set id = 6.0004 where id = 6")
        seen = self.stream()
        self.assertEqual((1, 1, 1), self.found(seen))
        done = self.verify("t", "--repair")
        self.assertEqual((0, 0, 1), self.found(done["after"][0]))
        self.assertEqual([["5.2500"]], [row[:1] for row in self.table("t", "v, small") if row[1] == "5"])
        self.change("update t set v = 9.2500001 where id = 9; update t set v = 9.2501 where id = 10")
        self.assertEqual((0, 1, 1), self.found(self.stream()))

    def test_rows_without_a_watermark_that_were_read_once_are_not_called_missing(self):
        self.shop(f"create table t (id int primary key, at timestamptz); insert into t select i, {HOUR_AGO['postgres']} "
                  "from generate_series(1, 50) s(i); insert into t values (51, null)")
        self.job("t", extra=", null_cursor: once")
        self.good("t")
        self.shop("insert into t values (52, null)")
        seen = self.stream()
        self.assertEqual((0, 0, 1), self.found(seen))
        self.assertIn("null_cursor: once", seen["not_compared"][0])
        self.assertIsNotNone(seen["proved_at"])

    def test_a_wider_target_behind_steps_and_with_a_mark_is_compared(self):
        self.shop(f"create table t (id int primary key, v numeric(10,2), at timestamptz not null default now()); "
                  f"insert into t select i, i, {HOUR_AGO['postgres']} from generate_series(1, 50) s(i)")
        self.change('create table t (id bigint, v decimal(22,4), "at" timestamptz, gone_at timestamptz)')
        self.job("t", more="transform: [{derive: {v: v * 2}}]\ndeletes: {sweep: 24h, mark: gone_at}\n")
        self.good("t")
        first = self.stream()
        self.assertEqual(("transformed", (0, 0, 0)), (first["compared"], self.found(first)))
        self.change("update t set v = v + 0.0001 where id = 7")
        self.assertEqual((0, 1, 0), self.found(self.stream()))

    def test_a_key_that_is_a_decimal_in_the_target_keeps_its_ranges(self):
        self.shop(f"create table t (id int primary key, at timestamptz not null default now()); "
                  f"insert into t select i, {HOUR_AGO['postgres']} from generate_series(1, 90000) s(i)")
        self.change('create table t (id decimal(12,2), "at" timestamptz)')
        self.job("t")
        self.good("t")
        self.assertGreater(self.stream("--budget", "1ms")["parts_left"], 0)
        self.assertIsNotNone(self.stream()["proved_at"])

    def test_composite_and_text_keys_are_divided_by_hash(self):
        self.shop("create table t (a text, b date, v int, at timestamptz not null default now() - interval '1 hour', "
                  "primary key (a, b)); insert into t (a, b, v) select 'k' || i, date '2020-01-01' + i, i "
                  "from generate_series(1, 50000) i")
        self.project.job("t", "from: {connection: shop, table: t, watermark: at}\n"
                              "to: {connection: warehouse, table: t, load: upsert}\n")
        self.good("t")
        self.assertIsNotNone(self.stream()["proved_at"])
        self.change("update t set v = -1 where a = 'k77'; delete from t where a = 'k78'")
        seen = self.stream()
        self.assertEqual((1, 1, 0), self.found(seen))
        self.assertIn("missing: a=k78 b=2020-03-19", seen["examples"])
        self.assertEqual(2, self.verify("t", "--repair")["repair"]["streams"][0]["rows_loaded"])
        self.assertIsNotNone(self.stream()["proved_at"])

    def test_transactions_as_watermark_see_what_changed_since_without_reading_it_again(self):
        self.shop("create table t (id int primary key, v int); insert into t select i, i from generate_series(1, 60000) i")
        self.project.job("t", "from: {connection: shop, table: t, watermark: xmin}\n"
                              "to: {connection: warehouse, table: t, load: upsert, key: [id]}\n")
        self.good("t")
        parts = self.stream()["parts"]
        self.shop("update t set v = -1 where id = 5")
        self.good("t")
        seen = self.stream()
        self.assertEqual((0, 0, 0), self.found(seen))
        self.assertEqual(parts - 1, seen["parts_skipped"])
        self.change("delete from t where id = 7")
        self.shop("update t set v = -1 where id = 8")
        self.assertEqual((1, 0, 0), self.found(self.stream()))

    def test_a_full_load_is_compared_and_not_repaired(self):
        self.make_rows()
        self.job("t", load="full")
        self.good("t")
        self.assertIsNotNone(self.stream()["proved_at"])
        self.shop("delete from t where id = 4; update t set name = 'x' where id = 5")
        seen = self.stream()
        self.assertEqual((0, 1, 1), self.found(seen))
        self.assertIn("load: full", seen["no_repair"])

    def test_a_table_that_was_emptied_is_filled_again(self):
        self.make_rows()
        self.job("t")
        self.good("t")
        self.change("delete from t")
        self.assertEqual(200, self.verify("t", "--repair")["repair"]["streams"][0]["rows_loaded"])
        self.assertIsNotNone(self.stream()["proved_at"])

    def test_a_budget_ends_the_read_and_the_next_goes_on(self):
        self.make_rows(rows=60_000)
        self.job("t")
        self.good("t")
        first = self.stream("--budget", "1ms")
        self.assertGreater(first["parts_left"], 0)
        self.assertIsNone(first["proved_at"])
        left = first["parts_left"]
        # Also where a part has a fault and is read again each time.
        self.shop("delete from t where id = 5")
        self.change("delete from t where id = 6")
        for _ in range(2 * first["parts"]):
            again = self.stream("--budget", "1ms")
            left = min(left, again["parts_left"])
        self.assertEqual(0, left)
        self.assertEqual((1, 0, 1), self.found(self.stream()))

    def test_parts_grow_with_the_table(self):
        self.make_rows(rows=10)
        self.job("t")
        self.good("t")
        self.assertEqual(1, self.stream()["parts"])
        self.shop("insert into t (id, name) select i, 'n' from generate_series(11, 90000) i")
        time.sleep(1.2)
        self.good("t")
        self.assertGreater(self.stream()["parts"], 2)

    def test_each_stream_of_a_job_is_compared(self):
        self.make_rows("one")
        self.make_rows("two", rows=5)
        self.project.job("all", "from: {connection: shop, tables: [\"public.*\"], watermark: at}\n"
                                "to: {connection: warehouse, table: \"{table}\", load: upsert}\n")
        self.good("all")
        self.change("delete from two where id = 2")
        done = self.verify("all", "--repair")
        self.assertEqual([(0, 0, 0), (1, 0, 0)], [self.found(stream) for stream in done["streams"]])
        self.assertEqual(["skipped", "done"], [stream["state"] for stream in done["repair"]["streams"]])
        self.assertEqual(5, self.project.count("two"))

    def test_what_cannot_be_compared_is_said(self):
        self.make_rows()
        self.job("t")
        self.assertEqual("nothing is loaded yet", self.stream()["note"])
        self.good("t")
        self.change("drop table t")
        gone = self.project.call("verify", "t")
        self.assertIn("there is no table t any more", gone.err)
        self.project.write("data/f.csv", "a\n1\n")
        self.project.job("f", "from: {connection: landing, files: f.csv}\nto: {connection: warehouse, table: f}\n")
        self.good("f")
        files = self.project.call("verify", "f")
        self.assertEqual(2, files.code)
        self.assertIn("stage verify", files.err)

    def test_a_new_column_of_the_source_is_left_to_the_drift(self):
        self.make_rows()
        self.job("t")
        self.good("t")
        self.shop("alter table t add column extra int default 5; alter table t drop column many")
        seen = self.stream()
        self.assertEqual((0, 0, 0), self.found(seen))
        self.assertNotIn("extra", seen["columns"])


class PostgresToPostgres(Findings, Verify):
    target_kind = "postgres"


class MysqlToMysql(Findings, Verify):
    source_kind, target_kind = "mysql", "mysql"
    settle = 1.2


class MysqlToDuckdb(Findings, Verify):
    source_kind = "mysql"
    settle = 1.2


class Sqlite(unittest.TestCase):
    def test_a_sqlite_source_is_compared_too(self):
        import sqlite3
        from support.project import Project
        with Project() as project:
            with sqlite3.connect(project.dir / "shop.db") as shop:
                shop.execute("create table t (id integer primary key, name text, at text not null)")
                shop.executemany("insert into t values (?, ?, ?)",
                                 [(i, f"n{i}", f"2024-01-01 00:00:{i % 60:02}") for i in range(1, 101)])
            project.job("t", "from: {connection: shop, table: t, watermark: at}\n"
                             "to: {connection: warehouse, table: t, load: upsert, key: [id]}\n")
            self.assertEqual(0, project.call("run", "t").code)
            first = project.call("verify", "t", "--json").json["streams"][0]
            self.assertEqual((0, 0, 0), (first["missing"], first["different"], first["only_in_target"]), first)
            self.assertIsNotNone(first["proved_at"])
            with sqlite3.connect(project.dir / "shop.db") as shop:
                shop.execute("insert into t values (500, 'late', '2023-01-01 00:00:00')")
            seen = project.call("verify", "t", "--repair", "--json").json
            self.assertEqual(1, seen["streams"][0]["missing"])
            self.assertEqual(101, project.count("t"))

    def test_a_full_load_has_its_rows_without_a_watermark_compared(self):
        import sqlite3
        from support.project import Project
        with Project() as project:
            with sqlite3.connect(project.dir / "shop.db") as shop:
                shop.execute("create table t (id integer primary key, at text)")
                shop.executemany("insert into t values (?, ?)", [(1, "2024-01-01 00:00:00"), (2, None)])
            project.job("t", "from: {connection: shop, table: t, watermark: at, null_cursor: once}\n"
                             "to: {connection: warehouse, table: t, load: full}\n")
            self.assertEqual(0, project.call("run", "t").code)
            with DuckdbFile(project.dir / "warehouse.duckdb") as file:
                file.rows("delete from t where id = 2")
            seen = project.call("verify", "t", "--json").json["streams"][0]
            self.assertEqual((1, []), (seen["missing"], seen["not_compared"]), seen)


if __name__ == "__main__":
    unittest.main()
