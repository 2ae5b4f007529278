#include "store/alert_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "env/process.h"
#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class AlertFactsTest : public StoreFixture {
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
  RunStart start(const std::string& job, const std::string& run, PlanSigns signs = {}) {
    RunStart start;
    start.run = RunId(run);
    start.job = JobName(job);
    start.signs = std::move(signs);
    return start;
  }
  // One that found nothing new.
  void idle(const std::string& job, const std::string& run, PlanSigns signs = {}) {
    JobRecord record;
    record.name = JobName(job);
    const RunFinish finish{RunId(run), RunState::skipped, std::nullopt, std::nullopt, {}, ""};
    ASSERT_TRUE(store_->record_idle_run(record, start(job, run, std::move(signs)), finish).ok());
    pass(std::chrono::seconds(1));
  }
  void failed(const std::string& job, const std::string& run) {
    ASSERT_TRUE(store_->begin_run(start(job, run)).ok());
    const RunFinish finish{
        RunId(run), RunState::failed, internal_error("source.gone", "gone"), std::nullopt, {}, ""};
    ASSERT_TRUE(store_->finish_run(finish).ok());
    pass(std::chrono::seconds(1));
  }
  static std::vector<std::string> names(const std::vector<EndedRun>& runs) {
    std::vector<std::string> found;
    for (const EndedRun& run : runs)
      found.push_back(run.run.get());
    return found;
  }
  UtcMicros now() { return open_now(*database_now_, 1)->at; }

  std::unique_ptr<SqlDatabase> database_now_;
};

