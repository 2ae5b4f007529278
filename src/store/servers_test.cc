#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ServersTest : public StoreFixture {
 protected:
  static constexpr milliseconds dead_after{10'000};

  void SetUp() override {
    StoreFixture::SetUp();
    add_jobs({"a", "b", "c"});
  }
  void offer(const char* job, std::int64_t at, std::int64_t priority = 0, const char* pool = "",
             const char* label = "", FireTask what = FireTask::run) {
    FireRecord fire = new_fire({JobName(job), what}, UtcMicros(at), "");
    fire.priority = priority;
    fire.pool = pool;
    fire.label = label;
    const auto taken = store_->take_fire(fire, OnOpen::queue);
    ASSERT_TRUE(taken.ok()) << taken.error().describe();
    ASSERT_TRUE(taken->taken);
  }
  ServerView lives(const char* owner, bool judges = true, bool leaves = false) {
    ServerRecord server;
    server.owner = owner;
    server.leaves = leaves;
    server.role = "all";
    server.labels = {"eu", "large"};
    server.places = 4;
    auto view = store_->server_lives(server, judges ? std::optional(dead_after) : std::nullopt);
    EXPECT_TRUE(view.ok()) << view.error().describe();
    return std::move(view).value();
  }
  std::vector<FireRecord> claim(const char* owner, int places = 10, FireClaim claim = {}) {
    claim.owner = owner;
    claim.places = places;
    auto claimed = store_->claim_fires(claim);
    EXPECT_TRUE(claimed.ok()) << claimed.error().describe();
    return std::move(claimed).value();
  }
  // One that is claimed, and runs.
  FireRecord begin(const char* owner) {
    FireRecord fire = claim(owner).at(0);
    fire.state = FireState::running;
    EXPECT_TRUE(store_->update_fire(fire).ok());
    return fire;
  }
  static std::string named(const std::vector<FireRecord>& fires) {
    std::string text;
    for (const FireRecord& fire : fires)
      text += fire.task.job.get() + std::to_string(fire.fire.get()) + " ";
    return text;
  }
  void end(FireRecord fire) {
    fire.state = FireState::done;
    ASSERT_TRUE(store_->update_fire(fire).ok());
  }
};

TEST_P(ServersTest, AJobsFiresAreClaimedOneAfterTheOtherAndJobsTakeTurns) {
  for (const std::int64_t at : {1, 2, 3})
    offer("a", at);
  offer("b", 5);
  offer("b", 6);
  offer("c", 9, 1);
  std::string order;
  for (int i = 0; i < 6; ++i) {
    const auto next = claim("s1", 1);
    ASSERT_EQ(next.size(), 1U);
    EXPECT_EQ(next[0].owner, "s1");
    order += named(next);
    end(next[0]);
    pass(seconds(1));
  }
  EXPECT_EQ(order, "c9 a1 b5 a2 b6 a3 ");
  EXPECT_TRUE(claim("s1").empty());
}

TEST_P(ServersTest, NobodyClaimsAJobThatAnotherHas) {
  offer("a", 1);
  offer("a", 2);
  offer("a", 2, 0, "", "", FireTask::verify);
  offer("b", 1);
  EXPECT_EQ(named(claim("s1", 1)), "a1 ");
  EXPECT_EQ(named(claim("s2")), "b1 ");
  EXPECT_TRUE(claim("s2").empty());
}

TEST_P(ServersTest, PoolsAreOfAllAndLabelsOfSome) {
  offer("a", 1, 0, "small");
  offer("b", 1, 0, "small");
  offer("c", 1, 0, "", "eu");
  FireClaim terms;
  terms.pools = {{"small", 1}};
  EXPECT_EQ(named(claim("s1", 10, terms)), "a1 ");
  EXPECT_TRUE(claim("s2", 10, terms).empty());
  terms.labels = {"eu"};
  EXPECT_EQ(named(claim("s2", 10, terms)), "c1 ");
}

