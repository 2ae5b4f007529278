#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

class FiresTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    add_jobs({"orders", "customers"});
  }
  bool take(const char* job, std::int64_t fire, const std::string& skipped = {}) {
    auto taken =
        store_->take_fire(new_fire(JobName(job), UtcMicros(fire), "here", skipped), OnOpen::queue);
    EXPECT_TRUE(taken.ok()) << taken.error().describe();
    return taken.ok() && taken->taken;
  }
};

TEST_P(FiresTest, EachIsTakenOnce) {
  EXPECT_TRUE(take("orders", 100));
  EXPECT_FALSE(take("orders", 100));
  EXPECT_FALSE(take("orders", 100, "late"));
  EXPECT_TRUE(take("customers", 100));
  EXPECT_TRUE(take("orders", 200, "the one before goes on"));
  const auto open = store_->open_fires();
  ASSERT_TRUE(open.ok());
  ASSERT_EQ(open->size(), 2U);
  EXPECT_EQ((*open)[0].task.job.get(), "customers");
  EXPECT_EQ((*open)[1].state, FireState::waiting);
  EXPECT_EQ((*open)[1].owner, "here");
  EXPECT_FALSE(
      store_->take_fire(new_fire(JobName("nobody"), UtcMicros(1), "here"), OnOpen::queue).ok());
}

TEST_P(FiresTest, GoThroughAttemptsToTheirEnd) {
  take("orders", 100);
  FireRecord fire{
      JobName("orders"), UtcMicros(100), FireState::running, 1, RunId("r1"), {}, {}, {}, "here"};
  ASSERT_TRUE(store_->update_fire(fire).ok());
  fire.state = FireState::retry_wait;
  fire.next_at = UtcMicros(5'000'000);
  fire.reason = "the connection was lost";
  ASSERT_TRUE(store_->update_fire(fire).ok());
  EXPECT_EQ(store_->open_fires().value(), std::vector<FireRecord>{fire});
  fire.state = FireState::done;
  fire.attempts = 2;
  fire.run = RunId("r2");
  fire.next_at.reset();
  ASSERT_TRUE(store_->update_fire(fire).ok());
  EXPECT_TRUE(store_->open_fires()->empty());
  EXPECT_EQ(store_->list_fires(JobName("orders"), 10).value(), std::vector<FireRecord>{fire});
  const Status again = store_->update_fire(fire);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, "store.stale");
}

TEST_P(FiresTest, OldOnesAreForgottenButTheNewestOfAJob) {
  for (const std::int64_t fire : {100, 200, 300})
    take("orders", fire, "skipped");
  take("customers", 100, "skipped");
  take("customers", 50);
  const UtcMicros all(4'000'000'000'000'000);
  EXPECT_EQ(store_->forget_fires(UtcMicros(1), 100).value(), 0);
  EXPECT_EQ(store_->forget_fires(all, 1).value(), 1);
  EXPECT_EQ(store_->forget_fires(all, 100).value(), 1);
  EXPECT_EQ(store_->list_fires(JobName("orders"), 10)->front().fire, UtcMicros(300));
  EXPECT_EQ(store_->list_fires(JobName("customers"), 10)->size(), 2U);
}

TEST_P(FiresTest, OfManyThreadsAndServersOneTakesIt) {
  constexpr int threads_per_server = 4;
  const auto other = open();
  for (const std::int64_t fire : {100, 200, 300}) {
    std::atomic<int> taken{0};
    std::atomic<int> failed{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < threads_per_server * 2; ++i) {
      threads.emplace_back([&, i] {
        SqlStore& store = i % 2 == 0 ? *store_ : *other;
        const auto won =
            store.take_fire(new_fire(JobName("orders"), UtcMicros(fire), "here"), OnOpen::skip);
        if (!won.ok()) ++failed;
        if (won.ok() && won->taken) ++taken;
      });
    }
    for (std::thread& thread : threads)
      thread.join();
    EXPECT_EQ(taken, 1);
    EXPECT_EQ(failed, 0);
  }
  EXPECT_EQ(store_->open_fires()->size(), 1U) << "the second and third found the first waiting";
}

TEST_P(FiresTest, OneThatComesMeanwhileDoesAsItIsTold) {
  take("orders", 100);
  const auto offer = [&](std::int64_t fire, OnOpen on_open) {
    return store_->take_fire(new_fire(JobName("orders"), UtcMicros(fire), "here"), on_open).value();
  };
  const FireAnswer skipped = offer(200, OnOpen::skip);
  EXPECT_TRUE(skipped.taken);
  EXPECT_EQ(skipped.fire.state, FireState::skipped);
  EXPECT_EQ(skipped.fire.reason, before_has_not_ended);
  EXPECT_EQ(offer(300, OnOpen::queue).fire.state, FireState::waiting);
  FireRecord first = new_fire(JobName("orders"), UtcMicros(100), "here");
  first.state = FireState::running;
  ASSERT_TRUE(store_->update_fire(first).ok());
  const FireAnswer replaced = offer(400, OnOpen::replace);
  ASSERT_EQ(replaced.aside.size(), 1U);
  EXPECT_EQ(replaced.aside[0].fire, UtcMicros(300));
  EXPECT_EQ(replaced.aside[0].state, FireState::skipped);
  ASSERT_TRUE(replaced.stop);
  EXPECT_EQ(replaced.stop->fire, UtcMicros(100));
  first.state = FireState::done;
  ASSERT_TRUE(store_->update_fire(first).ok());
  // One that waits for its next attempt is the past of a task that leaves out what overlaps.
  FireRecord last = replaced.fire;
  last.state = FireState::retry_wait;
  last.attempts = 2;
  last.reason = "the connection was lost";
  ASSERT_TRUE(store_->update_fire(last).ok());
  const FireAnswer instead = offer(500, OnOpen::skip);
  EXPECT_EQ(instead.fire.state, FireState::waiting);
  ASSERT_EQ(instead.aside.size(), 1U);
  EXPECT_EQ(instead.aside[0].state, FireState::failed);
  EXPECT_EQ(instead.aside[0].reason, std::string("the connection was lost; ") + place_was_taken);
  EXPECT_EQ(store_->open_fires()->size(), 1U);
  EXPECT_FALSE(offer(500, OnOpen::replace).taken) << "and it changes nothing";
  EXPECT_EQ(store_->open_fires()->size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Systems, FiresTest, ::testing::Values(System::sqlite, System::postgres),
                         name_of);

}  // namespace
}  // namespace tidemark
