// Who may load, and what others see meanwhile: fences, owners that were taken over, readers.
#include <atomic>
#include <chrono>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "connect/conformance/sink_case.h"

namespace tidemark::conformance {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SinkOwners);

std::vector<SinkKind> sink_owners(SinkKind kind) {
  return {std::move(kind)};
}

namespace {

constexpr CommitOutcome committed = CommitOutcome::committed;

TEST_P(SinkOwners, AnOldFenceOrAnotherSeqChangesNothing) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  ASSERT_TRUE(is(load(good, append, key(1, 5)), committed));
  EXPECT_EQ(code_of(load(good, append, key(2, 4))), "target.fenced");
  EXPECT_EQ(code_of(load(good, append, key(3, 6))), "target.fenced");
  EXPECT_EQ(code_of(load(good, append, key(1, 4, LoadKind::replay), "replay")), "target.fenced");
  EXPECT_EQ(count(), "1");
  EXPECT_EQ(count("tidemark_loads"), "1");
}

TEST_P(SinkOwners, ALoadThatIsNoWindowMovesNeitherSeqNorWatermark) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  // Without a head there is no fence that protects it.
  EXPECT_EQ(code_of(load(good, append, key(0, 1, LoadKind::backfill), "early")), "target.fenced");
  ASSERT_TRUE(is(load(good, append, key(1)), committed));
  EXPECT_TRUE(is(load(good, append, key(1, 2, LoadKind::backfill), "late"), committed));
  EXPECT_TRUE(is(load(good, append, key(1, 2, LoadKind::backfill), "late"),
                 CommitOutcome::already_committed));
  const auto head = owner_.sink->committed(stream, cancel_);
  ASSERT_TRUE(head.ok() && head->has_value());
  EXPECT_EQ((*head)->seq, Seq(1));
  EXPECT_EQ((*head)->window.hi->text, "1");
  // Neither where windows were loaded since it was planned.
  EXPECT_EQ(code_of(load(good, append, key(0, 2, LoadKind::replay), "old")), "target.fenced");
  EXPECT_EQ(count(), "2");
  EXPECT_EQ(owner_.sink->history(stream, cancel_)->size(), 1U);
}

TEST_P(SinkOwners, ATakeOverNamesTheHeadsAndLeavesOtherJobsAlone) {
  Owner taker = world_->owner();
  EXPECT_TRUE(taker.sink->take_over(stream.job, Fence(1), cancel_)->empty());
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  ASSERT_TRUE(is(load(good, append, key(1, 1)), committed));
  EXPECT_TRUE(taker.sink->take_over(JobName("payments"), Fence(9), cancel_)->empty());
  ASSERT_TRUE(is(load(good, append, key(2, 1)), committed));
  const auto heads = taker.sink->take_over(stream.job, Fence(2), cancel_);
  ASSERT_TRUE(heads.ok()) << heads.error().describe();
  ASSERT_EQ(heads->size(), 1U);
  EXPECT_EQ(heads->front().seq, Seq(2));
  EXPECT_EQ(heads->front().fence, Fence(2));
  EXPECT_EQ(code_of(load(good, append, key(3, 1))), "target.fenced");
  EXPECT_EQ(code_of(taker.sink->take_over(stream.job, Fence(2), cancel_)), "target.fenced");
  EXPECT_TRUE(is(load(good, append, key(3, 2)), committed));
  EXPECT_EQ(count(), "3");
}

// Where an owner is when the next one takes its job over.
enum class Stall { before_begin, begun, written, refused, committing };

