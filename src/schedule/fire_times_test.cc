#include "schedule/fire_times.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

using Times = std::vector<std::string>;

Times next(const FireTimes& times, const std::string& after, int count) {
  Times found;
  std::optional<UtcMicros> at = *parse_utc(after);
  for (int number = 0; number < count; ++number) {
    at = times.after(*at);
    if (!at) break;
    found.push_back(to_text(*at).substr(0, 19));
  }
  return found;
}

Times next(const char* cron, const char* zone, const std::string& after, int count) {
  return next(FireTimes::cron(*Cron::parse(cron), *Zone::find(zone)), after, count);
}

TEST(FireTimes, EveryMeansTheMultiplesOfADistance) {
  const FireTimes hourly = FireTimes::every(std::chrono::hours(1));
  EXPECT_EQ(next(hourly, "2026-11-22T14:00:00Z", 2),
            (Times{"2026-11-22T15:00:00", "2026-11-22T16:00:00"}));
  EXPECT_EQ(next(hourly, "2026-11-22T13:59:59.999999Z", 1), (Times{"2026-11-22T14:00:00"}));
  EXPECT_EQ(next(FireTimes::every(std::chrono::seconds(5)), "1969-12-31T23:59:52Z", 2),
            (Times{"1969-12-31T23:59:55", "1970-01-01T00:00:00"}));
}

TEST(FireTimes, ATimeOfDayThatIsLeftOutIsTheMomentOfTheChange) {
  // Berlin, 2026-03-29: 2:00 is 3:00, at 01:00 UTC.
  EXPECT_EQ(next("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
            (Times{"2026-03-28T01:30:00", "2026-03-29T01:00:00", "2026-03-30T00:30:00"}));
  // Several of them are one, and so is one that stands there anyway.
  EXPECT_EQ(next("0,15,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
            (Times{"2026-03-29T01:00:00", "2026-03-29T01:15:00", "2026-03-29T01:30:00"}));
  // A whole day is left out: Samoa had no 30th of December 2011.
  EXPECT_EQ(next("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", 1),
            (Times{"2011-12-30T10:00:00"}));
}

TEST(FireTimes, ATimeOfDayThatIsShownTwiceIsTheFirst) {
  // Berlin, 2026-10-25: 3:00 is 2:00, at 01:00 UTC.
  EXPECT_EQ(next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            (Times{"2026-10-25T00:30:00", "2026-10-26T01:30:00"}));
  EXPECT_EQ(next("30 2 * * *", "Europe/Berlin", "2026-10-25T01:00:00Z", 1),
            (Times{"2026-10-26T01:30:00"}));
}

TEST(FireTimes, WhatGoesByElapsedTimeIsNeitherLeftOutNorOnce) {
  EXPECT_EQ(next("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", 3),
            (Times{"2026-03-29T01:00:00", "2026-03-29T01:30:00", "2026-03-29T02:00:00"}));
  EXPECT_EQ(next("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 1),
            (Times{"2026-03-30T00:00:00"}));
  EXPECT_EQ(next("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 5),
            (Times{"2026-10-25T00:00:00", "2026-10-25T00:30:00", "2026-10-25T01:00:00",
                   "2026-10-25T01:30:00", "2026-10-26T01:00:00"}));
}

TEST(FireTimes, RareTimesAreFound) {
  EXPECT_EQ(next("0 0 */28 2 MON#5", "Europe/Berlin", "2026-01-01T00:00:00Z", 1),
            (Times{"2044-02-28T23:00:00"}));
  EXPECT_EQ(next("0 0 */28 2 MON#5", "Europe/Berlin", "2044-02-28T23:00:00Z", 1),
            (Times{"2072-02-28T23:00:00"}));
  EXPECT_EQ(next("0 */2 */28 2 MON#5", "Asia/Kathmandu", "2026-01-01T00:00:00Z", 1),
            (Times{"2044-02-28T18:15:00"}));
}

TEST(FireTimes, AJobHasItsTimes) {
  ScheduleSpec spec;
  EXPECT_FALSE(FireTimes::of(spec)->has_value());
  spec.cron = Name{"0 3 * * *", {}};
  EXPECT_EQ(next(**FireTimes::of(spec), "2026-06-01T00:00:00Z", 1), (Times{"2026-06-01T03:00:00"}));
  spec.timezone = Name{"America/New_York", {}};
  EXPECT_EQ(next(**FireTimes::of(spec), "2026-06-01T00:00:00Z", 1), (Times{"2026-06-01T07:00:00"}));
  spec.cron.reset();
  spec.every = std::chrono::minutes(10);
  EXPECT_EQ(next(**FireTimes::of(spec), "2026-06-01T00:00:00Z", 1), (Times{"2026-06-01T00:10:00"}));
}

}  // namespace
}  // namespace tidemark
