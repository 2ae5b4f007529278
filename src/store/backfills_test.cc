#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

class BackfillsTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    add_jobs({"a", "b", "report"});
  }
  BackfillId add(const char* id, const char* job, bool detached = true) {
    BackfillRecord record;
    record.id = BackfillId(id);
    record.job = JobName(job);
    record.detached = detached;
    record.downstream = true;
    record.created_at = UtcMicros(1'700'000'000'000'000 + created_++);
    std::vector<BackfillPart> parts(3);
    for (std::size_t i = 0; i < parts.size(); ++i)
      parts[i].number = static_cast<std::int64_t>(i) + 1;
    EXPECT_TRUE(store_->add_backfill(record, parts).ok());
    return record.id;
  }
  void lives(const char* owner) {
    ServerRecord server;
    server.owner = owner;
    server.role = "all";
    ASSERT_TRUE(store_->server_lives(server, std::nullopt).ok());
  }
  std::optional<BackfillRecord> claim(const char* job, const char* owner, int places = 1) {
    auto claimed = store_->claim_backfill({JobName(job), owner, places, true});
    EXPECT_TRUE(claimed.ok()) << claimed.error().describe();
    return std::move(claimed).value();
  }
  FireRecord fire_of(const char* job) { return new_fire(JobName(job), UtcMicros(0), ""); }
  std::vector<FireRecord> fires(const char* job) {
    return store_->list_fires(JobName(job), 100).value();
  }
  LeaseClaim lease(const char* run, bool yields) {
    LeaseClaim claim;
    claim.job = JobName("a");
    claim.run = RunId(run);
    claim.holder = "elsewhere";
    claim.ttl = milliseconds(30'000);
    claim.yields = yields;
    return claim;
  }
  std::int64_t created_ = 0;
};

TEST_P(BackfillsTest, WhatFollowsIsTakenOnceWithItsEnd) {
  const BackfillId id = add("b1", "a");
  FireRecord before = new_fire(JobName("report"), UtcMicros(5'000'000), "");
  before.inputs = "a@2026-01-01T00:00:00.000000Z";
  ASSERT_TRUE(store_->take_fire(before, OnOpen::queue)->taken);
  before.state = FireState::done;
  ASSERT_TRUE(store_->update_fire(before).ok());

  const auto taken = store_->finish_backfill(id, {fire_of("report"), fire_of("b")});
  ASSERT_TRUE(taken.ok()) << taken.error().describe();
  ASSERT_EQ(taken->size(), 2U);
  EXPECT_EQ(store_->find_backfill(id)->state, BackfillState::done);
  // Just behind its newest, of which nothing is followed anew.
  EXPECT_EQ(fires("report").front().fire, UtcMicros(5'000'001));
  EXPECT_EQ(fires("report").front().inputs, before.inputs);
  EXPECT_EQ(fires("report").front().state, FireState::waiting);
  EXPECT_EQ(fires("b").size(), 1U);
  // Whoever comes later finds it done.
  const auto again = store_->finish_backfill(id, {fire_of("report")});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->empty());
  EXPECT_EQ(fires("report").size(), 2U);
}

TEST_P(BackfillsTest, OneThatDoesNotRunIsFollowedByNobody) {
  const BackfillId id = add("b1", "a");
  using enum BackfillState;
  ASSERT_TRUE(*store_->move_backfill(id, {running}, paused, "by a person"));
  EXPECT_TRUE(store_->finish_backfill(id, {fire_of("report")})->empty());
  EXPECT_TRUE(fires("report").empty());
  EXPECT_EQ(store_->find_backfill(id)->state, paused);
}

TEST_P(BackfillsTest, APartIsOfOneServerAtATime) {
  add("b1", "a");
  add("b2", "b");
  lives("s1");
  lives("s2");
  const auto first = claim("a", "s1");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->owner, "s1");
  EXPECT_FALSE(claim("a", "s2", 5)) << "another has a part of that job";
  EXPECT_FALSE(claim("b", "s2", 1)) << "the one place of all servers is taken";
  const auto second = claim("b", "s2", 2);
  ASSERT_TRUE(second);
  // What one that is not its owner says of a part is not kept.
  BackfillPart part = store_->backfill_parts(first->id)->front();
  part.state = PartState::running;
  BackfillRecord other = *first;
  other.owner = "s2";
  EXPECT_EQ(store_->update_part(other, part).error().code, "store.stale");
  EXPECT_TRUE(store_->update_part(*first, part).ok());
  ASSERT_TRUE(store_->release_backfill(other).ok());
  EXPECT_FALSE(claim("a", "s2", 5)) << "it was not s2's to release";
  ASSERT_TRUE(store_->release_backfill(*first).ok());
  EXPECT_TRUE(claim("a", "s2", 5));
}

