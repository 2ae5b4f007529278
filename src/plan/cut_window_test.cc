#include "plan/cut_window.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

Zone zone(const char* name) {
  return std::move(Zone::find(name)).value();
}

Result<Cut> cut(CursorShape shape, const std::string& from, const std::string& to,
                const std::string& by, const std::string& watermark, const char* place = "UTC") {
  CutRequest request{shape, from, to, std::nullopt, {watermark}};
  if (!by.empty()) request.by = by;
  return cut_window(request, zone(place));
}

std::vector<CutPart> parts(const Result<Cut>& made) {
  EXPECT_TRUE(made.ok()) << made.error().message;
  return made.ok() ? made->parts : std::vector<CutPart>{};
}

std::string code(const Result<Cut>& made) {
  return made.ok() ? "none" : made.error().code;
}

constexpr const char* late = "2027-01-01 00:00:00+00";

TEST(CutWindow, MonthsAreThoseOfTheCalendarAndTheEndsMayBeUneven) {
  const auto made = parts(cut(CursorShape::day, "2023-12-15", "2024-03-02", "1mo", "2027-01-01"));
  const std::vector<CutPart> expected{{"2023-12-15", "2024-01-01"},
                                      {"2024-01-01", "2024-02-01"},
                                      {"2024-02-01", "2024-03-01"},
                                      {"2024-03-01", "2024-03-02"}};
  EXPECT_EQ(made, expected);
}

TEST(CutWindow, WeeksBeginOnMondayAndYearsInJanuary) {
  EXPECT_EQ(parts(cut(CursorShape::day, "2026-11-22", "2026-11-25", "1w", "2027-01-01")),
            (std::vector<CutPart>{{"2026-11-22", "2026-11-23"}, {"2026-11-23", "2026-11-25"}}));
  EXPECT_EQ(parts(cut(CursorShape::day, "1969-12-31", "1971-01-01", "1y", "2027-01-01")),
            (std::vector<CutPart>{{"1969-12-31", "1970-01-01"}, {"1970-01-01", "1971-01-01"}}));
  EXPECT_EQ(parts(cut(CursorShape::day, "2000-02-01", "2000-03-01", "2mo", "2027-01-01")),
            (std::vector<CutPart>{{"2000-02-01", "2000-03-01"}}));
}

TEST(CutWindow, DaysOfAZoneHave23And25Hours) {
  const auto spring =
      parts(cut(CursorShape::instant, "2026-03-28", "2026-03-31", "1d", late, "Europe/Berlin"));
  const std::vector<CutPart> expected{
      {"2026-03-27T23:00:00.000000Z", "2026-03-28T23:00:00.000000Z"},
      {"2026-03-28T23:00:00.000000Z", "2026-03-29T22:00:00.000000Z"},
      {"2026-03-29T22:00:00.000000Z", "2026-03-30T22:00:00.000000Z"}};
  EXPECT_EQ(spring, expected);
  const auto autumn =
      parts(cut(CursorShape::instant, "2026-10-25", "2026-10-26", "1d", late, "Europe/Berlin"));
  EXPECT_EQ(autumn,
            (std::vector<CutPart>{{"2026-10-24T22:00:00.000000Z", "2026-10-25T23:00:00.000000Z"}}));
  // Hours go on through the change.
  EXPECT_EQ(
      parts(cut(CursorShape::instant, "2026-10-25", "2026-10-26", "1h", late, "Europe/Berlin"))
          .size(),
      25U);
  EXPECT_EQ(
      parts(cut(CursorShape::instant, "2026-03-29", "2026-03-30", "1h", late, "Europe/Berlin"))
          .size(),
      23U);
}

TEST(CutWindow, MomentsAreReadWithTheirZoneAndClocksWithoutOne) {
  EXPECT_EQ(parts(cut(CursorShape::instant, "2026-01-01T06:30:00+05:30", "2026-01-01T02:00Z", "1d",
                      late)),
            (std::vector<CutPart>{{"2026-01-01T01:00:00.000000Z", "2026-01-01T02:00:00.000000Z"}}));
  EXPECT_EQ(parts(cut(CursorShape::wall, "2026-01-01", "2026-01-01 00:00:00.5", "1d",
                      "2027-01-01 00:00:00", "Europe/Berlin")),
            (std::vector<CutPart>{{"2026-01-01 00:00:00.000000", "2026-01-01 00:00:00.500000"}}));
  EXPECT_EQ(code(cut(CursorShape::wall, "2026-01-01T00:00:00Z", "2026-02-01", "", "2027-01-01")),
            "user.backfill_value");
  EXPECT_EQ(code(cut(CursorShape::day, "2026-01-01T00:00:00", "2026-02-01", "", "2027-01-01")),
            "user.backfill_value");
  EXPECT_EQ(code(cut(CursorShape::instant, "2026-02-30", "2026-04-01", "", late)),
            "user.backfill_value");
}

