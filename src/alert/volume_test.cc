#include "alert/volume.h"

#include <gtest/gtest.h>

#include "alert/volume_year_test.h"

namespace tidemark {
namespace {

TEST(Volume, FindsIncidentsOfAYearAndHardlyEverCriesWithoutOne) {
  expect_good_years(3, [](const Kind& kind, std::uint64_t seed) {
    VolumeHistory history;
    return replay(kind, seed, [&](std::int64_t hour, std::int64_t rows) {
      const auto verdict = history.judge({hour, rows});
      return verdict && verdict->is_anomaly;
    });
  });
}

TEST(Volume, KnowsNothingOfItsFirstWeeks) {
  VolumeHistory history;
  std::int64_t hour = 0;
  for (; hour < 3 * week; ++hour)
    EXPECT_FALSE(history.judge({hour, 100}));
  EXPECT_TRUE(history.judge({hour, 100}));
}

TEST(Volume, WhatLastsIsHowItIsNow) {
  VolumeHistory history;
  std::int64_t hour = 0;
  for (; hour < 6 * week; ++hour)
    history.judge({hour, 1'000 + hour % 7});
  int anomalies = 0;
  for (; hour < 8 * week; ++hour)
    anomalies += history.judge({hour, 5'000 + hour % 7})->is_anomaly ? 1 : 0;
  EXPECT_GT(anomalies, 24);
  EXPECT_LT(anomalies, 4 * day);
  EXPECT_FALSE(history.judge({hour, 5'000})->is_anomaly);
  EXPECT_TRUE(history.judge({hour + 1, 1'000})->is_anomaly);
}

TEST(Volume, SaysWhatItWouldHaveTaken) {
  VolumeHistory history;
  for (std::int64_t hour = 0; hour < 4 * week; ++hour)
    history.judge({hour, 1'000});
  const auto verdict = history.judge({4 * week, 10});
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->is_anomaly);
  EXPECT_NEAR(static_cast<double>(verdict->expected), 1'000, 1);
  EXPECT_GT(verdict->at_least, 10);
  EXPECT_GT(verdict->at_most, 1'000);
}

}  // namespace
}  // namespace tidemark