TEST_P(AlertFactsTest, WhatAPlanSaidComesBackWithItsRun) {
  PlanSigns signs{true, UtcMicros(1'700'000'000'000'000), "column `x` (INTEGER) is new"};
  idle("orders", "r1", signs);
  failed("orders", "r2");
  const auto runs = runs_to_begin_with(*database_now_, {JobName("orders")});
  ASSERT_TRUE(runs.ok()) << runs.error().describe();
  ASSERT_THAT(names(*runs), ElementsAre("r1", "r2"));
  const EndedRun& idle = runs->front();
  EXPECT_EQ(idle.job, JobName("orders"));
  EXPECT_EQ(idle.state, RunState::skipped);
  EXPECT_TRUE(idle.is_well() && idle.signs.is_held);
  EXPECT_EQ(idle.signs.data_until, signs.data_until);
  EXPECT_EQ(idle.signs.drift, signs.drift);
  const EndedRun& failed = runs->back();
  EXPECT_EQ(failed.code, "source.gone");
  EXPECT_FALSE(failed.is_well() || failed.signs.is_held || failed.signs.data_until);
  EXPECT_EQ(failed.signs.drift, "");
}

TEST_P(AlertFactsTest, TheBeginKnowsSinceWhenHoweverFarThatIsBack) {
  idle("orders", "free");
  for (int number = 0; number < 3; ++number)
    idle("orders", "held" + std::to_string(number), {true, std::nullopt, "column `x` is gone"});
  for (int number = 10; number < 10 + runs_of_begin + 5; ++number)
    failed("orders", "failed" + std::to_string(number));
  idle("customers", "other");
  const auto runs =
      runs_to_begin_with(*database_now_, {JobName("orders"), JobName("customers"), JobName("no")});
  ASSERT_TRUE(runs.ok()) << runs.error().describe();
  const std::vector<std::string> found = names(*runs);
  EXPECT_THAT(found, SizeIs(runs_of_begin + 4)) << "each once, and no more than are needed";
  EXPECT_EQ(found[0], "held0") << "the first that was held";
  EXPECT_EQ(found[1], "held2") << "the newest that ended well, and that met other columns";
  EXPECT_EQ(found[2], "failed10") << "the first that did not";
  EXPECT_EQ(found.back(), "other");
}

TEST_P(AlertFactsTest, AnHourInWhichRunsFoundNothingIsThereOnce) {
  idle("orders", "r1");
  pass(std::chrono::hours(2));
  for (int number = 2; number < 6; ++number)
    idle("orders", "r" + std::to_string(number));
  failed("orders", "r6");
  idle("customers", "other");
  const UtcMicros at = now();
  const UtcMicros before(at.get() - 86'400'000'000);
  const auto hours = hours_read(*database_now_, {JobName("orders"), before, at});
  ASSERT_TRUE(hours.ok()) << hours.error().describe();
  // The server's own clock may come to another hour between two of them.
  ASSERT_GE(hours->size(), 2u);
  ASSERT_LE(hours->size(), 3u);
  EXPECT_GE(hours->back().hour - hours->front().hour, 2);
  EXPECT_LT((*hours)[0].hour, (*hours)[1].hour);
  EXPECT_EQ(hours->front().rows + hours->back().rows, 0);
  const UtcMicros later(at.get() - 3'600'000'000);
  const auto some = hours_read(*database_now_, {JobName("orders"), later, at});
  ASSERT_TRUE(some.ok()) << some.error().describe();
  EXPECT_EQ(some->size(), hours->size() - 1) << "the first is further back";
}

TEST_P(AlertFactsTest, WhatEndedIsReadInPiecesAndOnce) {
  const UtcMicros since = now();
  for (int number = 0; number < 5; ++number)
    idle(number % 2 == 0 ? "orders" : "customers", "r" + std::to_string(number));
  ASSERT_TRUE(store_->begin_run(start("orders", "open")).ok());
  std::vector<std::string> found;
  EndedAsked asked{UtcMicros(since.get() - 60'000'000), RunId(), 2};
  while (true) {
    const auto runs = runs_ended(*database_now_, asked);
    ASSERT_TRUE(runs.ok()) << runs.error().describe();
    if (runs->empty()) break;
    for (const EndedRun& run : *runs)
      found.push_back(run.run.get());
    asked.since = runs->back().ended_at;
    asked.behind = runs->back().run;
  }
  EXPECT_THAT(found, ElementsAre("r0", "r1", "r2", "r3", "r4"));
}

TEST_P(AlertFactsTest, WhatIsOpenIsRunsAndFires) {
  ASSERT_TRUE(store_->begin_run(start("orders", "r1")).ok());
  ASSERT_TRUE(
      store_->take_fire(new_fire(JobName("customers"), UtcMicros(100), "here"), OnOpen::queue)
          .ok());
  FireRecord done = new_fire(JobName("orders"), UtcMicros(50), "here");
  ASSERT_TRUE(store_->take_fire(done, OnOpen::queue).ok());
  done.state = FireState::done;
  ASSERT_TRUE(store_->update_fire(done).ok());
  const auto open = open_now(*database_now_, 10);
  ASSERT_TRUE(open.ok()) << open.error().describe();
  ASSERT_THAT(open->runs, SizeIs(1));
  EXPECT_EQ(open->runs[0].job, JobName("orders"));
  ASSERT_THAT(open->fires, SizeIs(1));
  EXPECT_EQ(open->fires[0].task.job, JobName("customers"));
  const auto newest =
      newest_fires(*database_now_, {JobName("orders"), JobName("customers"), JobName("nobody")});
  ASSERT_TRUE(newest.ok()) << newest.error().describe();
  EXPECT_THAT(*newest, ElementsAre(std::pair(JobName("customers"), UtcMicros(100)),
                                   std::pair(JobName("orders"), UtcMicros(50))));
}

TEST_P(AlertFactsTest, ATurnIsOnesUntilItIsGivenBackOrOver) {
  // No process has these names, as far as this machine can tell.
  const TurnAsked one{"alerts", "one", std::chrono::seconds(60)};
  const TurnAsked other{"alerts", "other", std::chrono::seconds(60)};
  EXPECT_TRUE(take_turn(*database_now_, one).value());
  EXPECT_FALSE(take_turn(*database_now_, other).value());
  EXPECT_TRUE(take_turn(*database_now_, one).value()) << "again";
  EXPECT_TRUE(give_turn_back(*database_now_, other).ok());
  EXPECT_FALSE(take_turn(*database_now_, other).value()) << "it was not its own";
  EXPECT_TRUE(give_turn_back(*database_now_, one).ok());
  EXPECT_TRUE(take_turn(*database_now_, {"alerts", "other", std::chrono::milliseconds(0)}).value());
  EXPECT_TRUE(take_turn(*database_now_, one).value()) << "the other's was over";
}

INSTANTIATE_TEST_SUITE_P(Systems, AlertFactsTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);

}  // namespace
}  // namespace tidemark
