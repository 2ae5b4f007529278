#!/usr/bin/env python3
"""`tidemark report` and what `show` says of cost, held against sums made here with exact decimals.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import datetime
import decimal
import unittest

from support.project import PROJECT_YAML, Project

PRICES = {"cpu_hour": "3.7", "gb_read": "11.03", "gb_staged": "5", "gb_written": "7"}
ROWS = 20_000


def cost(cpu_us, read, staged, written):
    """In the currency, exactly."""
    decimal.getcontext().prec = 60
    quantities = {"cpu_hour": decimal.Decimal(cpu_us) / 3_600_000_000, "gb_read": decimal.Decimal(read) / 10**9,
                  "gb_staged": decimal.Decimal(staged) / 10**9, "gb_written": decimal.Decimal(written) / 10**9}
    return sum(decimal.Decimal(PRICES[name]) * quantity for name, quantity in quantities.items())


class Report(unittest.TestCase):
    def setUp(self):
        self.project = self.enterContext(Project())
        self.project.write("tidemark.yaml", PROJECT_YAML + "prices: {currency: EUR, " +
                           ", ".join(f"{name}: {price}" for name, price in PRICES.items()) + "}\n")
        self.job("orders", "slo: {freshness: 1h, duration: 10m, objective: 90%}\n")

    def job(self, name, rest=""):
        self.project.job(name, f'from: {{connection: landing, files: "{name}-*.csv"}}\n'
                               f"to: {{connection: warehouse, table: {name}, load: append}}\n{rest}")

    def rows(self, name, part, count=ROWS):
        self.project.write(f"data/{name}-{part}.csv",
                           "id,text\n" + "".join(f"{row},row number {row}\n" for row in range(count)))

    def run_job(self, name, code=0):
        done = self.project.call("run", name, "--json")
        self.assertEqual(code, done.code, done.err)
        return done.json["run_id"]

    def report(self, *arguments, code=0):
        done = self.project.call("report", *arguments)
        self.assertEqual(code, done.code, done.err)
        return done

    def test_what_a_run_used_and_what_it_cost(self):
        self.rows("orders", 1)
        run = self.run_job("orders")
        shown = self.project.call("show", run, "--json").json
        used = shown["used"]
        self.assertGreater(used["cpu_ms"], 0)
        self.assertGreater(used["bytes_read"], 0)
        staged = sum(stream["bytes_staged"] for stream in shown["streams"])
        # The document has whole milliseconds, the store has microseconds.
        least = cost(used["cpu_ms"] * 1000, used["bytes_read"], staged, used["bytes_written"])
        most = cost(used["cpu_ms"] * 1000 + 999, used["bytes_read"], staged, used["bytes_written"])
        amount = decimal.Decimal(shown["cost"]["amount"])
        half = decimal.Decimal("0.0000000005")
        self.assertTrue(least - half <= amount <= most + half, (least, amount, most))
        self.assertEqual("EUR", shown["cost"]["currency"])
        million = decimal.Decimal(shown["cost"]["per_million_rows"])
        self.assertTrue(abs(million - amount * 10**6 / ROWS) <= half * 10**6 / ROWS + half, (million, amount))
        text = self.project.call("show", run).out
        self.assertIn("of processor time", text)
        self.assertIn(f"{shown['cost']['amount']} EUR", text)

    def test_a_week_with_its_sums(self):
        self.job("customers")
        for part in (1, 2):
            self.rows("orders", part)
            self.run_job("orders")
        self.run_job("orders")  # finds nothing new
        self.rows("customers", 1, 10)
        self.run_job("customers")
        found = self.report("--json").json
        jobs = {job["job"]: job for job in found["jobs"]}
        self.assertEqual(["customers", "orders"], sorted(jobs))
        orders = jobs["orders"]
        self.assertEqual((3, 1, 0, 2 * ROWS), tuple(orders[name] for name in ("runs", "idle", "failed", "rows_loaded")))
        self.assertEqual(2 * ROWS + 10, found["all"]["rows_loaded"])
        for name in ("runs", "cpu_ms", "bytes_read", "bytes_staged"):
            self.assertAlmostEqual(found["all"][name], sum(job[name] for job in jobs.values()), delta=2)
        total = sum(decimal.Decimal(job["cost"]) for job in jobs.values())
        self.assertLessEqual(abs(total - decimal.Decimal(found["all"]["cost"])), decimal.Decimal("0.000000002"))
        steps = {step["step"]: step for step in orders["steps"]}
        self.assertEqual({"extract", "transform", "load", "ingest"}, set(steps))
        self.assertEqual(2, steps["ingest"]["times"])
        self.assertGreaterEqual(steps["ingest"]["p95_ms"], steps["extract"]["p50_ms"])
        promises = {promise["promise"]: promise for promise in orders["promises"]}
        self.assertEqual((3, 3), (promises["duration"]["measured"], promises["duration"]["kept"]))
        self.assertEqual(1, promises["freshness"]["share"])
        self.assertEqual(1, promises["duration"]["budget_left"])
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        self.assertNotIn(today, orders["days_without_runs"])
        self.assertEqual(7, len(orders["days_without_runs"]), "a week ago to now touches eight days")

    def test_the_page_is_80_columns_wide_and_the_worst_come_first(self):
        self.job("a_name_that_is_much_longer_than_any_table_has_room_for", "slo: {duration: 10m}\n")
        self.rows("orders", 1)
        self.run_job("orders")
        self.project.write("data/a_name_that_is_much_longer_than_any_table_has_room_for-1.csv", "id\n1\n")
        self.run_job("a_name_that_is_much_longer_than_any_table_has_room_for")
        page = self.report().out
        self.assertLessEqual(max(map(len, page.splitlines())), 80, page)
        for word in ("orders", "freshness", "duration", "ingest", "EUR", "(all)", "no run on"):
            self.assertIn(word, page)
        only = self.report("--job", "ord*", "--json").json
        self.assertEqual(["orders"], [job["job"] for job in only["jobs"]])

    def test_weeks_and_what_is_none(self):
        self.rows("orders", 1)
        self.run_job("orders")
        year, week, _ = datetime.datetime.now(datetime.timezone.utc).isocalendar()
        now = self.report("--week", f"{year}-W{week:02}", "--json").json
        self.assertEqual(1, now["all"]["runs"])
        monday = datetime.date.fromisocalendar(year, week, 1).isoformat()
        self.assertEqual(f"{monday}T00:00:00.000000Z", now["from"])
        self.assertEqual(0, self.report("--week", "2020-W53", "--json").json["all"]["runs"])
        self.assertEqual("2020-12-28T00:00:00.000000Z", self.report("--week", "2020-W53", "--json").json["from"])
        for wrong in ("2021-W53", "2026-W00", "2026-W54", "2026-47", "W47", "2026-Wxx"):
            self.assertIn("is no week", self.report("--week", wrong, code=2).err)
        self.assertIn("--week says", self.report("--week", "2026-W01", "--from", "2026-01-01", code=2).err)
        self.assertIn("turn them round", self.report("--from", "2026-01-02", "--to", "2026-01-01", code=2).err)
        self.report("--from", "2025-01-01", "--to", "2026-02-05")
        for long in (("--from", "2025-01-01", "--to", "2026-02-06"), ("--from", "0000-01-01")):
            self.assertIn("more than 400 days", self.report(*long, code=2).err)

    def test_a_project_without_a_run(self):
        found = self.report("--json").json
        self.assertEqual([], found["jobs"])
        self.assertEqual(0, found["all"]["runs"])
        self.assertIn("no job has run yet", self.report().out)


if __name__ == "__main__":
    unittest.main()
