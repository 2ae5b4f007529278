#include "store/overview.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

class OverviewTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    add_jobs({"orders", "customers"});
    database_now_ = open_database();
  }
  void TearDown() override {
    database_now_.reset();
    StoreFixture::TearDown();
  }
  StoreOverview look(int limit = 10) {
    auto found = look_over(*database_now_, limit,
                           [this](const Task& task) { return !gone_.contains(task.job); });
    EXPECT_TRUE(found.ok()) << (found.ok() ? "" : found.error().describe());
    return std::move(found).value();
  }
  void begin(const char* job, const char* run) {
    RunStart start;
    start.run = RunId(run);
    start.job = JobName(job);
    start.streams.push_back({StreamName("main"), Seq(1), Fence(1), Window{}, ""});
    ASSERT_TRUE(store_->begin_run(start).ok());
  }
  void end(const char* run, RunState state, std::optional<Error> error = std::nullopt) {
    RunFinish finish{RunId(run), state, std::move(error), std::nullopt, {}, ""};
    Transition last;
    last.run = RunId(run);
    last.stream = StreamName("main");
    last.expected = StreamMark{RunState::planned, 1, Fence(1)};
    last.to = state;
    finish.last_steps.push_back(last);
    ASSERT_TRUE(store_->finish_run(finish).ok());
    pass(std::chrono::seconds(1));
  }
  void compare(const char* job, std::int64_t at, FireState state, const char* reason = "") {
    FireRecord fire = new_fire({JobName(job), FireTask::verify}, UtcMicros(at), "here");
    ASSERT_TRUE(store_->take_fire(fire, OnOpen::queue)->taken);
    fire.state = state;
    fire.reason = reason;
    ASSERT_TRUE(store_->update_fire(fire).ok());
  }
  std::unique_ptr<SqlDatabase> database_now_;
  std::set<JobName> gone_;
};

TEST_P(OverviewTest, NothingGoesOnInANewStore) {
  const StoreOverview found = look();
  EXPECT_TRUE(found.running.empty());
  EXPECT_TRUE(found.failed.empty());
  EXPECT_EQ(found.fires_waiting + found.fires_running + found.fires_to_retry, 0);
  EXPECT_FALSE(found.waits_since);
}

TEST_P(OverviewTest, ARunUnderWayHasItsLeaseAndWhenItMoved) {
  const LeaseClaim claim{JobName("orders"), RunId("r1"), "here", std::chrono::seconds(30),
                         Fence(0)};
  ASSERT_TRUE(store_->claim(claim).ok());
  begin("orders", "r1");
  begin("customers", "r2");
  const StoreOverview found = look();
  ASSERT_EQ(found.running.size(), 2U);
  const RunUnderWay& orders = found.running[0].run.run.get() == "r1" ? found.running[0]  //
                                                                     : found.running[1];
  ASSERT_TRUE(orders.lease);
  EXPECT_GT(*orders.lease->expires_at, found.at);
  EXPECT_TRUE(orders.moved_at);
  EXPECT_EQ(orders.run.streams.size(), 1U);
  const RunUnderWay& customers = &orders == found.running.data() ? found.running[1]  //
                                                                 : found.running[0];
  EXPECT_FALSE(customers.lease);
  // The lease of a later run is not the one's.
  ASSERT_TRUE(store_->give_back(JobName("orders"), orders.lease->token).ok());
  for (const RunUnderWay& run : look().running)
    EXPECT_FALSE(run.lease) << run.run.run.get();
}

TEST_P(OverviewTest, FiresThatWaitAreCountedAndTheFirstAreShown) {
  for (std::int64_t fire = 1; fire <= 5; ++fire)
    ASSERT_TRUE(
        store_->take_fire(new_fire(JobName("orders"), UtcMicros(fire), "here"), OnOpen::queue)
            ->taken);
  FireRecord late = new_fire(JobName("customers"), UtcMicros(1), "here");
  FireRecord soon = new_fire(JobName("customers"), UtcMicros(2), "here");
  for (FireRecord* fire : {&late, &soon}) {
    ASSERT_TRUE(store_->take_fire(*fire, OnOpen::queue)->taken);
    fire->state = FireState::retry_wait;
    fire->next_at = UtcMicros(fire == &late ? 9'000'000 : 8'000'000);
    fire->reason = "the connection was lost";
    ASSERT_TRUE(store_->update_fire(*fire).ok());
  }
  const StoreOverview found = look(3);
  EXPECT_EQ(found.fires_waiting, 5);
  EXPECT_EQ(found.fires_to_retry, 2);
  EXPECT_EQ(found.waits_since, UtcMicros(1));
  ASSERT_EQ(found.waiting.size(), 3U);
  EXPECT_EQ(found.waiting[0].fire, UtcMicros(1));
  EXPECT_EQ(found.to_retry, (std::vector<FireRecord>{soon, late}));
}

TEST_P(OverviewTest, AFailureIsShownUntilARunOfTheJobEndsWell) {
  const Error lost = internal_error("source.lost", "the connection was lost");
  begin("orders", "r1");
  end("r1", RunState::failed, lost);
  begin("customers", "r2");
  end("r2", RunState::skipped);
  begin("orders", "r3");
  end("r3", RunState::cancelled);
  std::vector<Failure> failed = look().failed;
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].run.get(), "r1");
  EXPECT_EQ(failed[0].message, "the connection was lost");
  begin("orders", "r4");
  EXPECT_EQ(look().failed.size(), 1U);
  end("r4", RunState::skipped);
  EXPECT_TRUE(look().failed.empty());
}

TEST_P(OverviewTest, AComparisonThatFailedIsShownUntilOneFindsAllEqual) {
  compare("orders", 1, FireState::failed, "1 row missing");
  compare("customers", 1, FireState::done);
  const std::vector<Failure> failed = look().failed;
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].task, Task(JobName("orders"), FireTask::verify));
  EXPECT_EQ(failed[0].message, "1 row missing");
  EXPECT_NE(failed[0].hint.find("tidemark verify orders"), std::string::npos);
  compare("orders", 2, FireState::cancelled);
  EXPECT_EQ(look().failed_total, 1);
  compare("orders", 3, FireState::done);
  EXPECT_EQ(look().failed_total, 0);
  // By hand.
  compare("orders", 4, FireState::failed, "1 row missing");
  const StreamId stream{JobName("orders"), StreamName("main")};
  const UtcMicros later(look().at.get() + 1);
  ASSERT_TRUE(store_->keep_proof(stream, {"{}", std::nullopt}).ok());
  EXPECT_EQ(look().failed_total, 1);
  ASSERT_TRUE(store_->keep_proof(stream, {"{}", later}).ok());
  EXPECT_EQ(look().failed_total, 0);
}

TEST_P(OverviewTest, WhatFailedIsCountedAndOnlyOfJobsOfTheProject) {
  add_jobs({"gone", "orders@warehouse.r1"});
  for (const char* job : {"gone", "orders@warehouse.r1", "orders", "customers"}) {
    begin(job, job);
    end(job, RunState::failed, internal_error("source.lost", "lost"));
  }
  gone_ = {JobName("gone"), JobName("orders@warehouse.r1")};
  const StoreOverview found = look(1);
  EXPECT_EQ(found.failed_total, 2);
  ASSERT_EQ(found.failed.size(), 1U);
  EXPECT_EQ(found.failed[0].task.job.get(), "customers");
}

INSTANTIATE_TEST_SUITE_P(Systems, OverviewTest, ::testing::Values(System::sqlite, System::postgres),
                         name_of);

}  // namespace
}  // namespace tidemark
