#include "store/pages.h"

#include <gtest/gtest.h>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

class PagesTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    add_jobs({"orders", "customers", "idle"});
    pages_ = open_database();
  }
  void TearDown() override {
    pages_.reset();
    StoreFixture::TearDown();
  }
  void begin(const std::string& job, const std::string& run) {
    RunStart start;
    start.run = RunId(run);
    start.job = JobName(job);
    start.streams.push_back({StreamName("main"), Seq(1), Fence(1), Window{}, ""});
    ASSERT_TRUE(store_->begin_run(start).ok());
  }
  void end(const std::string& run, RunState state) {
    RunFinish finish{RunId(run), state, std::nullopt, std::nullopt, {}, ""};
    Transition last;
    last.run = RunId(run);
    last.stream = StreamName("main");
    last.expected = StreamMark{RunState::planned, 1, Fence(1)};
    last.to = state;
    finish.last_steps.push_back(last);
    ASSERT_TRUE(store_->finish_run(finish).ok());
    pass(std::chrono::seconds(1));
  }
  void ran(const std::string& job, const std::string& run, RunState state) {
    begin(job, run);
    end(run, state);
  }
  std::vector<std::string> page(const RunsAsked& asked) {
    auto found = page_of_runs(*pages_, asked);
    EXPECT_TRUE(found.ok()) << (found.ok() ? "" : found.error().describe());
    std::vector<std::string> ids;
    for (const RunRecord& run : *found)
      ids.push_back(run.run.get());
    return ids;
  }
  using Ids = std::vector<std::string>;
  std::unique_ptr<SqlDatabase> pages_;
};

TEST_P(PagesTest, TheNewestRunOfEachJob) {
  ran("orders", "r1", RunState::failed);
  ran("orders", "r2", RunState::skipped);
  ran("customers", "r3", RunState::cancelled);
  begin("customers", "r4");
  const auto found = newest_runs(
      *pages_, {JobName("idle"), JobName("orders"), JobName("nobody"), JobName("customers")});
  ASSERT_TRUE(found.ok()) << found.error().describe();
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ(found->at(JobName("orders")).run.get(), "r2");
  EXPECT_EQ(found->at(JobName("orders")).status(), RunStatus::skipped);
  EXPECT_EQ(found->at(JobName("customers")).run.get(), "r4");
  EXPECT_TRUE(newest_runs(*pages_, {})->empty());
}

TEST_P(PagesTest, RunsComeNewestFirstAndAPageBehindTheOtherHasNoneTwice) {
  for (int at = 0; at < 7; ++at)
    ran(at % 2 == 0 ? "orders" : "customers", "r" + std::to_string(at), RunState::skipped);
  EXPECT_EQ(page({}), (Ids{"r6", "r5", "r4", "r3", "r2", "r1", "r0"}));
  RunsAsked asked;
  asked.limit = 3;
  EXPECT_EQ(page(asked), (Ids{"r6", "r5", "r4"}));
  const RunRecord last = one_run(*pages_, RunId("r4")).value();
  asked.behind = {last.started_at, last.run};
  EXPECT_EQ(page(asked), (Ids{"r3", "r2", "r1"}));
  asked.job = JobName("orders");
  EXPECT_EQ(page(asked), (Ids{"r2", "r0"}));
  asked.job = JobName("nobody");
  EXPECT_TRUE(page(asked).empty());
}

TEST_P(PagesTest, RunsOfAStatus) {
  ran("orders", "r1", RunState::failed);
  ran("orders", "r2", RunState::skipped);
  ran("orders", "r3", RunState::cancelled);
  ran("orders", "r4", RunState::blocked);
  begin("orders", "r5");
  const auto of = [](RunStatus status) {
    RunsAsked asked;
    asked.status = status;
    return asked;
  };
  EXPECT_EQ(page(of(RunStatus::failed)), Ids{"r1"});
  EXPECT_EQ(page(of(RunStatus::skipped)), Ids{"r2"});
  EXPECT_EQ(page(of(RunStatus::cancelled)), Ids{"r3"});
  EXPECT_EQ(page(of(RunStatus::blocked)), Ids{"r4"});
  EXPECT_EQ(page(of(RunStatus::running)), Ids{"r5"});
  EXPECT_TRUE(page(of(RunStatus::success)).empty());
}

TEST_P(PagesTest, EventsGoOnBehindTheLastThatIsKnown) {
  begin("orders", "r1");
  const auto all = events_after(*pages_, {RunId("r1")});
  ASSERT_TRUE(all.ok()) << all.error().describe();
  EXPECT_FALSE(all->run.ended_at);
  const std::int64_t last = all->events.back().number;
  EXPECT_TRUE(events_after(*pages_, {RunId("r1"), last})->events.empty());
  end("r1", RunState::skipped);
  const auto later = events_after(*pages_, {RunId("r1"), last});
  ASSERT_TRUE(later.ok());
  EXPECT_TRUE(later->run.ended_at);
  ASSERT_FALSE(later->events.empty());
  EXPECT_EQ(later->events.front().number, last + 1);
  EXPECT_EQ(events_after(*pages_, {RunId("r1"), 0, 1})->events.size(), 1U);
  EXPECT_EQ(whole_run(*pages_, RunId("r1"))->events.size(),
            all->events.size() + later->events.size());
  EXPECT_EQ(events_after(*pages_, {RunId("no")}).error().code, "run.unknown");
  EXPECT_EQ(whole_run(*pages_, RunId("no")).error().code, "run.unknown");
}

INSTANTIATE_TEST_SUITE_P(Systems, PagesTest, ::testing::Values(System::sqlite, System::postgres),
                         name_of);

}  // namespace
}  // namespace tidemark