TEST(CutWindow, NumbersAreCutAtMultiples) {
  EXPECT_EQ(parts(cut(CursorShape::number, "-5", "25", "10", "1000")),
            (std::vector<CutPart>{{"-5", "0"}, {"0", "10"}, {"10", "20"}, {"20", "25"}}));
  EXPECT_EQ(code(cut(CursorShape::number, "1", "9", "1d", "1000")), "user.backfill_step");
  EXPECT_EQ(code(cut(CursorShape::number, "2026-01-01", "9", "", "1000")), "user.backfill_value");
  // To the largest there is.
  EXPECT_EQ(parts(cut(CursorShape::number, "9223372036854775800", "9223372036854775807", "5",
                      "9223372036854775807"))
                .back()
                .hi,
            "9223372036854775807");
}

TEST(CutWindow, NothingAboveTheLowestWatermarkIsRun) {
  const auto made =
      cut(CursorShape::instant, "2026-01-01", "2026-01-09", "1d", "2026-01-02 19:00:00.25-05");
  EXPECT_EQ(parts(made).back().hi, "2026-01-03T00:00:00.250000Z");
  EXPECT_TRUE(made->to_was_cut);
  EXPECT_EQ(code(cut(CursorShape::number, "1000", "2000", "", "1000")), "user.backfill_above");
  CutRequest two{CursorShape::number, "1", "", std::nullopt, {"100", "9", "77.5"}};
  EXPECT_EQ(cut_window(two, zone("UTC"))->to, "9");
}

TEST(CutWindow, WithoutALengthThereAreTenToAHundredParts) {
  struct Case {
    CursorShape shape;
    const char* from;
    const char* to;
    const char* watermark;
    const char* by;
  };
  const std::vector<Case> cases{{CursorShape::day, "2000-01-01", "2026-01-01", "2027-01-01", "1y"},
                                {CursorShape::day, "2025-01-01", "2026-01-01", "2027-01-01", "1mo"},
                                {CursorShape::day, "2025-10-01", "2026-01-01", "2027-01-01", "1w"},
                                {CursorShape::day, "2025-12-01", "2026-01-01", "2027-01-01", "1d"},
                                {CursorShape::instant, "2025-12-30", "2026-01-01", late, "1h"},
                                {CursorShape::number, "0", "1000000", "1000000", "100000"},
                                {CursorShape::number, "0", "50", "50", "1"}};
  for (const Case& one : cases) {
    const auto made = cut(one.shape, one.from, one.to, "", one.watermark);
    ASSERT_TRUE(made.ok()) << made.error().message;
    EXPECT_EQ(made->by, one.by) << one.from;
    EXPECT_GE(made->parts.size(), 10U) << one.from;
    EXPECT_LE(made->parts.size(), 100U) << one.from;
  }
}

TEST(CutWindow, WrongEndsAndLengthsSayWhatToWrite) {
  EXPECT_EQ(code(cut(CursorShape::day, "2026-02-01", "2026-01-01", "", "2027-01-01")),
            "user.backfill_order");
  EXPECT_EQ(code(cut(CursorShape::day, "2026-01-01", "2026-01-01", "", "2027-01-01")),
            "user.backfill_order");
  EXPECT_EQ(code(cut(CursorShape::day, "2026-01-01", "2026-02-01", "1h", "2027-01-01")),
            "user.backfill_step");
  EXPECT_EQ(code(cut(CursorShape::instant, "2026-01-01", "2026-02-01", "1000", late)),
            "user.backfill_step");
  EXPECT_EQ(code(cut(CursorShape::instant, "2026-01-01", "2026-02-01", "0d", late)),
            "user.backfill_step");
  EXPECT_EQ(code(cut(CursorShape::number, "0", "20000", "1", "30000")), "user.backfill_parts");
  EXPECT_EQ(parts(cut(CursorShape::number, "0", "10000", "1", "30000")).size(), parts_max);
}

}  // namespace
}  // namespace tidemark
