#include "schedule/job_times.h"

#include <gtest/gtest.h>

#include "schedule/due_queue.h"

namespace tidemark {
namespace {

using Times = std::vector<std::string>;

UtcMicros at(const std::string& text) {
  return *parse_utc(text + "Z");
}
std::string shown(UtcMicros moment) {
  return to_text(moment).substr(0, 19);
}
JobTimes daily() {
  return {FireTimes::cron(*Cron::parse("0 3 * * *"), *Zone::find("UTC"))};
}

TEST(JobTimes, HoldFromWhenToWhen) {
  JobTimes times = daily();
  times.starts = at("2026-01-02T03:00:00");
  times.ends = at("2026-01-03T03:00:00");
  EXPECT_EQ(shown(*times.after(at("2020-01-01T00:00:00"))), "2026-01-02T03:00:00");
  EXPECT_FALSE(times.after(at("2026-01-02T03:00:00"))) << "none at the end itself";
}

TEST(JobTimes, LeaveOutDaysOfTheirZone) {
  JobTimes times{FireTimes::cron(*Cron::parse("0 23 * * *"), *Zone::find("UTC"))};
  times.zone = *Zone::find("Europe/Berlin");  // where it is past midnight then
  times.off.days = {at("2026-01-02T00:00:00").get() / 86'400'000'000};
  EXPECT_EQ(shown(*times.after(at("2026-01-01T00:00:00"))), "2026-01-02T23:00:00");
}

TEST(JobTimes, AreThoseOfTheJobsFile) {
  ScheduleSpec spec;
  EXPECT_FALSE(JobTimes::of(spec)->has_value());
  spec.cron = Name{"0 0 * * *", {}};
  spec.timezone = Name{"America/New_York", {}};
  const auto day = [](const char* text) {
    return at(std::string(text) + "T00:00:00").get() / 86'400'000'000;
  };
  spec.starts = DayOrMoment{day("2026-01-02"), {}};
  spec.ends = DayOrMoment{std::nullopt, at("2026-01-05T05:00:00")};
  spec.off.days = {day("2026-01-03")};
  const JobTimes times = **JobTimes::of(spec);
  Times found;
  for (auto next = times.after(at("2020-01-01T00:00:00")); next; next = times.after(*next))
    found.push_back(shown(*next));
  EXPECT_EQ(found, (Times{"2026-01-02T05:00:00", "2026-01-04T05:00:00"}));
}

Times all_of(const JobTimes& times, const std::string& from, const std::string& to) {
  Times found;
  for (auto next = times.after(UtcMicros(at(from).get() - 1)); next && *next < at(to);
       next = times.after(*next))
    found.push_back(shown(*next));
  return found;
}

TEST(JobTimes, MoveFiresOfDaysOffToTheNextOtherDay) {
  JobTimes times = daily();
  times.off.weekdays = std::bitset<7>("1100000");  // Saturday and Sunday
  times.on_day_off = OnDayOff::next_workday;
  // 2026-01-02 is a Friday.
  EXPECT_EQ(all_of(times, "2026-01-02T00:00:00", "2026-01-07T00:00:00"),
            (Times{"2026-01-02T03:00:00", "2026-01-05T03:00:00", "2026-01-06T03:00:00"}))
      << "three that meet are one";
  times.fires = FireTimes::cron(*Cron::parse("30 2,4 * * SAT"), *Zone::find("UTC"));
  EXPECT_EQ(all_of(times, "2026-01-02T00:00:00", "2026-01-12T04:30:00"),
            (Times{"2026-01-05T02:30:00", "2026-01-05T04:30:00", "2026-01-12T02:30:00"}));
  times.ends = at("2026-01-05T03:00:00");
  EXPECT_EQ(all_of(times, "2026-01-02T00:00:00", "2026-01-12T04:30:00"),
            (Times{"2026-01-05T02:30:00"}));
}

TEST(JobTimes, AMovedFireHasTheTimeOfTheWall) {
  const Zone berlin = *Zone::find("Europe/Berlin");
  JobTimes times{FireTimes::cron(*Cron::parse("0 6 28 * *"), berlin)};
  times.zone = berlin;
  times.off.weekdays = std::bitset<7>("1100000");
  times.on_day_off = OnDayOff::next_workday;
  // Saturday in winter, Monday in summer.
  EXPECT_EQ(all_of(times, "2026-03-20T00:00:00", "2026-04-20T00:00:00"),
            (Times{"2026-03-30T04:00:00"}));
}

TEST(JobTimes, AMovedFireHasTheTimeThatItNamesAlsoWhereItsDayDidNotShowIt) {
  const Zone berlin = *Zone::find("Europe/Berlin");
  JobTimes times{FireTimes::cron(*Cron::parse("30 2 * * *"), berlin)};
  times.zone = berlin;
  times.off.weekdays = std::bitset<7>("1100000");
  times.on_day_off = OnDayOff::next_workday;
  // Summer begins on Sunday the 29th at 02:00, winter on Sunday 2026-10-25 at 03:00.
  EXPECT_EQ(all_of(times, "2026-03-27T00:00:00", "2026-03-31T12:00:00"),
            (Times{"2026-03-27T01:30:00", "2026-03-30T00:30:00", "2026-03-31T00:30:00"}));
  EXPECT_EQ(all_of(times, "2026-10-23T00:00:00", "2026-10-27T12:00:00"),
            (Times{"2026-10-23T00:30:00", "2026-10-26T01:30:00", "2026-10-27T01:30:00"}));
}

TEST(JobTimes, DaysOffOfAWeekCostAShortDistanceNoMoreThanALongOne) {
  JobTimes times{FireTimes::every(std::chrono::seconds(1))};
  times.off.weekdays = std::bitset<7>("1111110");  // all but Monday
  EXPECT_EQ(shown(*times.after(at("2026-01-05T23:59:59"))), "2026-01-12T00:00:00");
}

TEST(JobTimes, KnowTheNewestFireUntilAMoment) {
  JobTimes times = daily();
  EXPECT_EQ(shown(*times.until(at("2026-01-02T03:00:00"))), "2026-01-02T03:00:00");
  EXPECT_EQ(shown(*times.until(at("2026-01-02T02:59:59"))), "2026-01-01T03:00:00");
  times.starts = at("2026-01-02T00:00:00");
  EXPECT_FALSE(times.until(at("2026-01-02T02:59:59")));
  const JobTimes yearly{FireTimes::cron(*Cron::parse("*/1 * 29 2 *"), *Zone::find("UTC"))};
  EXPECT_EQ(shown(*yearly.until(at("2026-01-02T00:00:00"))), "2024-02-29T23:59:00");
}

TEST(JobTimes, SpreadRunsTheSameWayEverywhere) {
  JobTimes times = daily();
  times.jitter = std::chrono::minutes(10);
  const UtcMicros fire = at("2026-01-02T03:00:00");
  std::set<std::int64_t> begins;
  for (int number = 0; number < 200; ++number) {
    const JobName job("job" + std::to_string(number));
    const UtcMicros begin = times.begin_of(job, fire);
    EXPECT_EQ(begin, times.begin_of(job, fire));
    EXPECT_GE(begin, fire);
    EXPECT_LT(begin.get(), fire.get() + 600'000'000);
    begins.insert((begin.get() - fire.get()) / 60'000'000);
  }
  EXPECT_EQ(begins.size(), 10U) << "some in each minute";
}

TEST(JobTimes, SayWhatWasMissed) {
  const JobTimes times = daily();
  const UtcMicros last = at("2026-01-01T03:00:00");
  const UtcMicros now = at("2026-01-04T12:00:00");
  EXPECT_TRUE(times.missed(last, now, Missed::skip).empty());
  const auto once = times.missed(last, now, Missed::once);
  ASSERT_EQ(once.size(), 1U);
  EXPECT_EQ(shown(once[0]), "2026-01-04T03:00:00");
  const auto all = times.missed(last, now, Missed::all);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(shown(all[0]), "2026-01-02T03:00:00");
  EXPECT_TRUE(times.missed(now, last, Missed::all).empty()) << "a clock that went back";
  const JobTimes often{FireTimes::every(std::chrono::seconds(1))};
  EXPECT_EQ(often.missed(last, now, Missed::all).size(), JobTimes::missed_max);
}

Times due(DueQueue& queue, const std::string& now) {
  Times found;
  for (const DueFire& fire : queue.take(at(now)))
    found.push_back(fire.task.job.get() + " " + shown(fire.fire));
  return found;
}

TEST(DueQueue, GivesEachFireOnceInTheOrderOfTheirTimes) {
  DueQueue queue;
  const UtcMicros begin = at("2026-01-01T00:00:00");
  queue.set(JobName("daily"), daily(), begin);
  queue.set(JobName("hourly"), {FireTimes::every(std::chrono::hours(1))}, begin);
  EXPECT_EQ(shown(*queue.next()), "2026-01-01T01:00:00");
  EXPECT_EQ(due(queue, "2026-01-01T00:59:59"), Times{});
  EXPECT_EQ(due(queue, "2026-01-01T03:00:00"),
            (Times{"hourly 2026-01-01T01:00:00", "hourly 2026-01-01T02:00:00",
                   "daily 2026-01-01T03:00:00", "hourly 2026-01-01T03:00:00"}));
  EXPECT_EQ(due(queue, "2026-01-01T03:00:00"), Times{});
}

TEST(DueQueue, AJobThatChangesOrGoesLeavesNothingBehind) {
  DueQueue queue;
  const UtcMicros begin = at("2026-01-01T00:00:00");
  queue.set(JobName("a"), {FireTimes::every(std::chrono::hours(1))}, begin);
  queue.set(JobName("b"), {FireTimes::every(std::chrono::hours(1))}, begin);
  queue.set(JobName("a"), daily(), begin);
  queue.remove(JobName("b"));
  EXPECT_EQ(queue.tasks(), 1U);
  EXPECT_EQ(due(queue, "2026-01-01T03:00:00"), (Times{"a 2026-01-01T03:00:00"}));
  queue.remove(JobName("a"));
  EXPECT_FALSE(queue.next());
}

}  // namespace
}  // namespace tidemark