TEST_P(BackfillsTest, WhatAServerHadThatIsGoneIsAnybodys) {
  add("b1", "a");
  lives("s1");
  lives("s2");
  const auto had = claim("a", "s1");
  ASSERT_TRUE(had);
  ASSERT_FALSE(claim("a", "s2"));
  ASSERT_TRUE(store_->server_leaves("s1").ok());
  ASSERT_TRUE(claim("a", "s2"));
  // It was only silent: what it says now comes too late.
  const BackfillPart part = store_->backfill_parts(had->id)->front();
  EXPECT_EQ(store_->update_part(*had, part).error().code, "store.stale");
}

TEST_P(BackfillsTest, OnlyThoseThatRunDetachedAreClaimedOldestFirst) {
  add("b1", "a", false);
  lives("s1");
  EXPECT_FALSE(claim("a", "s1"));
  EXPECT_TRUE(store_->detached_backfills()->empty());
  const BackfillId older = add("b2", "a");
  const BackfillId newer = add("b3", "a");
  EXPECT_EQ(claim("a", "s1")->id, older);
  using enum BackfillState;
  ASSERT_TRUE(*store_->move_backfill(older, {running}, paused, ""));
  EXPECT_EQ(claim("a", "s1")->id, newer);
  ASSERT_EQ(store_->detached_backfills()->size(), 1U);
  ASSERT_TRUE(*store_->resume_backfill(older, {.detached = true}));
  EXPECT_EQ(store_->detached_backfills()->front().id, older);
}

TEST_P(BackfillsTest, ARunThatWasTurnedAwayGoesBeforeTheNextPart) {
  const BackfillId id = add("b1", "a");
  lives("s1");
  const Fence part = *store_->claim(lease("part", true));
  EXPECT_FALSE(store_->find_lease(JobName("a"))->value().wanted);
  EXPECT_EQ(store_->claim(lease("another part", true)).error().code, "run.leased");
  EXPECT_FALSE(store_->find_lease(JobName("a"))->value().wanted) << "a part asks nobody to wait";
  ASSERT_EQ(store_->claim(lease("live", false)).error().code, "run.leased");
  EXPECT_TRUE(store_->find_lease(JobName("a"))->value().wanted);
  ASSERT_TRUE(store_->give_back(JobName("a"), part).ok());
  EXPECT_FALSE(claim("a", "s1")) << "the live run comes first";
  const Fence live = *store_->claim(lease("live", false));
  EXPECT_FALSE(store_->find_lease(JobName("a"))->value().wanted);
  ASSERT_TRUE(store_->give_back(JobName("a"), live).ok());
  EXPECT_EQ(claim("a", "s1")->id, id);
}

TEST_P(BackfillsTest, OneThatGaveUpHoldsNothingUpForLong) {
  add("b1", "a");
  lives("s1");
  const Fence part = *store_->claim(lease("part", true));
  ASSERT_FALSE(store_->claim(lease("live", false)).ok());
  ASSERT_TRUE(store_->give_back(JobName("a"), part).ok());
  ASSERT_FALSE(claim("a", "s1"));
  pass(std::chrono::seconds(11));
  EXPECT_TRUE(claim("a", "s1"));
}

TEST_P(BackfillsTest, ResumeAndCancelTakeItsPartsAlong) {
  const BackfillId id = add("b1", "a", false);
  const BackfillRecord record = *store_->find_backfill(id);
  BackfillPart part = store_->backfill_parts(id)->front();
  part.state = PartState::failed;
  ASSERT_TRUE(store_->update_part(record, part).ok());
  using enum BackfillState;
  ASSERT_TRUE(*store_->move_backfill(id, {running}, failed, "1 of 3 parts failed"));
  ASSERT_TRUE(*store_->resume_backfill(id, {}));
  EXPECT_EQ(store_->backfill_parts(id)->front().state, PartState::failed);
  EXPECT_TRUE(store_->find_backfill(id)->downstream) << "as it was begun";
  ASSERT_TRUE(*store_->resume_backfill(
      id, {.with_failed = true, .detached = true, .in_quiet_hours = true, .downstream = false}));
  const BackfillRecord now = *store_->find_backfill(id);
  EXPECT_TRUE(now.detached && now.in_quiet_hours && !now.downstream && now.note.empty());
  EXPECT_FALSE(now.ended_at);
  EXPECT_EQ(store_->backfill_parts(id)->front().state, PartState::waiting);
  part.state = PartState::done;
  ASSERT_TRUE(store_->update_part(now, part).ok());
  ASSERT_TRUE(*store_->move_backfill(id, {running}, cancelled, ""));
  EXPECT_EQ(store_->backfill_parts(id)->front().state, PartState::done);
  EXPECT_EQ(store_->backfill_parts(id)->back().state, PartState::skipped);
  EXPECT_FALSE(*store_->resume_backfill(id, {}));
}

INSTANTIATE_TEST_SUITE_P(Stores, BackfillsTest, ::testing::Values(System::sqlite, System::postgres),
                         name_of);

}  // namespace
}  // namespace tidemark
