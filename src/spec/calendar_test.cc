#include "spec/calendar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/fault.h"
#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::int64_t day(const std::string& text) {
  return parse_utc(text + "T00:00:00Z")->get() / 86'400'000'000;
}

struct Read {
  std::set<std::int64_t> days;
  Faults faults;
};

Read read(const std::string& file, const std::string& text) {
  Read read;
  read_days(file, text, read.days, read.faults);
  return read;
}

TEST(Calendar, AFileNamesADayALine) {
  const Read list =
      read("days.csv",
           "\xef\xbb\xbf"
           "date,name\r\n2026-12-25,Christmas\r\n\r\n# of the company\n 2027-01-04\n");
  EXPECT_EQ(list.faults.print(), "");
  EXPECT_THAT(list.days, ElementsAre(day("2026-12-25"), day("2027-01-04")));
}

TEST(Calendar, ALineThatIsNoDayIsAFaultWithItsPlace) {
  const Read list = read("days.csv", "2026-12-25\n  2026-02-30, none\n25.12.2026\ndate\n");
  ASSERT_EQ(list.faults.size(), 3U);
  EXPECT_THAT(list.faults.list()[0].headline(), HasSubstr("days.csv:2:3: `2026-02-30` is no day"));
  EXPECT_THAT(list.faults.list()[1].print(), HasSubstr("such as 2026-12-25"));
  EXPECT_EQ(list.faults.list()[2].line, 4) << "names of columns stand in the first line only";
}