TEST_P(ServersTest, OneThatWaitsForItsNextAttemptIsAnybodysWhenItIsDue) {
  offer("a", 1);
  offer("a", 2);
  FireRecord fire = claim("s1").at(0);
  fire.state = FireState::retry_wait;
  fire.attempts = 1;
  fire.next_at = UtcMicros(4'000'000'000'000'000);
  ASSERT_TRUE(store_->release_fire(fire).ok());
  const Status again = store_->update_fire(fire);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, "store.stale");
  const auto next = claim("s2");
  EXPECT_EQ(named(next), "a2 ") << "it does not hold up those behind it";
  end(next[0]);
  fire.owner = "";
  fire.next_at = UtcMicros(1);
  ASSERT_TRUE(store_->update_fire(fire).ok());
  const auto due = claim("s2");
  ASSERT_EQ(named(due), "a1 ");
  EXPECT_EQ(due[0].attempts, 1);
}

TEST_P(ServersTest, WhoIsSilentHasNothing) {
  lives("s1");
  lives("s2");
  offer("a", 1);
  FireRecord fire = claim("s1").at(0);
  fire.state = FireState::running;
  fire.run = RunId("r1");
  ASSERT_TRUE(store_->update_fire(fire).ok());
  pass(seconds(6));
  EXPECT_EQ(lives("s2").freed, 0);
  EXPECT_TRUE(claim("s2").empty());
  pass(seconds(6));
  const ServerView view = lives("s2");
  EXPECT_EQ(view.freed, 1);
  EXPECT_EQ(view.waiting, 1);
  const auto left = claim("s2");
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].state, FireState::running);
  EXPECT_EQ(left[0].run, RunId("r1"));
  EXPECT_EQ(store_->update_fire(fire).error().code, "store.stale") << "it lives on, too late";
  EXPECT_EQ(store_->list_servers()->size(), 1U);
  lives("s1");
  EXPECT_EQ(store_->list_servers()->size(), 2U);
}

TEST_P(ServersTest, WhoHasNotBeenThereForLongJudgesNobody) {
  lives("s1");
  offer("a", 1);
  claim("s1");
  pass(seconds(60));
  EXPECT_EQ(lives("new", false).freed, 0);
  EXPECT_EQ(lives("new").freed, 1);
}

TEST_P(ServersTest, WhoLeavesSaysSo) {
  lives("s1");
  offer("a", 1);
  EXPECT_EQ(claim("s1").size(), 1U);
  ASSERT_TRUE(store_->server_leaves("s1").ok());
  EXPECT_TRUE(store_->list_servers()->empty());
  EXPECT_EQ(claim("s2").size(), 1U);
}

TEST_P(ServersTest, WhatOneThatLeavesHasNotBegunIsForOthersAtOnce) {
  lives("s1");
  offer("a", 1);
  offer("b", 1);
  std::vector<FireRecord> mine = claim("s1");
  ASSERT_EQ(mine.size(), 2U);
  mine[0].state = FireState::running;
  ASSERT_TRUE(store_->update_fire(mine[0]).ok());
  lives("s1", true, true);
  EXPECT_EQ(named(claim("s2")), "b1 ");
}

TEST_P(ServersTest, WhatOneDoesNotRunIsLeftToOthers) {
  offer("a", 1);
  offer("b", 1);
  FireClaim terms;
  terms.takes = [](const FireRecord& fire) { return fire.task.job.get() == "b"; };
  EXPECT_EQ(named(claim("s1", 10, terms)), "b1 ");
}

TEST_P(ServersTest, AnEditedJobIsDescribedAnew) {
  offer("a", 1, 0, "", "nowhere");
  EXPECT_TRUE(claim("s1").empty());
  FireRecord edited = new_fire(JobName("a"), UtcMicros(0), "");
  edited.priority = 7;
  ASSERT_TRUE(store_->describe_fires({edited}).ok());
  const auto claimed = claim("s1");
  ASSERT_EQ(claimed.size(), 1U);
  EXPECT_EQ(claimed[0].priority, 7);
}

