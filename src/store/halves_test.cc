#include <gtest/gtest.h>

#include <vector>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

// Fires whose run is extracted and loaded by whoever claims that half.
class HalvesTest : public StoreFixture {
 protected:
  const UtcMicros never{4'000'000'000'000'000};

  void SetUp() override {
    StoreFixture::SetUp();
    add_jobs({"a", "b"});
  }
  void offer(const char* job, std::int64_t at) {
    FireRecord fire = new_fire(JobName(job), UtcMicros(at), "");
    fire.pool = "reads";
    fire.label = "near-shop";
    ASSERT_TRUE(store_->take_fire(fire, OnOpen::queue)->taken);
  }
  std::vector<FireRecord> claim(const char* owner, const char* label) {
    FireClaim claim;
    claim.owner = owner;
    claim.places = 10;
    claim.labels = {label};
    claim.pools = {{"reads", 1}, {"loads", 1}};
    auto claimed = store_->claim_fires(claim);
    EXPECT_TRUE(claimed.ok()) << claimed.error().describe();
    return std::move(claimed).value();
  }
  // As its job describes it for the second half.
  static FireRecord to_load(FireRecord fire) {
    fire.half = FireHalf::load;
    fire.pool = "loads";
    fire.label = "near-warehouse";
    return fire;
  }
  FireRecord hand_over(FireRecord fire, FireState state = FireState::waiting) {
    fire = to_load(std::move(fire));
    fire.state = state;
    fire.run = RunId("r1");
    const Status released = store_->release_fire(fire);
    EXPECT_TRUE(released.ok()) << released.error().describe();
    return fire;
  }
};

TEST_P(HalvesTest, EachHalfIsForItsOwnLabelAndPool) {
  offer("a", 1);
  offer("b", 1);
  EXPECT_TRUE(claim("loader", "near-warehouse").empty());
  const auto read = claim("extractor", "near-shop");
  ASSERT_EQ(read.size(), 1U) << "its pool has one place";
  hand_over(read[0]);
  const auto load = claim("loader", "near-warehouse");
  ASSERT_EQ(load.size(), 1U);
  EXPECT_EQ(load[0].half, FireHalf::load);
  EXPECT_EQ(load[0].run, RunId("r1"));
  EXPECT_EQ(load[0].task.job, JobName("a"));
  const auto next = claim("extractor", "near-shop");
  ASSERT_EQ(next.size(), 1U) << "a load takes no place of those that read";
  EXPECT_EQ(next[0].task.job, JobName("b"));
}

TEST_P(HalvesTest, NoOtherFireOfAJobBeginsBeforeWhatIsStagedIsLoaded) {
  offer("a", 1);
  offer("a", 2);
  offer("a", 3);
  FireRecord first = claim("s", "near-shop").at(0);
  first.state = FireState::retry_wait;
  first.next_at = never;
  ASSERT_TRUE(store_->release_fire(first).ok());
  FireRecord staged = hand_over(claim("s", "near-shop").at(0));
  EXPECT_EQ(staged.fire, UtcMicros(2));
  first.owner = "";
  first.next_at = UtcMicros(1);
  ASSERT_TRUE(store_->update_fire(first).ok());
  EXPECT_TRUE(claim("s", "near-shop").empty()) << "also not one that is older";
  staged.owner = "";
  staged.state = FireState::retry_wait;
  staged.next_at = never;
  ASSERT_TRUE(store_->update_fire(staged).ok());
  EXPECT_TRUE(claim("s", "near-shop").empty()) << "nor while its load waits for an attempt";
  staged.next_at = UtcMicros(1);
  ASSERT_TRUE(store_->update_fire(staged).ok());
  FireRecord loads = claim("s", "near-warehouse").at(0);
  EXPECT_EQ(loads.fire, UtcMicros(2));
  loads.state = FireState::done;
  ASSERT_TRUE(store_->update_fire(loads).ok());
  EXPECT_EQ(claim("s", "near-shop").at(0).fire, UtcMicros(1));
}

TEST_P(HalvesTest, WhoExtractsLoadsWhereThePoolHasAPlace) {
  offer("a", 1);
  offer("b", 1);
  const FireRecord a = to_load(claim("s1", "near-shop").at(0));
  EXPECT_TRUE(store_->begin_load(a, {{"loads", 1}}).value());
  const FireRecord b = claim("s2", "near-shop").at(0);
  EXPECT_FALSE(store_->begin_load(to_load(b), {{"loads", 1}}).value());
  EXPECT_EQ(store_->list_fires(JobName("b"), 1)->front().half, FireHalf::extract);
  FireRecord same = b;
  same.half = FireHalf::load;
  EXPECT_TRUE(store_->begin_load(same, {{"reads", 1}}).value()) << "it has that place already";
  FireRecord others = a;
  others.owner = "s2";
  EXPECT_EQ(store_->begin_load(others, {}).error().code, "store.stale");
}

TEST_P(HalvesTest, WhatIsStagedIsLoadedWhateverComesLater) {
  for (const FireState state : {FireState::waiting, FireState::retry_wait}) {
    for (const OnOpen on_open : {OnOpen::skip, OnOpen::instead, OnOpen::replace}) {
      const char* job = state == FireState::waiting ? "a" : "b";
      if (store_->list_fires(JobName(job), 1)->empty()) {
        offer(job, 1);
        FireRecord fire = claim("s", "near-shop").at(0);
        fire.next_at = never;
        hand_over(fire, state);
      }
      const UtcMicros at(10 + static_cast<std::int64_t>(on_open));
      const auto later = store_->take_fire(new_fire(JobName(job), at, ""), on_open);
      EXPECT_TRUE(later->aside.empty());
      EXPECT_EQ(later->fire.state,
                on_open == OnOpen::replace ? FireState::waiting : FireState::skipped);
      EXPECT_EQ(store_->list_fires(JobName(job), 10)->back().state, state);
    }
  }
}

TEST_P(HalvesTest, AnEditedJobIsDescribedByHalf) {
  offer("a", 1);
  hand_over(claim("s", "near-shop").at(0));
  FireRecord edited = new_fire(JobName("a"), UtcMicros(0), "");
  ASSERT_TRUE(store_->describe_fires({edited}).ok());
  EXPECT_EQ(store_->list_fires(JobName("a"), 1)->front().label, "near-warehouse");
  edited.half = FireHalf::load;
  ASSERT_TRUE(store_->describe_fires({edited}).ok());
  EXPECT_EQ(store_->list_fires(JobName("a"), 1)->front().label, "");
}

TEST_P(HalvesTest, AllServersKnowOneStage) {
  EXPECT_EQ(store_->shared_stage(std::nullopt).value(), std::nullopt);
  EXPECT_EQ(store_->shared_stage("one").value(), "one");
  EXPECT_EQ(open()->shared_stage("other").value(), "one");
  EXPECT_EQ(store_->shared_stage(std::nullopt).value(), "one");
}

INSTANTIATE_TEST_SUITE_P(Systems, HalvesTest, ::testing::Values(System::sqlite, System::postgres),
                         name_of);

}  // namespace
}  // namespace tidemark
