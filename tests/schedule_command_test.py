#!/usr/bin/env python3
"""`tidemark schedule`: the times at which jobs run by themselves, and what is said of schedules that are none.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import datetime
import unittest

from support.project import PROJECT_YAML, Project, listing

READ = 'from: {connection: landing, files: "x-*.csv"}\nto: {connection: warehouse, table: NAME, load: append}\n'


class Schedule(unittest.TestCase):
    def setUp(self):
        self.project = self.enterContext(Project())

    def job(self, name, schedule):
        self.project.job(name, READ.replace("NAME", name) + schedule)

    def schedule(self, *arguments):
        done = self.project.call("schedule", *arguments)
        self.assertEqual(0, done.code, done.err)
        return done

    def test_times_of_a_day_through_a_change_of_the_clock(self):
        self.job("nightly", 'cron: "30 2 * * *"\ntimezone: Europe/Berlin\n')
        shown = self.schedule("nightly", "--from", "2026-03-28", "--to", "2026-03-31").out
        self.assertIn("2026-03-28T01:30:00.000000Z  Sat 2026-03-28 02:30:00 +01:00  Europe/Berlin  nightly", shown)
        self.assertIn("2026-03-29T01:00:00.000000Z  Sun 2026-03-29 03:00:00 +02:00", shown)
        self.assertIn("2026-03-30T00:30:00.000000Z  Mon 2026-03-30 02:30:00 +02:00", shown)
        self.assertEqual(5, len(shown.splitlines()), "three times below the two lines of the head")
        autumn = self.schedule("nightly", "--from", "2026-10-25", "--to", "2026-10-26", "--json").json
        self.assertEqual(["2026-10-25T00:30:00.000000Z"], autumn[0]["times"])

    def test_the_next_ones_of_all_jobs_in_the_order_of_their_times(self):
        self.job("often", "every: 10m\n")
        self.job("west", 'cron: "5 0 * * *"\ntimezone: America/St_Johns\n')
        self.job("by_hand", "")
        self.job("off", "every: 1m\nenabled: false\n")
        lines = self.schedule("--from", "2026-01-01T03:20:00Z", "--limit", "4").out.splitlines()[2:]
        self.assertEqual(["often", "often", "west", "often"], [line.split()[-1] for line in lines])
        self.assertTrue(lines[0].startswith("2026-01-01T03:20:00"), "one at --from belongs to it")
        self.assertIn("Thu 2026-01-01 00:05:00 -03:30", lines[2])
        documents = self.schedule("--from", "2026-01-01", "--limit", "2", "--json").json
        self.assertEqual({"often", "west"}, {one["job"] for one in documents})
        self.assertEqual({600_000, None}, {one["every_ms"] for one in documents})
        self.assertEqual({2}, {len(one["times"]) for one in documents})
        # One that is asked for by its name is shown though nothing starts it now.
        self.assertIn("off", self.schedule("off").out)

    def test_without_a_time_it_begins_now(self):
        self.job("often", "every: 1s\n")
        first = self.schedule("often", "--json").json[0]["times"][0]
        apart = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(first.replace("Z", "+00:00"))
        self.assertLess(abs(apart.total_seconds()), 60)

    def test_what_does_not_run_by_itself_is_said(self):
        self.job("by_hand", "")
        self.assertIn("neither `every` nor `cron`", self.schedule("by_hand").err)
        self.assertIn("no enabled job of this project runs by itself", self.schedule().err)
        self.assertEqual([], self.schedule("by_hand", "--json").json[0]["times"])

    def test_from_when_to_when_and_days_off(self):
        self.job("daily", 'cron: "0 6 * * *"\ntimezone: Europe/Berlin\nstarts: 2026-12-23\nends: 2026-12-28\n'
                          'days_off: [2026-12-25, 2026-12-26]\n')
        times = self.schedule("daily", "--from", "2026-12-01", "--to", "2027-01-01", "--json").json[0]["times"]
        self.assertEqual([f"2026-12-{day}T05:00:00.000000Z" for day in (23, 24, 27)], times)

    def test_days_of_a_calendar(self):
        self.project.write("holidays.csv", "2026-12-25,Christmas\n")
        calendars = "calendars: {berlin: {weekdays_off: [SAT, SUN], file: holidays.csv}}\n"
        self.project.write("tidemark.yaml", PROJECT_YAML + calendars)
        daily = 'cron: "0 6 * * *"\ntimezone: Europe/Berlin\ncalendar: berlin\n'
        self.job("daily", daily)
        self.job("monthly", daily.replace("* * *", "26 * *") + "on_day_off: next_workday\n")
        days = lambda job: [time[:10] for time in self.schedule(
            job, "--from", "2026-12-22", "--to", "2026-12-31", "--json").json[0]["times"]]
        self.assertEqual([f"2026-12-{day}" for day in (22, 23, 24, 28, 29, 30)], days("daily"))
        self.assertEqual(["2026-12-28"], days("monthly"))

    def test_comparisons_are_listed_beside_the_runs(self):
        self.job("orders", 'every: 1d\nverify: {cron: "0 3 * * SUN"}\ntimezone: Europe/Berlin\n')
        span = ("--from", "2026-11-21", "--to", "2026-11-23")
        lines = self.schedule("orders", *span).out.splitlines()[2:]
        self.assertEqual(3, len(lines))
        self.assertTrue(lines[2].endswith("Sun 2026-11-22 03:00:00 +01:00  Europe/Berlin  orders verify"), lines)
        runs, compares = self.schedule("orders", *span, "--json").json
        self.assertEqual(("run", "verify"), (runs["task"], compares["task"]))
        self.assertEqual(["2026-11-22T02:00:00.000000Z"], compares["times"])
        self.assertEqual("0 3 * * SUN", compares["cron"])

    def test_a_job_that_only_compares_by_itself_is_listed(self):
        self.job("orders", "verify: {every: 7d}\n")
        self.assertIn("orders verify", self.schedule().out)

    def test_jobs_that_follow_others_say_so(self):
        self.job("orders", "every: 1h\n")
        self.job("customers", "every: 1h\n")
        self.job("facts", "after: [orders, customers]\n")
        self.job("either", "after: {any: [orders, customers]}\n")
        said = self.schedule("--limit", "1").err
        self.assertIn("facts has no times of its own: it runs after orders and customers", said)
        self.assertIn("either has no times of its own: it runs after orders or customers", said)
        self.job("daily", "every: 1d\nafter: [orders]\n")
        self.assertIn("daily waits at its times for orders\n", self.schedule("daily").err)
        facts = self.schedule("facts", "--json").json[0]
        self.assertEqual((["orders", "customers"], []), (facts["after"], facts["times"]))

    def test_bad_schedules_are_faults_with_their_place(self):
        for schedule, words in {
            'cron: "0 25 * * *"\n': ("jobs/bad.yaml:3:7", "`25` is no hour", "0 to 23"),
            'cron: "0 0 30 2 *"\n': ("jobs/bad.yaml:3:7", "there is no such day, so it never comes",
                                     "it means day 30 of FEB"),
            'cron: "0 0 ? * MON"\n': ("`?` means nothing", "write `*`"),
            'cron: "*/90 * * * *"\n': ("larger than its field", "every"),
            'every: 500ms\n': ("jobs/bad.yaml:3:8", "less than a second", "every: 1s"),
            'every: 400d\n': ("more than a year",),
            'every: 1h\ncron: "0 0 * * *"\n': ("both `every` and `cron`",),
            'cron: "0 0 * * *"\ntimezone: Europe/Berlim\n': ("time zone", "IANA"),
        }.items():
            with self.subTest(schedule):
                self.job("bad", schedule)
                for command in ("validate", "schedule"):
                    done = self.project.call(command)
                    self.assertEqual(2, done.code)
                    for word in words:
                        self.assertIn(word, done.out + done.err)

    def test_what_is_easily_meant_otherwise_is_said_with_the_next_times(self):
        self.job("either", 'cron: "0 2 13 * FRI"\ntimezone: Europe/Berlin\n')
        self.job("wanders", "every: 7h\n")
        self.job("over", "every: 1h\nends: 2026-01-01\n")
        self.job("plain", 'cron: "0 2 * * FRI"\n')
        said = self.schedule("--from", "2026-11-10", "--limit", "1").err
        self.assertIn("jobs/either.yaml:3:7: `0 2 13 * FRI` means each day that its day of the month or its day of the "
                      "week names", said)
        self.assertIn("the next: Fri 2026-11-13 02:00:00 +01:00, Fri 2026-11-20 02:00:00 +01:00, "
                      "Fri 2026-11-27 02:00:00 +01:00", said)
        self.assertIn("jobs/wanders.yaml: `every` does not divide a day", said)
        self.assertIn("over never runs by itself from 2026-11-10T00:00:00.000000Z on", said)
        self.assertNotIn("plain", said)

    def test_limits_that_leave_no_time_tell_the_times_as_understood(self):
        self.job("bad", 'cron: "0 2 1 * *"\ntimezone: Europe/Berlin\nstarts: 2026-12-24\nends: 2026-12-24\n')
        said = self.project.call("validate").out
        self.assertIn("jobs/bad.yaml:6:7: `ends` is not after `starts`, so the job never runs", said)
        self.assertIn("2027-01-01 02:00:00, 2027-02-01 02:00:00, 2027-03-01 02:00:00 (Europe/Berlin)", said)
        self.job("bad", 'cron: "0 2 1 * *"\nstarts: 2026-12-24\nends: 2026-12-30\n')
        self.assertIn("jobs/bad.yaml:5:7: no time of the job lies between", self.project.call("validate").out)
        self.job("bad", "every: 7d\nstarts: 2026-12-25\nends: 2026-12-26\n")
        self.assertIn("2026-12-31 00:00:00, 2027-01-07 00:00:00", self.project.call("validate").out)
        self.job("bad", "every: 1h\nstarts: 2026-12-25\nends: 2026-12-26\n")
        self.assertEqual(0, self.project.call("validate").code)

    def test_bad_times_and_names(self):
        self.job("often", "every: 1h\n")
        before = listing(self.project.dir)
        for arguments, words in {
            ("--from", "yesterday"): ("--from", "`yesterday` is no moment", "2026-11-22"),
            ("--to", "2026-13-01"): ("--to", "no moment"),
            ("--from", "2026-02-01", "--to", "2026-01-01"): ("--to is before --from",),
            ("--to", "2400-01-01"): ("before the year 2400",),
            ("--from", "2026-01-01", "--to", "2399-01-01"): ("more than 100,000 times", "--to"),
            ("oftn",): ("`oftn`", "`often`"),
        }.items():
            with self.subTest(arguments):
                done = self.project.call("schedule", *arguments)
                self.assertEqual(2, done.code)
                for word in words:
                    self.assertIn(word, done.err)
        self.schedule("often")
        self.assertEqual(before, listing(self.project.dir), "nothing is written")


if __name__ == "__main__":
    unittest.main()
