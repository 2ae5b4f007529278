// What the rules find of runs: that they fail, are blocked, take too long, do not begin, bring no
// new data. Each is found, found again after a restart, and over with what ends it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alert/rules_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class JobRulesTest : public RulesTest {};

TEST_F(JobRulesTest, ARunThatFailedIsToldUntilOneEndsWell) {
  add_job("orders");
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  const UtcMicros failed_at = clock_.now_utc();
  const RunId failed = run("orders", RunState::failed, "source.gone");
  clock_.advance(minute);
  const auto found = told("run_failed");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].key.subject, "job:orders");
  EXPECT_EQ(found[0].run, failed);
  EXPECT_EQ(found[0].since, failed_at);
  EXPECT_THAT(found[0].text, HasSubstr("`source.gone`"));
  EXPECT_THAT(found[0].hint, HasSubstr("tidemark show " + failed.get()));
  start_anew();
  EXPECT_THAT(told("run_failed"), SizeIs(1)) << "the store knows it";
  for (int number = 0; number < 30; ++number)
    run("orders", RunState::failed, "source.gone");
  start_anew();
  ASSERT_THAT(told("run_failed"), SizeIs(1));
  EXPECT_EQ(kept("run_failed")[0].since, failed_at) << "however often it failed since";
  run("orders", RunState::skipped);
  EXPECT_THAT(told("run_failed"), SizeIs(0)) << "one that found nothing new ended well";
}

TEST_F(JobRulesTest, APartOfABackfillNeitherMendsNorAddsToWhatFailed) {
  JobSpec& job = add_job("orders");
  job.slo.emplace();
  job.slo->freshness = hours(2);
  const auto backfilled = [&](RunState state) {
    clock_.advance(second);
    run("orders", state, state == RunState::failed ? "target.full" : "", {}, RunKind::backfill);
  };
  run("orders", RunState::done);
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  clock_.advance(minute);
  const UtcMicros failed_at = clock_.now_utc();
  run("orders", RunState::failed, "source.gone");
  run("orders", RunState::failed, "source.gone");
  clock_.advance(hours(2));
  backfilled(RunState::failed);
  for (int number = 0; number < 50; ++number)
    backfilled(RunState::done);
  for (const bool is_new : {false, true}) {
    if (is_new) start_anew();
    ASSERT_THAT(told("run_failed"), SizeIs(1)) << is_new;
    EXPECT_THAT(kept("run_failed")[0].text, HasSubstr("`source.gone`, 2 times in a row"));
    EXPECT_EQ(kept("run_failed")[0].since, failed_at);
    EXPECT_THAT(kept("data_stale"), SizeIs(1)) << is_new;
  }
  clock_.advance(second);
  run("orders", RunState::done);
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  EXPECT_THAT(kept("data_stale"), SizeIs(0));
  backfilled(RunState::failed);
  ASSERT_THAT(told("run_failed"), SizeIs(1)) << "it is told where nothing else is";
  EXPECT_THAT(kept("run_failed")[0].text, HasSubstr("`target.full`; it is not"));
  start_anew();
  EXPECT_THAT(told("run_failed"), SizeIs(1));
  backfilled(RunState::done);
  EXPECT_THAT(told("run_failed"), SizeIs(0));
}

TEST_F(JobRulesTest, OfAnErrorNoWordIsTold) {
  add_job("orders");
  const RunId id = begin_run("orders");
  RunFinish finish{id,
                   RunState::failed,
                   internal_error("load.cast", "'4711 0815' is no number"),
                   std::nullopt,
                   {},
                   ""};
  Transition last;
  last.run = id;
  last.stream = StreamName("main");
  last.expected = StreamMark{RunState::planned, 1, Fence(1)};
  last.to = RunState::failed;
  finish.last_steps.push_back(last);
  ASSERT_TRUE(store_->finish_run(finish).ok());
  const auto found = told("run_failed");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].text + found[0].hint, Not(HasSubstr("4711")));
}

