#include "drivers/zone/zone.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

TEST(Zone, FollowsSummerTime) {
  // Sunday, 2026-03-29: clocks in Berlin go from 2:00 to 3:00 at 1:00 UTC.
  const auto before = wall_minute("Europe/Berlin", *parse_utc("2026-03-29T00:59:59Z"));
  ASSERT_TRUE(before.ok()) << before.error().describe();
  EXPECT_EQ(6, before->weekday);
  EXPECT_EQ(119, before->minute);
  EXPECT_EQ(180, wall_minute("Europe/Berlin", *parse_utc("2026-03-29T01:00:00Z"))->minute);
  EXPECT_EQ(60, wall_minute("UTC", *parse_utc("2026-03-29T01:00:00Z"))->minute);
  // Another day over there.
  EXPECT_EQ(5, wall_minute("America/New_York", *parse_utc("2026-03-29T01:00:00Z"))->weekday);
}

TEST(Zone, ANameThatIsNoneIsSaid) {
  const auto none = wall_minute("Europe/Berlim", UtcMicros(0));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ("env.no_zone", none.error().code);
}

}  // namespace
}  // namespace tidemark
