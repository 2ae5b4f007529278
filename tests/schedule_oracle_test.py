#!/usr/bin/env python3
"""When cron expressions fire, compared with the library cronsim around every change of every zone's clock, 1970-2100.

Zones with the same changes count once. Expressions are made by a seed, which is printed; TIDEMARK_SCHEDULE=SEED:SHARE
takes another one, and that share of all changes (make test takes a twentieth, 1 takes all). Where the two differ there
must be a reason that is known. Expressions of six fields are not compared: what names seconds goes by elapsed time to
cronsim.

even      a step that does not begin with `*` (`5/10`, `0-30/10`): to us what has steps goes by elapsed time, to cronsim
          by the time of day
twice     cronsim fires two times of day that the clock leaves out at one moment twice
single    cronsim reads `5-5/10` like `5/10`
lost      of what goes by elapsed time cronsim leaves out or adds some where a day or hour begins in a change; looking at
          each second by itself, by cronsim's own rules of a day, gives ours
"""

import datetime
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import unittest
import zoneinfo

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".deps" / "cronsim"))
from cronsim import CronSim  # noqa: E402

UTC = datetime.timezone.utc
FIRST = int(datetime.datetime(1970, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime.datetime(2100, 1, 1, tzinfo=UTC).timestamp())
DAY = 86_400
TIMES_MAX = 500
ANSWERS = pathlib.Path(os.environ.get("TIDEMARK_BINARY", ROOT / "build/dev/tidemark")).parent / "fire_times"


def offset(zone, at):
    return int(datetime.datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset().total_seconds())


def changes_of(zone):
    found, at = [], FIRST
    before = offset(zone, at)
    while at < LAST:
        low, high = at, at + 7 * DAY
        after = offset(zone, high)
        while after != before and high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
        if after != before:
            found.append(high)
            before = offset(zone, high)
        at = high
    return found


def zones():
    """{name: moments} of those that differ."""
    names = sorted(name for name in zoneinfo.available_timezones()
                   if not name.startswith(("posix/", "right/", "SystemV/")) and name not in ("localtime", "Factory"))
    known, found = set(), {}
    for name in names:
        zone = zoneinfo.ZoneInfo(name)
        changes = changes_of(zone)
        what = (offset(zone, FIRST), *((at, offset(zone, at)) for at in changes))
        if what not in known:
            known.add(what)
            found[name] = changes
    return found


class Expressions:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def field(self, least, largest, kinds):
        first = self.random.randint(least, largest)
        last = self.random.randint(first, largest)
        step = self.random.randint(1, max(1, (largest - least) // 3))
        return {"one": f"{first}", "two": f"{first},{last}", "*": "*", "*/": f"*/{step}", "-": f"{first}-{last}",
                "-/": f"{first}-{last}/{step}", "/": f"{first}/{step}"}[self.random.choice(kinds)]

    def next(self):
        minute = self.field(0, 59, ["one"] * 4 + ["two"] * 2 + ["*", "*/", "*/", "-", "-/", "/"])
        hour = self.random.choice(["*", "*/2", "*/3", "0", "1", "2", "3", "1,2", "2,3", "0-3", "1-3", "22-23", "23",
                                   self.field(0, 23, ["one", "two", "-"])])
        day = self.random.choice(["*", "*", "*", "*/2", "L", "LW", "1-7", "15", self.field(1, 31, ["one", "two", "-"])])
        weekday = self.random.choice(["*", "*", "*", "SUN", "0", "7", "1-5", "SUN#2", "SUN#1", "5L", "SAT,SUN",
                                      self.field(0, 7, ["one", "two", "-", "*/"])])
        month = self.random.choice(["*"] * 4 + ["MAR,APR", "3-11", "*/2", self.field(1, 12, ["one", "two", "-"])])
        return f"{minute} {hour} {day} {month} {weekday}"


class TookTooLong(Exception):
    pass


def give_up(*_):
    raise TookTooLong


def expected(expression, zone, begin, end):
    found = []
    for fire in CronSim(expression, datetime.datetime.fromtimestamp(begin, UTC).astimezone(zone)):
        at = int(fire.timestamp())
        if at > end or len(found) == TIMES_MAX:
            return found
        found.append(at)


def each_minute(expression, zone, begin, end):
    """What goes by elapsed time, by cronsim's rules of a day and nothing else of it."""
    rules, found = CronSim(expression, datetime.datetime.fromtimestamp(begin, UTC).astimezone(zone)), []
    for at in range(begin + 1, end + 1):
        wall = datetime.datetime.fromtimestamp(at, UTC).astimezone(zone)
        if (wall.second == 0 and wall.minute in rules.minutes and wall.hour in rules.hours
                and wall.month in rules.months and rules.match_day(wall.date())):
            found.append(at)
            if len(found) == TIMES_MAX:
                break
    return found


def reason(expression, zone, begin, end, want, got):
    minute, hour, *_ = expression.split()
    if sorted(set(want)) == got:
        return "twice"
    by_time_of_day = not minute.startswith("*") and not hour.startswith("*")
    if by_time_of_day and "/" not in minute + hour:
        return None
    single = re.sub(r"\b(\d+)-\1/\d+", r"\1", expression)
    if each_minute(single, zone, begin, end) != got:
        return None
    return "single" if single != expression else "even" if by_time_of_day else "lost"


class ScheduleOracle(unittest.TestCase):
    def test_cron_fires_when_cronsim_says(self):
        seed, _, share = os.environ.get("TIDEMARK_SCHEDULE", "2026:0.05").partition(":")
        expressions = Expressions(int(seed))
        asked = []
        for name, changes in zones().items():
            zone = zoneinfo.ZoneInfo(name)
            for at in changes:
                if expressions.random.random() < float(share or 0.05):
                    asked.append((name, zone, expressions.next(), at - 2 * DAY, at + 2 * DAY))
        self.assertGreater(len(asked), 1000)
        lines = "".join(f"{name}|{cron}|{begin}|{end}\n" for name, _, cron, begin, end in asked)
        answers = subprocess.run([str(ANSWERS)], input=lines, capture_output=True, text=True, check=True).stdout
        signal.signal(signal.SIGALRM, give_up)
        counts = {"equal": 0}
        for (name, zone, cron, begin, end), line in zip(asked, answers.splitlines(), strict=True):
            with self.subTest(seed=seed, zone=name, cron=cron, begin=begin):
                self.assertFalse(line.startswith("fault"), line)
                got = [int(at) for at in line.split()]
                signal.alarm(5)
                try:
                    want = expected(cron, zone, begin, end)
                except TookTooLong:
                    counts["cronsim does not end"] = counts.get("cronsim does not end", 0) + 1
                    continue
                finally:
                    signal.alarm(0)
                why = "equal" if want == got else reason(cron, zone, begin, end, want, got)
                self.assertIsNotNone(why, f"ours {got[:9]}, cronsim {want[:9]}")
                counts[why] = counts.get(why, 0) + 1
        print(f"seed {seed}: {len(asked)} windows, {counts}")
        self.assertGreater(counts["equal"], 0.9 * len(asked))
        self.assertLess(counts.get("cronsim does not end", 0), max(5, 0.001 * len(asked)))


if __name__ == "__main__":
    unittest.main()