TEST_P(SinkOwners, NoZombieOfAThousandLoadsAfterItWasTakenOver) {
  constexpr int zombies = 1000;
  Owner taker = world_->owner();
  const auto good = rows("SELECT 1 AS id, 'z' AS name");
  const auto same = rows(taker, "SELECT 1 AS id, 'z' AS name");
  const auto none = rows(owner_,
                         "SELECT '' AS job, '' AS stream, '' AS run_id, 1::BIGINT AS seq, '' AS "
                         "rule, '' AS column_name, '' AS message, '' AS locator, '' AS payload, "
                         "''::BLOB AS raw, now() AS refused_at, '' AS row_key WHERE false",
                         "none");
  const auto append = target(good, LoadStrategy::append);
  ASSERT_TRUE(is(load(good, append, key(1, 1)), committed));
  std::int64_t seq = 1;  // the head's
  int accepted = 0;
  int in_time = 0;         // committed before the other took over
  std::mt19937 random(4);  // the same cases each time
  for (int token = 1; token <= zombies; ++token) {
    const Stall stall = static_cast<Stall>(random() % 5);
    const LoadKey mine = key(seq + 1, token);
    // One that has nothing to do any more has not tried to commit.
    Result<CommitOutcome> outcome = CommitOutcome::unknown;
    Result<std::vector<LedgerRow>> heads = std::vector<LedgerRow>{};
    const auto take_over = [&] {
      Cancel cancel;
      heads = taker.sink->take_over(stream.job, Fence(token + 1), cancel);
    };
    {
      if (stall == Stall::before_begin) take_over();
      auto txn = owner_.sink->begin(mine, cancel_);
      ASSERT_TRUE(txn.ok()) << txn.error().describe();
      if (stall == Stall::begun) take_over();
      Result<RowCount> written = RowCount(0);
      if (stall > Stall::begun) written = (*txn)->write(good, append, cancel_);
      if (stall == Stall::written) take_over();
      if (written.ok()) {
        const Status refused = (*txn)->quarantine(none, Supersedes::nothing, cancel_);
        if (!refused.ok()) written = refused.error();
      }
      if (stall == Stall::refused) take_over();
      std::jthread other;
      if (stall == Stall::committing) other = std::jthread(take_over);
      if (written.ok())
        outcome = (*txn)->commit(row(mine, good.rows));
      else
        outcome = written.error();
      if (outcome.ok() && *outcome == CommitOutcome::unknown) {
        auto there = (*txn)->resolve(row(mine, good.rows), cancel_);
        if (!there.ok()) {
          // Whoever takes over ends the session that asks, too.
          if (other.joinable()) other.join();
          there = (*txn)->resolve(row(mine, good.rows), cancel_);
        }
        ASSERT_TRUE(there.ok()) << there.error().describe();
        if (*there) outcome = committed;
      }
      if (other.joinable()) other.join();
    }
    const bool loaded = outcome.ok() && *outcome == committed;
    // Neither may fail for good where both act at the same moment; the taker tries again.
    if (!heads.ok() && stall == Stall::committing) take_over();
    ASSERT_TRUE(heads.ok()) << "token " << token << ": " << heads.error().describe();
    ASSERT_EQ(heads->size(), 1U);
    EXPECT_EQ(heads->front().fence, Fence(token + 1));
    if (!loaded) {
      EXPECT_EQ(heads->front().seq, Seq(seq)) << "token " << token;
    } else if (heads->front().seq == Seq(seq + 1)) {
      ++in_time;  // and the one that took over was told so
      ++seq;
    } else {
      ++accepted;
      ++seq;
    }
    // The new owner is not held up by what the old one left.
    if (token % 50 == 0) {
      ASSERT_TRUE(is(load(taker, same, append, key(++seq, token + 1)), committed)) << token;
    }
  }
  std::cout << zombies << " zombies: " << accepted << " loaded after they were taken over, "
            << in_time << " before\n";
  EXPECT_EQ(accepted, 0);
  EXPECT_EQ(count(), std::to_string(seq));
  EXPECT_EQ(count("tidemark_loads"), std::to_string(seq));
}

TEST_P(SinkOwners, ReadersSeeTheOldRowsOrTheNewOnesAlways) {
  constexpr int loads = 4;
  for (const LoadStrategy strategy :
       {LoadStrategy::append, LoadStrategy::upsert, LoadStrategy::full}) {
    const std::string name(to_string(strategy));
    SCOPED_TRACE(name);
    const std::string table = "t_" + name;
    const auto version = [&](int number) {
      return rows("SELECT i::INTEGER AS id, " + std::to_string(number) +
                  " AS version FROM range(1000) r(i)");
    };
    const auto into = target(version(0), strategy,
                             strategy == LoadStrategy::append ? std::vector<std::string>{}
                                                              : std::vector<std::string>{"id"},
                             table);
    const auto head = owner_.sink->committed(stream, cancel_);
    std::int64_t seq = head->has_value() ? (*head)->seq.get() : 0;
    ASSERT_TRUE(is(load(version(0), into, key(++seq)), committed));
    // Every version that is there, is there with a thousand rows.
    const std::string question =
        "select cast(count(*) as varchar) || ' rows of ' || cast(count(distinct version) as "
        "varchar) "
        "|| ' versions' from " +
        world_->sql_name(table);
    std::atomic<bool> stop = false;
    std::atomic<int> reads = 0;
    std::string torn;
    const Ask client = world_->client();
    std::thread reader([&] {
      while (!stop) {
        const std::string seen = client(question);
        const std::size_t at = seen.find("000 rows of ");
        const bool whole = at != std::string::npos && seen == seen.substr(0, at) + "000 rows of " +
                                                                  seen.substr(0, at) + " versions";
        if (!whole) torn = seen;
        ++reads;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    for (int number = 1; number <= loads; ++number)
      EXPECT_TRUE(is(load(version(number), into, key(++seq)), committed));
    while (reads < 2)
      std::this_thread::yield();
    stop = true;
    reader.join();
    EXPECT_EQ(torn, "");
    EXPECT_EQ(count(table), strategy == LoadStrategy::append ? "5000" : "1000");
  }
}

}  // namespace
}  // namespace tidemark::conformance
