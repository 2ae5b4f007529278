#include "schedule/delays.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

using std::chrono::milliseconds;

UtcMicros minute(std::int64_t number) {
  return UtcMicros((29'000'000 + number) * 60'000'000);
}

TEST(DelaysTest, NothingBeganYet) {
  const Delays delays;
  EXPECT_EQ(delays.last_hour(minute(0)).fires, 0);
  EXPECT_EQ(delays.last_hour(minute(0)).max, milliseconds(0));
}

TEST(DelaysTest, ShortOnesAreKeptAsTheyAreAndLongOnesToASixteenth) {
  Delays delays;
  for (int ms = 1; ms <= 20; ++ms)
    delays.add(minute(0), milliseconds(ms));
  EXPECT_EQ(delays.last_hour(minute(0)).p50, milliseconds(10));
  EXPECT_EQ(delays.last_hour(minute(0)).p99, milliseconds(20));
  for (const std::int64_t ms : {40, 999, 12'345, 3'600'000, 2'000'000'000}) {
    Delays one;
    one.add(minute(0), milliseconds(ms));
    one.add(minute(0), milliseconds(2 * ms));
    const auto p50 = one.last_hour(minute(0)).p50.count();
    EXPECT_GE(p50, ms);
    EXPECT_LE(p50, ms + ms / 16 + 1);
    EXPECT_EQ(one.last_hour(minute(0)).max.count(), 2 * ms);
  }
}

TEST(DelaysTest, OneOfAHundredIsTheP99AndTheLongestIsExact) {
  Delays delays;
  for (int number = 0; number < 199; ++number)
    delays.add(minute(0), milliseconds(3));
  delays.add(minute(0), milliseconds(777'777));
  const Delays::Summary found = delays.last_hour(minute(0));
  EXPECT_EQ(found.fires, 200);
  EXPECT_EQ(found.p99, milliseconds(3));
  EXPECT_EQ(found.max, milliseconds(777'777));
}

TEST(DelaysTest, AnHourLaterItIsForgotten) {
  Delays delays;
  delays.add(minute(0), milliseconds(500));
  delays.add(minute(30), milliseconds(1));
  EXPECT_EQ(delays.last_hour(minute(59)).fires, 2);
  EXPECT_EQ(delays.last_hour(minute(60)).fires, 1);
  delays.add(minute(60), milliseconds(7));  // in the place of the first
  EXPECT_EQ(delays.last_hour(minute(60)).fires, 2);
  EXPECT_EQ(delays.last_hour(minute(60)).max, milliseconds(7));
  EXPECT_EQ(delays.last_hour(minute(500)).fires, 0);
}

TEST(DelaysTest, AClockThatWasSetBackMakesNoNegativeOne) {
  Delays delays;
  delays.add(minute(0), milliseconds(-5));
  EXPECT_EQ(delays.last_hour(minute(0)).p99, milliseconds(0));
}

}  // namespace
}  // namespace tidemark
