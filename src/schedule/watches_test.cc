#include "schedule/watches.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Nanos = Watches::Nanos;

std::shared_ptr<JobSpec> a_job(const std::string& name, const std::string& what = "in/*.csv") {
  auto job = std::make_shared<JobSpec>();
  job->name = JobName(name);
  WhenSpec when;
  when.connection.value = "landing";
  when.what = what;
  when.settle = seconds(5);
  job->schedule.when = when;
  return job;
}

UtcMicros at(const std::string& text) {
  return *parse_utc(text + "Z");
}

const UtcMicros noon = at("2026-12-24T12:00:00");

SeenChange known(const JobSpec& job, const std::string& sign, UtcMicros seen = noon) {
  return {job.name, to_text(*job.schedule.when), sign, seen};
}

TEST(Watches, AChangeIsAWordThatWasNotThere) {
  EXPECT_TRUE(has_news("", "a"));
  EXPECT_TRUE(has_news("a b", "a c"));
  EXPECT_TRUE(has_news("a", "b a"));
  EXPECT_FALSE(has_news("a b", "b"));
  EXPECT_FALSE(has_news("a", ""));
}

TEST(Watches, JobsThatWatchTheSameThingShareOneLook) {
  Watches watches;
  auto often = a_job("often");
  often->schedule.when->check = seconds(2);
  watches.set({a_job("a"), often, a_job("other", "out/*.csv")});
  const std::vector<Look> due = watches.due(Nanos(0));
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].jobs, (std::vector{JobName("a"), JobName("often")}));
  EXPECT_TRUE(watches.due(seconds(100)).empty()) << "it is being looked at";
  watches.seen("file landing.in/*.csv", "x", seconds(100));
  watches.seen("file landing.in/*.csv", "x", seconds(105));
  EXPECT_TRUE(watches.due(milliseconds(106'900)).empty());
  EXPECT_EQ(watches.due(seconds(107)).size(), 1U) << "as the one that wants it most often";
}

TEST(Watches, AChangeIsFollowedOnceItHasSettled) {
  Watches watches;
  const auto job = a_job("a");
  watches.set({job});
  watches.seen(to_text(*job->schedule.when), "x y", Nanos(0));
  EXPECT_EQ(watches.follow(*job, known(*job, "x"), "x y", noon, seconds(4)), Follow::nothing);
  EXPECT_EQ(watches.follow(*job, known(*job, "x"), "x y", noon, seconds(5)), Follow::fire);
  watches.seen(to_text(*job->schedule.when), "x z", seconds(6));
  EXPECT_EQ(watches.follow(*job, known(*job, "x"), "x z", noon, seconds(10)), Follow::nothing)
      << "it goes on changing";
  EXPECT_EQ(watches.follow(*job, known(*job, "x"), "x z", noon, seconds(11)), Follow::fire);
}

TEST(Watches, WhatIsKnownOrGoneIsNoChange) {
  Watches watches;
  const auto job = a_job("a");
  watches.set({job});
  EXPECT_EQ(watches.follow(*job, known(*job, "x y"), "x y", noon, seconds(9)), Follow::nothing);
  EXPECT_EQ(watches.follow(*job, known(*job, "x y"), "y", noon, seconds(9)), Follow::note);
  EXPECT_EQ(watches.follow(*job, std::nullopt, "", noon, seconds(9)), Follow::note);
  EXPECT_EQ(watches.follow(*job, std::nullopt, "y", noon, seconds(9)), Follow::fire);
  SeenChange other = known(*job, "y");
  other.watched = "file landing.old/*.csv";
  EXPECT_EQ(watches.follow(*job, other, "y", noon, seconds(9)), Follow::fire)
      << "it watched something else";
}

TEST(Watches, WhatWasMissedIsSkippedWhereTheJobSaysSo) {
  Watches watches;
  const auto job = a_job("a");
  job->schedule.missed = Missed::skip;
  watches.set({job});
  const UtcMicros later = at("2026-12-24T12:02:00");
  EXPECT_EQ(watches.follow(*job, known(*job, "x"), "x y", later, seconds(9)), Follow::note);
  EXPECT_EQ(watches.follow(*job, std::nullopt, "x", later, seconds(9)), Follow::note);
  EXPECT_EQ(watches.follow(*job, known(*job, "x"), "x", later, seconds(9)), Follow::note)
      << "it says that somebody is there";
  const UtcMicros soon = at("2026-12-24T12:00:10");
  EXPECT_EQ(watches.follow(*job, known(*job, "x"), "x", soon, seconds(9)), Follow::nothing);
  EXPECT_EQ(watches.follow(*job, known(*job, "x"), "x y", soon, seconds(9)), Follow::fire);
}

// Whoever looks says so, also while it may not follow what it sees, so that it is not missed.
TEST(Watches, WhoLooksSaysSoBeforeItCountsAsAway) {
  const auto job = a_job("a");
  const auto asked = [&](const std::string& from, const std::string& until) {
    return Watches::says_that_it_looks(*job, known(*job, "x"), at("2026-12-24T" + from),
                                       at("2026-12-24T" + until));
  };
  const auto says = [&](const std::string& time) { return asked(time, time); };
  EXPECT_FALSE(says("12:00:30")) << "what it missed is followed in any case";
  job->schedule.missed = Missed::skip;
  EXPECT_FALSE(says("12:00:20"));
  EXPECT_TRUE(says("12:00:21"));
  EXPECT_TRUE(says("12:01:20"));
  EXPECT_FALSE(says("12:01:21")) << "it was away";
  EXPECT_TRUE(asked("12:00:10", "12:30:00")) << "it was there all the time";
}

TEST(Watches, ATableIsQuietWhateverElseItsServerDoes) {
  Watches watches;
  const auto job = a_job("a");
  watches.set({job});
  const std::string watched = to_text(*job->schedule.when);
  watches.seen(watched, "r12.5;2;3/7", Nanos(0));
  watches.seen(watched, "r12.5;2;4/1,5/2", seconds(4));
  EXPECT_EQ(watches.follow(*job, known(*job, "r12.4;0;"), "r12.5;2;4/1,5/2", noon, seconds(5)),
            Follow::fire);
  watches.seen(watched, "r12.6;2;4/1", seconds(6));
  EXPECT_EQ(watches.follow(*job, known(*job, "r12.4;0;"), "r12.6;2;4/1", noon, seconds(10)),
            Follow::nothing);
}

TEST(Watches, WhatNobodyCanTellIsAChangeAtEachCheckTheSameForAll) {
  Watches watches;
  const auto job = a_job("a");
  watches.set({job});
  const std::string first = untold_sign(*job->schedule.when, at("2026-12-24T12:00:01"));
  EXPECT_EQ(first, untold_sign(*job->schedule.when, at("2026-12-24T12:00:09.9")));
  EXPECT_NE(first, untold_sign(*job->schedule.when, at("2026-12-24T12:00:10")));
  watches.seen(to_text(*job->schedule.when), first, Nanos(0));
  EXPECT_EQ(watches.follow(*job, known(*job, "x"), first, noon, Nanos(0)), Follow::fire);
}

TEST(Watches, WhyItCannotBeLookedAtIsKnownUntilItCan) {
  Watches watches;
  const auto job = a_job("a");
  const std::string watched = to_text(*job->schedule.when);
  watches.set({job});
  watches.failed(watched, user_error("source.folder_missing", "there is no folder"), Nanos(0));
  watches.set({job});
  ASSERT_EQ(watches.unseen().size(), 1U);
  EXPECT_EQ(watches.unseen().front().second, "there is no folder");
  EXPECT_TRUE(watches.due(seconds(9)).empty());
  EXPECT_EQ(watches.due(seconds(10)).size(), 1U);
  watches.seen(watched, "x", seconds(10));
  EXPECT_TRUE(watches.unseen().empty());
}

TEST(Watches, NothingRunsOnDaysOffNorBeforeItsStart) {
  const auto job = a_job("a");
  ScheduleSpec& schedule = job->schedule;
  schedule.timezone = Name{"Europe/Berlin", {}};
  schedule.off.weekdays.set(6);
  EXPECT_TRUE(*may_run_at(schedule, at("2026-12-26T22:59:59.5")));
  EXPECT_FALSE(*may_run_at(schedule, at("2026-12-26T23:00:00.5"))) << "Sunday there";
  EXPECT_TRUE(*may_run_at(schedule, at("2026-12-27T23:00:00")));
  schedule.starts = DayOrMoment{std::nullopt, at("2026-12-28T12:00:00")};
  schedule.ends = DayOrMoment{std::nullopt, at("2026-12-28T13:00:00")};
  EXPECT_FALSE(*may_run_at(schedule, at("2026-12-28T11:59:59.9")));
  EXPECT_TRUE(*may_run_at(schedule, at("2026-12-28T12:00:00")));
  EXPECT_FALSE(*may_run_at(schedule, at("2026-12-28T13:00:00")));
}

}  // namespace
}  // namespace tidemark