TEST(Calendar, AnICalendarsEventsOfWholeDays) {
  const Read events = read("days.ics",
                           "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\n"
                           "DTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\r\n  and more\r\n"
                           "END:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\n"
                           "END:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20270102T080000Z\r\n"
                           "DTEND:20270102T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
  EXPECT_EQ(events.faults.print(), "");
  EXPECT_THAT(events.days, ElementsAre(day("2026-12-24"), day("2026-12-25"), day("2026-12-26"),
                                       day("2027-01-01")));
}

TEST(Calendar, AnICalendarsEventsMaySayHowLongTheyAreOrBeCancelled) {
  const Read events =
      read("days.ics",
           "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDURATION:P2D\nDTSTART;VALUE=DATE:20261224\nEND:VEVENT\n"
           "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20270101\nSTATUS:CANCELLED\nEND:VEVENT\n"
           "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20270301\nDURATION:P1W\nSTATUS:CONFIRMED\n"
           "BEGIN:VALARM\nTRIGGER:-PT1H\nDURATION:PT15M\nEND:VALARM\nEND:VEVENT\n"
           "BEGIN:VEVENT\nDTSTART:20270401T080000Z\nDURATION:PT1H\nEND:VEVENT\nEND:VCALENDAR\n");
  EXPECT_EQ(events.faults.print(), "");
  EXPECT_EQ(events.days.size(), 9U);
  EXPECT_TRUE(events.days.contains(day("2026-12-25")));
  EXPECT_FALSE(events.days.contains(day("2027-01-01")));
  EXPECT_TRUE(events.days.contains(day("2027-03-07")));
  EXPECT_THAT(read("a.ics", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDURATION:3 days\n").faults.print(),
              HasSubstr("a.ics:3:10: `3 days` is no number of days"));
}

TEST(Calendar, AnICalendarThatCannotBeReadWholeIsAFault) {
  EXPECT_THAT(read("a.ics", "2026-12-25\n").faults.print(), HasSubstr("a.ics:1:1: this is no iC"));
  const Read events = read("a.ics",
                           "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261301\n"
                           "RRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR\n");
  EXPECT_THAT(events.faults.print(), HasSubstr("a.ics:3:20: `20261301` is no day"));
  EXPECT_THAT(events.faults.print(), HasSubstr("a.ics:4:1: an event that repeats (RRULE)"));
}

std::string connections() {
  return "connections:\n  shop: {postgres: x}\n  warehouse: {duckdb: w.duckdb}\n";
}

TEST(Calendar, AJobHasItsDaysBesideItsOwn) {
  TestProject project;
  project
      .write("tidemark.yaml", connections() +
                                  "calendars:\n  berlin: {days_off: [2026-10-03], weekdays_off: "
                                  "[SAT, SUN], file: holidays.csv}\n")
      .write("holidays.csv", "2026-12-25\n")
      .write("jobs/a.yaml", job_with(good_from, good_to,
                                     "every: 1d\ncalendar: berlin\ndays_off: [2026-11-01]\n"
                                     "on_day_off: next_workday\n"));
  const JobSpec job = project.job();
  EXPECT_THAT(job.schedule.off.days,
              ElementsAre(day("2026-10-03"), day("2026-11-01"), day("2026-12-25")));
  EXPECT_TRUE(job.schedule.off.has(day("2026-11-22"))) << "a Sunday";
  EXPECT_FALSE(job.schedule.off.has(day("2026-11-23")));
  EXPECT_EQ(job.schedule.on_day_off, OnDayOff::next_workday);
}

TEST(Calendar, WhatIsWrittenWrongSaysWhere) {
  TestProject project;
  const auto first = [&](const std::string& calendars, const std::string& rest) {
    project.write("tidemark.yaml", connections() + calendars)
        .write("jobs/a.yaml", job_with(good_from, good_to, rest));
    const LoadedProject loaded = project.load();
    return loaded.faults.empty() ? "" : loaded.faults.list().front().print();
  };
  const std::string berlin = "calendars: {berlin: {weekdays_off: SUN}}\n";
  EXPECT_EQ(first(berlin, "every: 1d\ncalendar: berlin\n"), "");
  EXPECT_THAT(first(berlin, "every: 1d\ncalendar: berlni\n"),
              HasSubstr("jobs/a.yaml:4:11: unknown calendar `berlni`; did you mean `berlin`?"));
  EXPECT_THAT(first("", "every: 1d\ncalendar: berlin\n"), HasSubstr("write `calendars: {berlin: "));
  EXPECT_THAT(first(berlin, "calendar: berlin\n"),
              HasSubstr("jobs/a.yaml:3:11: the job has no ti"));
  EXPECT_THAT(first(berlin, "every: 1d\non_day_off: skip\n"), HasSubstr("the job has no days off"));
  EXPECT_THAT(first("calendars: {b: {days_off: [2026-02-30]}}\n", ""),
              HasSubstr("tidemark.yaml:4:28: an item of `days_off` must be a day"));
  EXPECT_THAT(first("calendars: {b: {weekdays_off: [Sonntag]}}\n", ""),
              HasSubstr("must be one of MON, TUE, "));
  EXPECT_THAT(first("calendars: {b: {weekdays_off: [MON, TUE, WED, THU, FRI, SAT, SUN]}}\n", ""),
              HasSubstr("tidemark.yaml:4:13: calendar `b` leaves no day of the week"));
  EXPECT_THAT(first("calendars: {b: {}}\n", ""), HasSubstr("the calendar has no days"));
  EXPECT_THAT(
      first("calendars: {b: {file: none.csv}}\n", ""),
      HasSubstr("tidemark.yaml:4:23: the days of calendar `b` cannot be read: there is no"));
  project.write("days.csv", "soon\n");
  EXPECT_THAT(first("calendars: {b: {file: days.csv}}\n", ""),
              HasSubstr("days.csv:1:1: `soon` is no day"));
}

TEST(Calendar, AWaitNeedsATimeToWaitFrom) {
  TestProject project;
  project.with_connections()
      .write("jobs/b.yaml", job_with(good_from, "{connection: warehouse, table: b}"))
      .write("jobs/a.yaml", job_with(good_from, good_to, "after: {all: b, wait: 6h, late: run}\n"));
  EXPECT_THAT(project.faults(),
              ElementsAre(HasSubstr("jobs/a.yaml:3:23: a job without times of its own"),
                          HasSubstr("jobs/a.yaml:3:33: a job without times of its own")));
}

}  // namespace
}  // namespace tidemark
