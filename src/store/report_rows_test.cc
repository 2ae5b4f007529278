#include "store/report_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::seconds;
using ::testing::UnorderedElementsAre;

class ReportRowsTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    add_jobs({"customers", "orders"});
    database_now_ = open_database();
  }
  void TearDown() override {
    database_now_.reset();
    StoreFixture::TearDown();
  }
  StreamMark step(const char* run, StreamMark mark, RunState to, RunUse used = {}) {
    Transition move;
    move.run = RunId(run);
    move.stream = StreamName("main");
    move.expected = mark;
    move.to = to;
    move.used = used;
    auto moved = store_->transition(move);
    EXPECT_TRUE(moved.ok()) << (moved.ok() ? "" : moved.error().describe());
    return moved.ok() ? *moved : mark;
  }
  // A run of `orders` through all its steps, each of which uses something.
  void load(const char* run, RunKind kind = RunKind::run, bool has_time = true) {
    RunStart start;
    start.kind = kind;
    start.run = RunId(run);
    start.job = JobName("orders");
    start.streams.push_back({StreamName("main"), Seq(1), Fence(1), Window{}, ""});
    if (has_time) start.signs.data_until = UtcMicros(1'700'000'000'000'000);
    ASSERT_TRUE(store_->begin_run(start).ok());
    StreamMark mark{RunState::planned, 1, Fence(1)};
    mark = step(run, mark, RunState::extracting);
    clock_.advance(seconds(3));
    mark = step(run, mark, RunState::staged, {1'000, 500, 0});
    mark = step(run, mark, RunState::checked, {200, 0, 0});
    mark = step(run, mark, RunState::loading);
    mark = step(run, mark, RunState::committed, {30, 0, 70});
    step(run, mark, RunState::done);
    RunFinish finish;
    finish.run = RunId(run);
    finish.outcome = RunState::done;
    finish.used = {4, 0, 0};
    ASSERT_TRUE(store_->finish_run(finish).ok());
  }
  void fail(const char* run) {
    RunStart start;
    start.run = RunId(run);
    start.job = JobName("orders");
    ASSERT_TRUE(store_->begin_run(start).ok());
    RunFinish finish;
    finish.run = RunId(run);
    finish.outcome = RunState::failed;
    finish.error = internal_error("source.gone", "gone");
    ASSERT_TRUE(store_->finish_run(finish).ok());
  }
  std::vector<ReportedJob> look(UtcMicros from, UtcMicros to) {
    std::vector<ReportedJob> found;
    const Status looked = jobs_in(
        *database_now_, from, to, [](const JobName& job) { return job.get() != "customers"; },
        [&](ReportedJob job) { found.push_back(std::move(job)); }, Cancel());
    EXPECT_TRUE(looked.ok()) << (looked.ok() ? "" : looked.error().describe());
    return found;
  }
  std::unique_ptr<SqlDatabase> database_now_;
};

const UtcMicros long_ago{0};
const UtcMicros far_away{4'000'000'000'000'000};

TEST_P(ReportRowsTest, WhatARunUsedAddsUpFromItsSteps) {
  load("one");
  const auto run = store_->get_run(RunId("one"));
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->run.use, (RunUse{1'234, 500, 70}));
  EXPECT_EQ(run->run.data_until, UtcMicros(1'700'000'000'000'000));
}

TEST_P(ReportRowsTest, AJobHasItsRunsStepsAndFires) {
  load("one");
  FireRecord fire = new_fire({JobName("orders"), FireTask::run}, UtcMicros(5), "here");
  ASSERT_TRUE(store_->take_fire(fire, OnOpen::queue)->taken);
  fire.state = FireState::done;
  fire.run = RunId("one");
  ASSERT_TRUE(store_->update_fire(fire).ok());

  const std::vector<ReportedJob> jobs = look(long_ago, far_away);
  ASSERT_EQ(jobs.size(), 1u);
  const ReportedJob& orders = jobs.front();
  EXPECT_EQ(orders.job.get(), "orders");
  ASSERT_EQ(orders.runs.size(), 1u);
  EXPECT_EQ(orders.runs.front().use, (RunUse{1'234, 500, 70}));
  std::vector<std::string> steps;
  for (const ReportedStep& step : orders.steps)
    steps.push_back(step.step);
  EXPECT_THAT(steps, UnorderedElementsAre("extract", "transform", "load", "ingest"));
  if (GetParam() == System::sqlite) {
    EXPECT_EQ(orders.steps.front().took_us, 3'000'000);
  }
  ASSERT_EQ(orders.fires.size(), 1u);
  EXPECT_EQ(orders.fires.front().due, UtcMicros(5));
  EXPECT_EQ(orders.fires.front().began, orders.runs.front().started_at);
}

TEST_P(ReportRowsTest, OfBeforeItHasTheLastRunThatEndedWell) {
  load("one");
  pass(seconds(100));
  load("two");
  pass(seconds(100));
  const UtcMicros from(*store_->get_run(RunId("two"))->run.ended_at);
  const std::vector<ReportedJob> jobs = look(UtcMicros(from.get() + 1), far_away);
  ASSERT_EQ(jobs.size(), 1u);
  ASSERT_EQ(jobs.front().runs.size(), 1u);
  EXPECT_EQ(jobs.front().runs.front().ended_at, from);
  EXPECT_TRUE(jobs.front().steps.empty());
  EXPECT_TRUE(jobs.front().fires.empty());
}

TEST_P(ReportRowsTest, ARepairOfBeforeDoesNotHideTheRunThatTellsHowNewTheDataIs) {
  load("one", RunKind::run, false);
  pass(seconds(100));
  load("mended", RunKind::repair, false);
  pass(seconds(100));
  const UtcMicros from(store_->get_run(RunId("mended"))->run.ended_at->get() + 1);
  const std::vector<ReportedJob> jobs = look(from, far_away);
  ASSERT_EQ(jobs.size(), 1u);
  ASSERT_EQ(jobs.front().runs.size(), 1u);
  EXPECT_EQ(jobs.front().runs.front().kind, RunKind::run);
}

TEST_P(ReportRowsTest, RunsOfBeforeThatDidNotEndWellAreNotRead) {
  load("one");
  for (const char* run : {"two", "three", "four"}) {
    pass(seconds(100));
    fail(run);
  }
  const UtcMicros ended = *store_->get_run(RunId("four"))->run.ended_at;
  const std::vector<ReportedJob> jobs = look(UtcMicros(ended.get() + 1), far_away);
  ASSERT_EQ(jobs.size(), 1u);
  ASSERT_EQ(jobs.front().runs.size(), 1u);
  EXPECT_EQ(jobs.front().runs.front().started_at, store_->get_run(RunId("one"))->run.started_at);
  EXPECT_EQ(look(long_ago, far_away).front().runs.size(), 4u);
}

TEST_P(ReportRowsTest, ARunThatWentOnInTheStretchStandsBeforeTheLastOfBefore) {
  load("one");
  pass(seconds(100));
  load("two");
  const RunRecord two = store_->get_run(RunId("two"))->run;
  const std::vector<ReportedJob> jobs = look(UtcMicros(two.ended_at->get() - 1), far_away);
  ASSERT_EQ(jobs.size(), 1u);
  ASSERT_EQ(jobs.front().runs.size(), 2u);
  EXPECT_EQ(jobs.front().runs.front().started_at, two.started_at);
}

TEST_P(ReportRowsTest, ItEndsBetweenTwoJobsWhereItIsCancelled) {
  Cancel cancel;
  std::vector<std::string> taken;
  const Status looked = jobs_in(
      *database_now_, long_ago, far_away, [](const JobName&) { return true; },
      [&](const ReportedJob& job) {
        taken.push_back(job.job.get());
        cancel.request();
      },
      cancel);
  ASSERT_FALSE(looked.ok());
  EXPECT_EQ(looked.error().code, "run.cancelled");
  EXPECT_THAT(taken, UnorderedElementsAre("customers"));
}

INSTANTIATE_TEST_SUITE_P(Systems, ReportRowsTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);

}  // namespace
}  // namespace tidemark