TEST_P(ServersTest, WhatWasToStopIsNotTriedAgain) {
  lives("s1");
  offer("a", 1);
  FireRecord fire = begin("s1");
  ASSERT_TRUE(store_->take_fire(new_fire(JobName("a"), UtcMicros(2), ""), OnOpen::replace)->taken);
  fire.state = FireState::retry_wait;
  fire.next_at = UtcMicros(1);
  ASSERT_TRUE(store_->release_fire(fire).ok());
  EXPECT_EQ(named(claim("s1")), "a2 ");
  EXPECT_EQ(store_->list_fires(JobName("a"), 10)->back().state, FireState::cancelled);
}

TEST_P(ServersTest, ALaterOneTakesThePlaceOfOneThatWaitsButNotOfOneThatRuns) {
  lives("s1");
  offer("a", 1);
  const auto later = [&](std::int64_t at) {
    return store_->take_fire(new_fire(JobName("a"), UtcMicros(at), ""), OnOpen::instead).value();
  };
  EXPECT_EQ(later(2).aside.size(), 1U);
  FireRecord fire = claim("s1").at(0);
  EXPECT_EQ(fire.fire, UtcMicros(2));
  fire.state = FireState::running;
  ASSERT_TRUE(store_->update_fire(fire).ok());
  EXPECT_EQ(later(3).fire.state, FireState::skipped);
}

TEST_P(ServersTest, AServerIsToldWhatIsToStop) {
  lives("s1");
  offer("a", 1);
  FireRecord fire = begin("s1");
  EXPECT_TRUE(lives("s1").stop.empty());
  ASSERT_TRUE(store_->take_fire(new_fire(JobName("a"), UtcMicros(2), ""), OnOpen::replace)->taken);
  EXPECT_TRUE(lives("s2").stop.empty());
  const ServerView view = lives("s1");
  ASSERT_EQ(view.stop.size(), 1U);
  EXPECT_NE(view.stop[0].reason.find("takes its place"), std::string::npos);
  EXPECT_TRUE(claim("s2").empty()) << "until the other has stopped";
  pass(seconds(11));
  lives("s3");
  EXPECT_EQ(named(claim("s3")), "a2 ");
  EXPECT_EQ(store_->list_fires(JobName("a"), 10)->back().state, FireState::cancelled);
}

TEST_P(ServersTest, WhatEndedIsKnownToAll) {
  offer("a", 1);
  offer("b", 1);
  end(claim("s1", 1).at(0));
  FireRecord failed = claim("s1", 1).at(0);
  failed.state = FireState::retry_wait;
  ASSERT_TRUE(store_->update_fire(failed).ok());
  EXPECT_EQ(named(store_->ended_fires(UtcMicros(0)).value()), "a1 ");
  failed.state = FireState::failed;
  ASSERT_TRUE(store_->update_fire(failed).ok());
  EXPECT_EQ(store_->ended_fires(UtcMicros(0))->size(), 2U);
  EXPECT_TRUE(store_->ended_fires(UtcMicros(4'000'000'000'000'000))->empty());
}

TEST_P(ServersTest, OfManyWhoClaimAtOneTimeOneHasEach) {
  constexpr int fires = 60;
  for (int i = 0; i < fires; ++i) {
    JobRecord record;
    record.name = JobName("job" + std::to_string(i));
    ASSERT_TRUE(store_->upsert_job(record).ok());
    offer(record.name.get().c_str(), 1);
  }
  const auto other = open();
  std::mutex mutex;
  std::multiset<std::string> claimed;
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      SqlStore& store = i % 2 == 0 ? *store_ : *other;
      for (int empty = 0; empty < 3;) {
        FireClaim terms;
        terms.owner = "s" + std::to_string(i);
        terms.places = 3;
        const auto mine = store.claim_fires(terms);
        if (!mine.ok()) ++failed;
        if (!mine.ok() || mine->empty()) ++empty;
        if (!mine.ok()) continue;
        const std::lock_guard lock(mutex);
        for (const FireRecord& fire : *mine)
          claimed.insert(fire.task.job.get());
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(claimed.size(), static_cast<std::size_t>(fires));
  EXPECT_EQ(std::set<std::string>(claimed.begin(), claimed.end()).size(),
            static_cast<std::size_t>(fires));
}

INSTANTIATE_TEST_SUITE_P(Systems, ServersTest, ::testing::Values(System::sqlite, System::postgres),
                         name_of);

}  // namespace
}  // namespace tidemark
