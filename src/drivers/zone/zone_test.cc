#include "drivers/zone/zone.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

std::int64_t seconds(const char* text) {
  return parse_utc(text)->get() / 1'000'000;
}

TEST(Zone, FollowsSummerTime) {
  // Sunday, 2026-03-29: clocks in Berlin go from 2:00 to 3:00 at 1:00 UTC.
  const auto berlin = Zone::find("Europe/Berlin");
  ASSERT_TRUE(berlin.ok()) << berlin.error().describe();
  const WallMinute before = berlin->wall_minute(*parse_utc("2026-03-29T00:59:59Z"));
  EXPECT_EQ(6, before.weekday);
  EXPECT_EQ(119, before.minute);
  EXPECT_EQ(180, berlin->wall_minute(*parse_utc("2026-03-29T01:00:00Z")).minute);
  EXPECT_EQ(60, Zone::find("UTC")->wall_minute(*parse_utc("2026-03-29T01:00:00Z")).minute);
  // Another day over there.
  const Zone york = *Zone::find("America/New_York");
  EXPECT_EQ(5, york.wall_minute(*parse_utc("2026-03-29T01:00:00Z")).weekday);
}

TEST(Zone, TellsWhenClocksAreSet) {
  const Zone berlin = *Zone::find("Europe/Berlin");
  const std::int64_t spring = seconds("2026-03-29T01:00:00Z");
  const std::int64_t autumn = seconds("2026-10-25T01:00:00Z");
  EXPECT_EQ(spring, berlin.change_after(spring - 1));
  EXPECT_EQ(autumn, berlin.change_after(spring));
  EXPECT_EQ(spring, berlin.change_until(spring));
  EXPECT_EQ(spring, berlin.change_until(autumn - 1));
  EXPECT_EQ(autumn, berlin.change_until(autumn));
  EXPECT_EQ(3600, berlin.offset(spring - 1));
  EXPECT_EQ(7200, berlin.offset(spring));
  EXPECT_FALSE(Zone::find("UTC")->change_after(spring));
  EXPECT_FALSE(Zone::find("UTC")->change_until(spring));
}

TEST(Zone, TellsWhenItsClockShowsATime) {
  const Zone berlin = *Zone::find("Europe/Berlin");
  EXPECT_EQ(seconds("2026-06-01T00:00:00Z"), berlin.shows(seconds("2026-06-01T02:00:00Z")));
  EXPECT_EQ(seconds("2026-03-29T01:00:00Z"), berlin.shows(seconds("2026-03-29T02:30:00Z")));
  EXPECT_EQ(seconds("2026-10-25T00:30:00Z"), berlin.shows(seconds("2026-10-25T02:30:00Z")));
}

TEST(Zone, KnowsTheYearsBehindItsTables) {
  const Zone berlin = *Zone::find("Europe/Berlin");
  EXPECT_EQ(7200, berlin.offset(seconds("2090-07-01T00:00:00Z")));
  EXPECT_EQ(seconds("2090-03-26T01:00:00Z"), berlin.change_after(seconds("2090-01-01T00:00:00Z")));
}

TEST(Zone, ANameThatIsNoneIsSaid) {
  const auto none = Zone::find("Europe/Berlim");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ("env.no_zone", none.error().code);
}

}  // namespace
}  // namespace tidemark
