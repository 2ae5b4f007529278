// A year of jobs of many kinds, with what goes wrong in it, for the tests that judge how many rows
// were read.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace tidemark {

inline constexpr std::int64_t day = 24;
inline constexpr std::int64_t week = 7 * day;
inline constexpr std::int64_t year = 52 * week;
// History first, so that each kind of job is known.
inline constexpr std::int64_t learning = 6 * week;

// Every other month a day is quiet, which nobody told: an alarm then is a false one.
inline bool is_holiday(std::int64_t hour) {
  return hour / day % 61 == 0;
}

// One kind of job: how many rows an hour has, without noise.
struct Kind {
  const char* name;
  std::int64_t every = 1;  // hours between slots
  double noise = 0.1;      // of the logarithm
  std::function<double(std::int64_t hour)> rows;
};

inline double by_day(std::int64_t hour) {
  return 1 + 0.8 * std::sin(2 * M_PI * static_cast<double>(hour % day - 6) / day);
}
inline bool is_weekend(std::int64_t hour) {
  return hour / day % 7 >= 5;
}
inline bool is_office(std::int64_t hour) {
  return !is_weekend(hour) && hour % day >= 8 && hour % day < 18;
}

inline std::vector<Kind> kinds() {
  return {
      {"steady", 1, 0.1, [](std::int64_t) { return 10'000.0; }},
      {"noisy", 1, 0.3, [](std::int64_t hour) { return 5'000 * by_day(hour); }},
      {"weekly", 1, 0.15,
       [](std::int64_t hour) { return 20'000 * by_day(hour) * (is_weekend(hour) ? 0.3 : 1); }},
      {"growing", 1, 0.15,
       [](std::int64_t hour) {
         return 2'000 * by_day(hour) * std::exp(0.03 * static_cast<double>(hour) / week);
       }},
      {"office", 1, 0.2, [](std::int64_t hour) { return is_office(hour) ? 3'000.0 : 0.0; }},
      {"small", 1, 0.1, [](std::int64_t hour) { return 40 * by_day(hour); }},
      {"nightly", day, 0.1, [](std::int64_t) { return 500'000.0; }},
      {"nightly with weekends", day, 0.15,
       [](std::int64_t hour) { return is_weekend(hour) ? 50'000.0 : 400'000.0; }},
      {"six-hourly", 6, 0.2, [](std::int64_t hour) { return 9'000 * by_day(hour); }},
      {"wild", 1, 0.5, [](std::int64_t) { return 1'000.0; }},
  };
}

// What went wrong from `begin` to `end`: rows were so many times what they would have been.
struct Incident {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  double times = 0;
};

struct Found {
  int incidents = 0;
  int found = 0;
  int false_alarms = 0;
  double months = 0;
};

inline std::vector<Incident> incidents_of(const Kind& kind, std::mt19937_64& random) {
  // Nothing comes; a part is missing; all comes twice or more.
  const std::vector<double> sizes{0, 0, 0.1, 0.25, 3, 4, 10};
  std::vector<Incident> incidents;
  std::uniform_int_distribution<std::int64_t> gap(2 * week, 5 * week);
  std::uniform_int_distribution<std::int64_t> length(1, 3);
  for (std::int64_t at = learning + gap(random); at < year - week; at += gap(random)) {
    // It lasts for some slots in which rows are due.
    const std::int64_t slots = length(random) * (kind.every == 1 ? 4 : 1);
    std::int64_t end = at;
    for (std::int64_t due = 0; due < slots && end < year; end += 1)
      due += end % kind.every == 0 && kind.rows(end) > 0 ? 1 : 0;
    incidents.push_back(
        {at, end, sizes[std::uniform_int_distribution<std::size_t>(0, sizes.size() - 1)(random)]});
  }
  return incidents;
}

// Whether there is an alarm, now that so many rows were read in that hour of UTC.
using Judge = std::function<bool(std::int64_t hour, std::int64_t rows)>;

// Hour by hour through a year. `wall`: what the clock of the job's place shows then.
inline Found replay(
    const Kind& kind, std::uint64_t seed, const Judge& judge,
    const std::function<std::int64_t(std::int64_t hour)>& wall = [](std::int64_t hour) {
      return hour;
    }) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> noise(0, kind.noise);
  const std::vector<Incident> incidents = incidents_of(kind, random);
  std::vector<bool> found(incidents.size(), false);
  Found result;
  result.incidents = static_cast<int>(incidents.size());
  result.months = static_cast<double>(year - learning) / (year / 12.0);
  std::int64_t alarm_until = -1;  // anomalies in a row are one alarm
  for (std::int64_t hour = 0; hour < year; hour += kind.every) {
    const auto in = std::find_if(incidents.begin(), incidents.end(), [&](const Incident& one) {
      return one.begin <= hour && hour < one.end;
    });
    // The service stands still for a night each month, and then there are no slots.
    if (hour % (30 * day) < 10) continue;
    double mean = kind.rows(wall(hour)) * std::exp(noise(random));
    if (in != incidents.end()) {
      mean *= in->times;
    } else if (is_holiday(wall(hour))) {
      mean *= 0.3;
    }
    const std::int64_t rows = mean > 0 ? std::poisson_distribution<std::int64_t>(mean)(random) : 0;
    if (!judge(hour, rows) || hour < learning) continue;
    if (in != incidents.end()) {
      found[static_cast<std::size_t>(in - incidents.begin())] = true;
    } else if (hour > alarm_until) {
      ++result.false_alarms;
    }
    alarm_until = hour + std::max<std::int64_t>(kind.every, 6);
  }
  result.found = static_cast<int>(std::count(found.begin(), found.end(), true));
  return result;
}

// Years of each kind, printed; enough is found, and hardly ever is there an alarm without reason.
inline void expect_good_years(
    std::uint64_t seeds, const std::function<Found(const Kind&, std::uint64_t seed)>& one_year) {
  Found all;
  double worst = 0;
  for (const Kind& kind : kinds()) {
    Found of_kind;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      const Found one = one_year(kind, seed * 7919);
      of_kind.incidents += one.incidents;
      of_kind.found += one.found;
      of_kind.false_alarms += one.false_alarms;
      of_kind.months += one.months;
    }
    const double a_month = of_kind.false_alarms / of_kind.months;
    std::printf("%-24s %3d of %3d incidents found, %.2f false alarms a month\n", kind.name,
                of_kind.found, of_kind.incidents, a_month);
    worst = std::max(worst, a_month);
    all.incidents += of_kind.incidents;
    all.found += of_kind.found;
    all.false_alarms += of_kind.false_alarms;
    all.months += of_kind.months;
  }
  const double share = static_cast<double>(all.found) / all.incidents;
  std::printf(
      "all: %.1f %% of %d incidents found, %.2f false alarms per job and month, at most %.2f\n",
      share * 100, all.incidents, all.false_alarms / all.months, worst);
  EXPECT_GE(share, 0.95);
  EXPECT_LE(worst, 1.0);
}

}  // namespace tidemark
