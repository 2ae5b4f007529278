#include "env/clock.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

TEST(ClockText, HasSixDigitsAndZ) {
  EXPECT_EQ(to_text(UtcMicros(0)), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(to_text(UtcMicros(1'795'269'600'123'456)), "2026-11-21T14:00:00.123456Z");
  EXPECT_EQ(to_text(UtcMicros(-1)), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_text(UtcMicros(951'782'400'000'000)), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(to_text(UtcMicros(253'402'300'799'999'999)), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_text(UtcMicros(253'402'300'800'000'000)), "+010000-01-01T00:00:00.000000Z");
}

TEST(ClockText, ReadsBackWhatItWrites) {
  for (std::int64_t micros :
       {0LL, -1LL, 1'795'269'600'123'456LL, -62'167'219'200'000'000LL, 253'402'300'799'999'999LL}) {
    auto read = parse_utc(to_text(UtcMicros(micros)));
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->get(), micros);
  }
}

TEST(ClockText, ReadsShorterFractions) {
  EXPECT_EQ(parse_utc("1970-01-01T00:00:01Z")->get(), 1'000'000);
  EXPECT_EQ(parse_utc("1970-01-01T00:00:00.5Z")->get(), 500'000);
}

TEST(ClockText, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "Z", "2026-11-21", "2026-02-29T00:00:00Z", "2026-11-21T24:00:00Z",
        "2026-11-21T00:60:00Z", "2026-11-21T00:00:00", "2026-11-21T00:00:00.Z",
        "2026-11-21T00:00:00.1234567Z", "2026-11-21T00:00:00,5Z", "2026-11-21 00:00:00Z",
        "20x6-11-21T00:00:00Z", "2026-11-21T00:00:00+00:00", "2026-11-21T00:00:00.12x456Z"}) {
    auto read = parse_utc(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, "env.not_a_time");
  }
}

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock(UtcMicros(1'000));
  EXPECT_EQ(clock.now_utc().get(), 1'000);
  clock.advance(std::chrono::microseconds(5));
  clock.sleep(std::chrono::milliseconds(2));
  EXPECT_EQ(clock.now_utc().get(), 3'005);
  EXPECT_EQ(clock.monotonic(), std::chrono::microseconds(2'005));
}

TEST(SystemClock, IsAfterThisWasWritten) {
  SystemClock clock;
  EXPECT_GT(now_text(clock), "2025-01-01");
  auto before = clock.monotonic();
  clock.sleep(std::chrono::milliseconds(1));
  EXPECT_GE(clock.monotonic() - before, std::chrono::milliseconds(1));
}

}  // namespace
}  // namespace tidemark
