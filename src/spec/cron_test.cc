#include "spec/cron.h"

#include <gtest/gtest.h>

#include "env/clock.h"

namespace tidemark {
namespace {

// The next times of a wall clock from one on, `2026-11-22T14:05:00`.
std::vector<std::string> next(const std::string& expression, const std::string& from,
                              int count = 1) {
  const auto cron = Cron::parse(expression);
  EXPECT_TRUE(cron.ok()) << expression << ": " << cron.error().describe();
  std::vector<std::string> times;
  if (!cron.ok()) return times;
  std::int64_t wall = parse_utc(from + "Z")->get() / 1'000'000;
  for (int number = 0; number < count; ++number) {
    const auto found = cron->next(wall);
    if (!found) break;
    times.push_back(to_text(UtcMicros(*found * 1'000'000)).substr(0, 19));
    wall = *found + 1;
  }
  return times;
}

using Times = std::vector<std::string>;

TEST(Cron, NamesTimesOfADay) {
  EXPECT_EQ(next("30 2 * * *", "2026-11-22T02:30:00", 2),
            (Times{"2026-11-22T02:30:00", "2026-11-23T02:30:00"}));
  EXPECT_EQ(next("30 2 * * *", "2026-11-22T02:30:01"), (Times{"2026-11-23T02:30:00"}));
  EXPECT_EQ(next("*/20 8-9 * * *", "2026-11-22T08:30:00", 5),
            (Times{"2026-11-22T08:40:00", "2026-11-22T09:00:00", "2026-11-22T09:20:00",
                   "2026-11-22T09:40:00", "2026-11-23T08:00:00"}));
  EXPECT_EQ(next("15,45 10 6 30 * *", "2026-11-22T00:00:00", 2),
            (Times{"2026-11-30T06:10:15", "2026-11-30T06:10:45"}));
  EXPECT_EQ(next("50/5 23 * * *", "2026-11-22T23:51:00", 2),
            (Times{"2026-11-22T23:55:00", "2026-11-23T23:50:00"}));
  EXPECT_EQ(next(" @hourly ", "2026-12-31T23:00:01"), (Times{"2027-01-01T00:00:00"}));
  EXPECT_EQ(next("@weekly", "2026-11-22T00:00:01"), (Times{"2026-11-29T00:00:00"}));
}

TEST(Cron, NamesDays) {
  EXPECT_EQ(next("0 0 29 2 *", "2026-01-01T00:00:00"), (Times{"2028-02-29T00:00:00"}));
  EXPECT_EQ(next("0 0 * feb mon-wed", "2026-11-22T00:00:00"), (Times{"2027-02-01T00:00:00"}));
  EXPECT_EQ(next("0 0 * * 7", "2026-11-23T00:00:00"), (Times{"2026-11-29T00:00:00"}));
  EXPECT_EQ(next("0 0 * * FRI-SUN", "2026-11-23T00:00:00", 4),
            (Times{"2026-11-27T00:00:00", "2026-11-28T00:00:00", "2026-11-29T00:00:00",
                   "2026-12-04T00:00:00"}));
  // Either names it; both where one begins with a star.
  EXPECT_EQ(next("0 0 13 * FRI", "2026-11-22T00:00:00", 3),
            (Times{"2026-11-27T00:00:00", "2026-12-04T00:00:00", "2026-12-11T00:00:00"}));
  EXPECT_EQ(next("0 0 */2 * FRI", "2026-11-22T00:00:00", 2),
            (Times{"2026-11-27T00:00:00", "2026-12-11T00:00:00"}));
}

TEST(Cron, NamesDaysByTheEndOfTheMonthAndByWeekdays) {
  EXPECT_EQ(next("0 0 L * *", "2028-02-01T00:00:00", 2),
            (Times{"2028-02-29T00:00:00", "2028-03-31T00:00:00"}));
  EXPECT_EQ(next("0 0 L-2 * *", "2027-02-01T00:00:00"), (Times{"2027-02-26T00:00:00"}));
  // 2027-01-31 is a Sunday, 2027-05-31 a Monday, 2026-11-15 a Sunday, 2026-08-01 a Saturday.
  EXPECT_EQ(next("0 0 LW * *", "2027-01-01T00:00:00"), (Times{"2027-01-29T00:00:00"}));
  EXPECT_EQ(next("0 0 LW 5 *", "2027-01-01T00:00:00"), (Times{"2027-05-31T00:00:00"}));
  EXPECT_EQ(next("0 0 15W * *", "2026-11-01T00:00:00"), (Times{"2026-11-16T00:00:00"}));
  EXPECT_EQ(next("0 0 1W * *", "2026-08-01T00:00:00"), (Times{"2026-08-03T00:00:00"}));
  EXPECT_EQ(next("0 0 31W 1 *", "2027-01-01T00:00:00"), (Times{"2027-01-29T00:00:00"}));
  EXPECT_EQ(next("0 0 * * FRI#3", "2026-11-22T00:00:00"), (Times{"2026-12-18T00:00:00"}));
  EXPECT_EQ(next("0 0 * * 5L", "2026-11-22T00:00:00"), (Times{"2026-11-27T00:00:00"}));
  EXPECT_EQ(next("0 0 * * MON#5", "2026-11-22T00:00:00", 2),
            (Times{"2026-11-30T00:00:00", "2027-03-29T00:00:00"}));
}

TEST(Cron, KnowsWhatGoesByElapsedTime) {
  for (const char* even : {"* 2 * * *", "*/5 2 * * *", "0 */2 * * *", "0 0-6/2 * * *",
                           "0/20 3 * * *", "*/10 0 2 * * *"})
    EXPECT_TRUE(Cron::parse(even)->goes_by_elapsed_time()) << even;
  for (const char* fixed : {"30 2 * * *", "0,30 1-4 */2 * *", "10 30 2 * * *"})
    EXPECT_FALSE(Cron::parse(fixed)->goes_by_elapsed_time()) << fixed;
}

TEST(Cron, SaysWhatIsWrongAndWhatToWrite) {
  struct Wrong {
    const char* text;
    const char* message;
    const char* hint;
  };
  for (const Wrong& wrong : {
           Wrong{"* * *", "3 fields", "five fields"},
           Wrong{"60 * * * *", "`60` is no minute", "0 to 59"},
           Wrong{"0 24 * * *", "`24` is no hour", "0 to 23"},
           Wrong{"0 0 0 * *", "`0` is no day of the month", "1 to 31"},
           Wrong{"0 0 * JANUARY *", "`JANUARY` is no month", "JAN to DEC"},
           Wrong{"0 0 * * 8", "`8` is no day of the week", "Sunday"},
           Wrong{"0 0 ? * *", "`?`", "write `*`"},
           Wrong{"0 22-2 * * *", "ends before it begins", "two ranges"},
           Wrong{"*/90 * * * *", "larger than its field", "every"},
           Wrong{"*/0 * * * *", "no step", "*/5"},
           Wrong{"1, * * * *", "`` is no minute", "0 to 59"},
           Wrong{"-1 * * * *", "`` is no minute", "0 to 59"},
           Wrong{"0 0 * * FRI#6", "`FRI#6` is no day of the week", "FRI#3"},
           Wrong{"0 0 * * JUL", "`JUL` is no day of the week", "5L"},
           Wrong{"0 0 W * *", "`W` is no day of the month", "15W"},
           Wrong{"0 0 * * L", "`L` is no day of the week", "SUN to SAT"},
           Wrong{"0 0 30 2 *", "no such day", "month"},
           Wrong{"@reboot", "`@reboot` is no time", "@daily"},
           Wrong{"1.5 * * * *", "`1.5` is no minute", "0 to 59"},
           Wrong{"99999999999999999999 * * * *", "is no minute", "0 to 59"},
       }) {
    const auto cron = Cron::parse(wrong.text);
    ASSERT_FALSE(cron.ok()) << wrong.text;
    EXPECT_EQ(cron.error().code, "spec.cron");
    EXPECT_NE(cron.error().message.find(wrong.message), std::string::npos)
        << cron.error().describe();
    EXPECT_NE(cron.error().hint.find(wrong.hint), std::string::npos) << cron.error().describe();
  }
}

}  // namespace
}  // namespace tidemark
