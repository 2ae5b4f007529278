#include "alert/volume_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "alert/rules_fixture_test.h"
#include "alert/volume_year_test.h"

namespace tidemark {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A year of each kind in a place whose clocks are set, in runs of a quarter of an hour, with a
// restart each month, after which no more is known than the store has.
TEST(VolumeRule, FindsIncidentsOfAYearAcrossRestarts) {
  const Zone berlin = Zone::find("Europe/Berlin").value();
  expect_good_years(1, [&](const Kind& kind, std::uint64_t seed) {
    VolumeRule rule(berlin, {});
    std::vector<HourRead> stored;
    const auto judge = [&](std::int64_t hour, std::int64_t rows) {
      if (hour % (30 * day) == 12) {
        rule = VolumeRule(berlin, {});
        for (const HourRead& read : stored) {
          if (hour - read.hour <= VolumeRule::history.count()) rule.read(read);
        }
      }
      for (int quarter = 0; quarter < 4; ++quarter)
        rule.read({hour, rows / 4 + (quarter < rows % 4 ? 1 : 0)});
      stored.push_back({hour, rows});
      rule.pass(begin_of_hour(hour + 1));
      return rule.anomaly().has_value();
    };
    return replay(kind, seed, judge,
                  [&](std::int64_t hour) { return hour + berlin.offset(hour * 3'600) / 3'600; });
  });
}

TEST(VolumeRule, WhatWasReadIsJudgedWhenTheHourIsOver) {
  VolumeRule rule(std::nullopt, {});
  std::int64_t hour = 0;
  for (; hour < 5 * week; ++hour)
    rule.read({hour, 1'000});
  rule.read({hour, 10});
  rule.pass(begin_of_hour(hour));
  EXPECT_FALSE(rule.anomaly());
  rule.pass(begin_of_hour(hour + 1));
  ASSERT_TRUE(rule.anomaly());
  EXPECT_EQ(rule.anomaly()->rows, 10);
  const UtcMicros since = begin_of_hour(hour);
  rule.read({hour, 990});  // too late
  rule.read({++hour, 20});
  rule.pass(begin_of_hour(hour + 1));
  ASSERT_TRUE(rule.anomaly());
  EXPECT_EQ(rule.anomaly()->since, since) << "the first of them";
  EXPECT_EQ(rule.anomaly()->rows, 20);
  rule.read({++hour, 1'000});
  rule.pass(begin_of_hour(hour + 1));
  EXPECT_FALSE(rule.anomaly());
}

TEST(VolumeRule, ADayOffIsNoAnomaly) {
  DaysOff off;
  const std::int64_t holiday = 35;
  off.days.insert(holiday);
  for (const bool knows : {false, true}) {
    VolumeRule rule(std::nullopt, knows ? off : DaysOff());
    for (std::int64_t hour = 0; hour < holiday * day + 12; ++hour) {
      rule.read({hour, hour < holiday * day ? 1'000 : 0});
      rule.pass(begin_of_hour(hour + 1));
    }
    EXPECT_EQ(rule.anomaly().has_value(), !knows);
  }
}

class VolumeRulesTest : public RulesTest {};

// Once a day, so that a history is soon written.
TEST_F(VolumeRulesTest, AJobThatReadsAlmostNothingIsToldUntilItReadsAsEver) {
  add_job("orders");
  for (int number = 0; number < 7 * 5; ++number) {
    end_run(begin_run("orders"), RunState::done, "", {1'000, 0});
    clock_.advance(hours(24));
  }
  EXPECT_THAT(told("volume"), SizeIs(0));
  end_run(begin_run("orders"), RunState::done, "", {10, 0});
  EXPECT_THAT(told("volume"), SizeIs(0)) << "the hour is not over";
  const UtcMicros since = hour();
  clock_.advance(hours(1) + std::chrono::seconds(10));
  ASSERT_THAT(told("volume"), SizeIs(1));
  EXPECT_EQ(kept("volume")[0].since, since);
  EXPECT_THAT(kept("volume")[0].text, HasSubstr("orders read 10 rows in the hour from "));
  EXPECT_THAT(kept("volume")[0].text, HasSubstr("it reads 1,000"));
  start_anew();
  EXPECT_THAT(told("volume"), SizeIs(1)) << "the store knows it";
  clock_.advance(hours(23));
  run("orders", RunState::failed, "source.gone");
  clock_.advance(hours(2));
  EXPECT_THAT(told("volume"), SizeIs(1)) << "one that failed says nothing of it";
  clock_.advance(hours(22));
  end_run(begin_run("orders"), RunState::done, "", {900, 0});
  const RunId slow = begin_run("orders");
  clock_.advance(hours(2));
  EXPECT_THAT(told("volume"), SizeIs(1)) << "its hour is not over while one of it goes on";
  end_run(slow, RunState::done, "", {100, 0});
  clock_.advance(std::chrono::seconds(20));
  EXPECT_THAT(told("volume"), SizeIs(0));
  settings_.volume.off = true;
  end_run(begin_run("orders"), RunState::done, "", {0, 0});
  clock_.advance(hours(2));
  start_anew();
  EXPECT_THAT(told("volume"), SizeIs(0));
}

TEST_F(VolumeRulesTest, WhatEndsWhileItIsLearnedCountsOnce) {
  add_job("orders");
  for (int number = 0; number < 7 * 5; ++number) {
    for (int part = 0; part < 4; ++part)
      end_run(begin_run("orders"), RunState::done, "", {250, 0});
    if (number == 34) {
      start_anew();
      EXPECT_THAT(told("volume"), SizeIs(0));
    }
    clock_.advance(hours(24));
  }
  for (int part = 0; part < 4; ++part)
    end_run(begin_run("orders"), RunState::done, "", {250, 0});
  EXPECT_THAT(told("volume"), SizeIs(0));
  clock_.advance(hours(2));
  EXPECT_THAT(told("volume"), SizeIs(0)) << "2,000 would be told";
}

}  // namespace
}  // namespace tidemark
