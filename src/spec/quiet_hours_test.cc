#include "spec/quiet_hours.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

int left(const char* text, int weekday, int hour, int minute = 0) {
  auto hours = QuietHours::parse(text);
  EXPECT_TRUE(hours.ok()) << text;
  return hours->minutes_left({weekday, hour * 60 + minute});
}

TEST(QuietHours, CountTheMinutesToTheirEnd) {
  EXPECT_EQ(0, left("08:00-18:00", 2, 7, 59));
  EXPECT_EQ(600, left("08:00-18:00", 2, 8));
  EXPECT_EQ(1, left("08:00-18:00", 2, 17, 59));
  EXPECT_EQ(0, left("08:00-18:00", 2, 18));
  EXPECT_EQ(600, left("Mon-Fri 08:00-18:00", 4, 8));
  EXPECT_EQ(0, left("Mon-Fri 08:00-18:00", 5, 8));
  EXPECT_EQ(60, left("sat,sun 00:00-24:00", 6, 23));
  EXPECT_EQ(60, left("Fri-Mon 10:00-11:00", 0, 10));
  EXPECT_EQ(0, left("Fri-Mon 10:00-11:00", 1, 10));
}

TEST(QuietHours, GoOnIntoTheNextDay) {
  EXPECT_EQ(7 * 60, left("Sun 22:00-06:00", 6, 23));
  EXPECT_EQ(5 * 60, left("Sun 22:00-06:00", 0, 1));
  EXPECT_EQ(0, left("Sun 22:00-06:00", 0, 6));
  EXPECT_EQ(0, left("Sun 22:00-06:00", 6, 1));
}

TEST(QuietHours, WhatIsNoSpanIsSaid) {
  for (const char* text : {"", "8-18", "08:00", "08:00-08:00", "25:00-26:00", "08:60-09:00",
                           "Mun 08:00-18:00", "Mon 08:00", "24:00-06:00", "Mon- 08:00-18:00"}) {
    const auto hours = QuietHours::parse(text);
    ASSERT_FALSE(hours.ok()) << text;
    EXPECT_EQ("spec.quiet_hours", hours.error().code);
  }
}

}  // namespace
}  // namespace tidemark