TEST_F(JobRulesTest, WhatIsTriedAgainIsToldWhenItFailedOften) {
  add_job("orders");
  FireRecord fire = take_fire("orders", hour());
  run("orders", RunState::failed, "source.gone");
  set(fire, FireState::retry_wait, 1);
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  set(fire, FireState::running, 2);
  EXPECT_THAT(told("run_failed"), SizeIs(0)) << "its next attempt";
  run("orders", RunState::failed, "source.gone");
  set(fire, FireState::retry_wait, 2);
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  run("orders", RunState::failed, "source.gone");
  ASSERT_THAT(told("run_failed"), SizeIs(1));
  EXPECT_THAT(kept("run_failed")[0].text, HasSubstr("3 times in a row; it is tried again"));
  set(fire, FireState::failed, 3);
  FireRecord next = take_fire("orders", UtcMicros(hour().get() + 3'600'000'000));
  set(next, FireState::running, 1);
  ASSERT_THAT(told("run_failed"), SizeIs(1)) << "the first attempt of the next fire mends nothing";
  EXPECT_THAT(kept("run_failed")[0].text, HasSubstr("not tried again by itself"));
}

TEST_F(JobRulesTest, WhatWasCancelledSaysNothing) {
  add_job("orders");
  run("orders", RunState::cancelled, "run.cancelled");
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  run("orders", RunState::failed, "source.gone");
  run("orders", RunState::cancelled, "run.cancelled");
  EXPECT_THAT(told("run_failed"), SizeIs(1));
}

TEST_F(JobRulesTest, AJobThatIsOffOrGoneIsToldOfNoMore) {
  JobSpec& job = add_job("orders");
  run("orders", RunState::failed, "source.gone");
  EXPECT_THAT(told("run_failed"), SizeIs(1));
  job.enabled = false;
  rules().set_jobs({specs_.begin(), specs_.end()});
  EXPECT_THAT(told("run_failed"), SizeIs(0));
  job.enabled = true;
  rules().set_jobs({specs_.begin(), specs_.end()});
  EXPECT_THAT(told("run_failed"), SizeIs(1));
  settings_.run_failed.off = true;
  start_anew();
  EXPECT_THAT(told("run_failed"), SizeIs(0));
}

TEST_F(JobRulesTest, WhatWaitsForAPersonIsCritical) {
  add_job("orders");
  run("orders", RunState::blocked, "blocked.quiet_hours");
  EXPECT_THAT(told("run_blocked"), SizeIs(0)) << "it waits for the hour";
  run("orders", RunState::blocked, "blocked.schema_drift");
  ASSERT_THAT(told("run_blocked"), SizeIs(1));
  EXPECT_EQ(kept("run_blocked")[0].severity, AlertSeverity::critical);
  EXPECT_THAT(kept("run_blocked")[0].text, HasSubstr("`blocked.schema_drift`"));
  EXPECT_THAT(kept("run_failed"), SizeIs(0));
  start_anew();
  EXPECT_THAT(told("run_blocked"), SizeIs(1));
  run("orders", RunState::done);
  EXPECT_THAT(told("run_blocked"), SizeIs(0));
}

TEST_F(JobRulesTest, ARunThatTakesLongerThanTheOthersIsTold) {
  add_job("orders");
  for (int number = 0; number < 6; ++number) {
    const RunId one = begin_run("orders");
    clock_.advance(minutes(3));
    end_run(one, RunState::done);
  }
  const RunId slow = begin_run("orders");
  clock_.advance(minutes(14));
  EXPECT_THAT(told("run_too_long"), SizeIs(0));
  clock_.advance(minutes(2));
  ASSERT_THAT(told("run_too_long"), SizeIs(1)) << "five times as long as is usual";
  EXPECT_EQ(kept("run_too_long")[0].run, slow);
  EXPECT_EQ(kept("run_too_long")[0].severity, AlertSeverity::warning);
  start_anew();
  EXPECT_THAT(told("run_too_long"), SizeIs(1));
  end_run(slow, RunState::done);
  EXPECT_THAT(told("run_too_long"), SizeIs(0));
}

TEST_F(JobRulesTest, ShortRunsAreGivenTenMinutesAndUnknownOnesAllTheyTake) {
  add_job("orders");
  const RunId first = begin_run("orders");
  clock_.advance(hours(30));
  EXPECT_THAT(told("run_too_long"), SizeIs(0)) << "nobody knows how long it takes";
  end_run(first, RunState::done);
  for (int number = 0; number < 20; ++number)
    run("orders", RunState::done);
  begin_run("orders");
  clock_.advance(minutes(9));
  EXPECT_THAT(told("run_too_long"), SizeIs(0));
  clock_.advance(minutes(1));
  EXPECT_THAT(told("run_too_long"), SizeIs(1));
}

TEST_F(JobRulesTest, ADurationThatIsPromisedCounts) {
  JobSpec& job = add_job("orders");
  job.slo.emplace();
  job.slo->duration = minutes(2);
  begin_run("orders");
  clock_.advance(minutes(2));
  ASSERT_THAT(told("run_too_long"), SizeIs(1));
  EXPECT_EQ(kept("run_too_long")[0].severity, AlertSeverity::critical);
}

TEST_F(JobRulesTest, AFireThatWaitsForAPlaceForTooLongIsTold) {
  add_job("orders");
  rules();
  FireRecord fire = take_fire("orders", hour());
  clock_.advance(minutes(4));
  EXPECT_THAT(told("not_started"), SizeIs(0));
  clock_.advance(minutes(2));
  ASSERT_THAT(told("not_started"), SizeIs(1));
  EXPECT_EQ(kept("not_started")[0].since.get(), fire.fire.get() + 300'000'000);
  start_anew();
  EXPECT_THAT(told("not_started"), SizeIs(1));
  fire.reason = "waits for customers of 2026-11-21T14:00:00.000000Z";
  set(fire, FireState::waiting, 0);
  EXPECT_THAT(told("not_started"), SizeIs(0)) << "for a stated reason";
  fire.reason.clear();
  set(fire, FireState::running, 1);
  EXPECT_THAT(told("not_started"), SizeIs(0));
}

TEST_F(JobRulesTest, AFireBehindARunOfItsJobWaitsForThat) {
  add_job("orders");
  take_fire("orders", hour());
  const RunId by_hand = begin_run("orders");
  clock_.advance(minutes(10));
  EXPECT_THAT(told("not_started"), SizeIs(0));
  end_run(by_hand, RunState::done);
  EXPECT_THAT(told("not_started"), SizeIs(1));
}

TEST_F(JobRulesTest, AFireThatNobodyTookIsTold) {
  JobSpec& job = add_job("orders");
  EXPECT_THAT(told("not_started"), SizeIs(0));
  clock_.advance(minutes(64));
  EXPECT_THAT(told("not_started"), SizeIs(0));
  clock_.advance(minutes(1));
  ASSERT_THAT(told("not_started"), SizeIs(1));
  EXPECT_THAT(kept("not_started")[0].text,
              HasSubstr("orders was due at 2026-11-21T15:00:00.000000Z"));
  FireRecord fire = take_fire("orders", hour());
  set(fire, FireState::done, 1);
  EXPECT_THAT(told("not_started"), SizeIs(0));
  job.schedule.missed = Missed::skip;
  job.content_hash = "edited";
  rules().set_jobs({specs_.begin(), specs_.end()});
  clock_.advance(hours(10));
  EXPECT_THAT(told("not_started"), SizeIs(0)) << "it does not want what it missed";
}

TEST_F(JobRulesTest, AStartThatIsPromisedCounts) {
  JobSpec& job = add_job("orders");
  job.slo.emplace();
  job.slo->start = std::chrono::seconds(30);
  rules();
  take_fire("orders", hour());
  clock_.advance(minute);
  ASSERT_THAT(told("not_started"), SizeIs(1));
  EXPECT_EQ(kept("not_started")[0].severity, AlertSeverity::critical);
}

TEST_F(JobRulesTest, DataIsAsOldAsItsOwnTimeSays) {
  JobSpec& job = add_job("orders");
  job.slo.emplace();
  job.slo->freshness = hours(2);
  PlanSigns signs;
  signs.data_until = UtcMicros(clock_.now_utc().get() - 3'600'000'000);
  run("orders", RunState::done, "", signs);
  EXPECT_THAT(told("data_stale"), SizeIs(0));
  clock_.advance(hours(1));
  run("orders", RunState::skipped, "", signs);
  ASSERT_THAT(told("data_stale"), SizeIs(1)) << "its runs end well, and bring nothing";
  EXPECT_EQ(kept("data_stale")[0].severity, AlertSeverity::critical);
  EXPECT_EQ(kept("data_stale")[0].since, clock_.now_utc());
  start_anew();
  EXPECT_THAT(told("data_stale"), SizeIs(1));
  signs.data_until = clock_.now_utc();
  run("orders", RunState::failed, "source.gone", signs);
  EXPECT_THAT(told("data_stale"), SizeIs(1)) << "nothing of it was loaded";
  run("orders", RunState::done, "", signs);
  EXPECT_THAT(told("data_stale"), SizeIs(0));
}

TEST_F(JobRulesTest, WithoutATimeDataIsAsOldAsTheLastGoodRun) {
  JobSpec& job = add_job("orders");
  settings_.data_stale.above = hours(24);
  run("orders", RunState::done);
  clock_.advance(hours(23));
  run("orders", RunState::failed, "source.gone");
  EXPECT_THAT(told("data_stale"), SizeIs(0));
  clock_.advance(hours(1));
  ASSERT_THAT(told("data_stale"), SizeIs(1));
  EXPECT_THAT(kept("data_stale")[0].text, HasSubstr("ended well last at 2026-11-21T14"));
  for (int number = 0; number < 30; ++number)
    run("orders", RunState::failed, "source.gone");
  start_anew();
  EXPECT_THAT(told("data_stale"), SizeIs(1)) << "however often it failed since";
  job.schedule.every.reset();
  job.content_hash = "by hand";
  rules().set_jobs({specs_.begin(), specs_.end()});
  EXPECT_THAT(told("data_stale"), SizeIs(0)) << "who runs it by hand knows";
}

TEST_F(JobRulesTest, WithoutAPromiseOfFreshnessNothingIsStale) {
  add_job("orders");
  run("orders", RunState::done);
  clock_.advance(hours(24 * 365));
  EXPECT_THAT(told("data_stale"), SizeIs(0));
}

}  // namespace
}  // namespace tidemark
