// Rows that are sent while their source is read: nobody's before the load, the table's after it,
// and gone without it. Targets that take none are left out.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "connect/conformance/sink_case.h"

namespace tidemark::conformance {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SinkAhead);

std::vector<SinkKind> sink_ahead(SinkKind kind) {
  return {std::move(kind)};
}

void SinkAhead::SetUp() {
  if (!ahead(rows("SELECT 1 AS id"), LoadStrategy::full, key(1)))
    GTEST_SKIP() << "this target takes no rows before their load";
}

std::unique_ptr<LoadAhead> SinkAhead::ahead(const StagedTable& good, LoadStrategy strategy,
                                            const LoadKey& key) {
  return owner_.sink->load_ahead(key, target(good, strategy), {good.schema});
}

Result<CommitOutcome> SinkAhead::load_sent(LoadAhead& ahead, const StagedTable& good,
                                           LoadStrategy strategy, const LoadKey& key) {
  TM_TRY(const auto txn, ahead.begin(cancel_));
  TM_TRY(const RowCount loaded, txn->write(good, target(good, strategy), cancel_));
  EXPECT_EQ(loaded.get(), good.rows.get());
  return txn->commit(row(key, loaded));
}

bool SinkAhead::is_there() {
  return owner_.sink->describe("orders", cancel_).value().has_value();
}

namespace {

using Strings = std::vector<std::string>;
constexpr CommitOutcome committed = CommitOutcome::committed;

// The same rows as SELECT range AS id, 'r' || range AS name FROM range(begin, end).
class Numbers {
 public:
  Numbers(std::int64_t begin, std::int64_t end) : next_(begin), end_(end) {}

  // `fails_at`: the read fails before that row.
  RowsAhead rows(std::int64_t fails_at = -1) {
    return {[this, fails_at](BatchWriter& batch) -> Result<std::size_t> {
              if (next_ == fails_at) return source_error("source.broken", "it broke");
              std::size_t row = 0;
              for (; row < batch.capacity() && next_ < end_ && next_ != fails_at; ++row, ++next_) {
                std::memcpy(static_cast<std::int64_t*>(batch.column(0).data()) + row, &next_,
                            sizeof next_);
                if (next_ == null_at) {
                  batch.column(1).set_null(row);
                } else {
                  batch.column(1).set_bytes(row, "r" + std::to_string(next_));
                }
              }
              return row;
            },
            {},
            [this](const BatchReader& batch) -> Status {
              shown += static_cast<std::int64_t>(batch.rows());
              return {};
            }};
  }

  Result<bool> send(LoadAhead& ahead, Owner& owner) {
    Cancel never;
    return ahead.send(*owner.engine, rows(), never);
  }

  std::int64_t null_at = -1;
  std::int64_t shown = 0;
  std::int64_t next() const { return next_; }

 private:
  std::int64_t next_;
  const std::int64_t end_;
};

std::string numbers(int end) {
  return "SELECT range AS id, 'r' || range AS name FROM range(" + std::to_string(end) + ")";
}

Strings names(int end) {
  Strings all;
  for (int number = 0; number < end; ++number)
    all.push_back(std::to_string(number) + "|r" + std::to_string(number));
  std::sort(all.begin(), all.end());
  return all;
}

TEST_P(SinkAhead, TheyAreTheTablesRowsAfterTheLoadAndNobodysBefore) {
  const StagedTable good = rows(numbers(20'000));
  auto sent = ahead(good, LoadStrategy::full, key(1));
  Owner other = world_->owner();
  Numbers low(0, 9'000);
  Numbers high(9'000, 20'000);
  std::thread beside([&] { EXPECT_TRUE(*high.send(*sent, other)); });
  EXPECT_TRUE(*low.send(*sent, owner_));
  beside.join();
  EXPECT_EQ(low.shown + high.shown, 20'000);
  EXPECT_FALSE(sent->failure());
  EXPECT_EQ(sent->rows(), 20'000);
  EXPECT_FALSE(is_there());
  EXPECT_TRUE(is(load_sent(*sent, good, LoadStrategy::full, key(1)), committed));
  sent.reset();
  EXPECT_EQ(world_->rows("orders"), names(20'000));
  EXPECT_EQ(owner_.sink->committed(stream, cancel_).value()->seq, Seq(1));
  // The next window finds a table as any other.
  EXPECT_TRUE(is(load(good, target(good, LoadStrategy::append), key(2)), committed));
  EXPECT_EQ(count(), "40000");
}

// Of 20,000 numbers those that are no multiple of three, under another type and twice as large.
TEST_P(SinkAhead, StepsMayChangeThemAndLeaveSomeOut) {
  const std::string steps =
      "SELECT (id * 2)::DECIMAL(18,2) AS twice, id, upper(name) AS name FROM (";
  const StagedTable good = rows(steps + numbers(20'000) + ") WHERE id % 3 > 0");
  const StepsAhead change{rows(numbers(1)).schema, [&](const std::string& from) {
                            return steps + "SELECT * FROM " + from + ") WHERE id % 3 > 0";
                          }};
  auto sent = owner_.sink->load_ahead(key(1), target(good, LoadStrategy::full), change);
  Owner other = world_->owner();
  Numbers low(0, 9'000);
  Numbers high(9'000, 20'000);
  std::thread beside([&] { EXPECT_TRUE(*high.send(*sent, other)); });
  EXPECT_TRUE(*low.send(*sent, owner_));
  beside.join();
  EXPECT_EQ(low.shown + high.shown, 20'000);
  EXPECT_FALSE(sent->failure());
  EXPECT_EQ(sent->rows(), good.rows.get());
  EXPECT_TRUE(is(load_sent(*sent, good, LoadStrategy::full, key(1)), committed));
  sent.reset();
  Strings expected;
  for (int number = 0; number < 20'000; ++number)
    if (number % 3 > 0)
      expected.push_back(std::to_string(2 * number) + ".00|" + std::to_string(number) + "|R" +
                         std::to_string(number));
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(world_->rows("orders"), expected);
}

// A step that fails for all rows, and one of which the engine sees that it leaves none.
TEST_P(SinkAhead, StepsThatFailEndOnlyTheHeadStart) {
  const StagedTable good = rows(numbers(5'000));
  for (const std::string end : {"WHERE error('no') IS NULL", "WHERE false"}) {
    const StepsAhead steps{good.schema, [&](const std::string& from) {
                             return "SELECT id, name FROM " + from + " " + end;
                           }};
    auto sent = owner_.sink->load_ahead(key(1), target(good, LoadStrategy::full), steps);
    Numbers all(0, 5'000);
    auto taken = all.send(*sent, owner_);
    ASSERT_TRUE(taken.ok()) << taken.error().describe();
    EXPECT_FALSE(*taken) << end;
    EXPECT_TRUE(sent->failure());
    EXPECT_FALSE(sent->rows());
    EXPECT_EQ(all.shown, all.next());
  }
  // What the source fails with is its own.
  const StepsAhead steps{good.schema,
                         [](const std::string& from) { return "SELECT id, name FROM " + from; }};
  auto sent = owner_.sink->load_ahead(key(1), target(good, LoadStrategy::full), steps);
  Numbers broken(0, 5'000);
  auto taken = sent->send(*owner_.engine, broken.rows(3'000), cancel_);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, "source.broken");
  sent.reset();
  EXPECT_FALSE(is_there());
  EXPECT_TRUE(is(load(good, target(good, LoadStrategy::full), key(1)), committed));
  EXPECT_EQ(count(), "5000");
}

TEST_P(SinkAhead, AFullLoadTakesTheirPlaceAndTheyStandUntilThen) {
  const StagedTable old = rows(numbers(10));
  EXPECT_TRUE(is(load(old, target(old, LoadStrategy::full), key(1)), committed));
  const StagedTable good = rows(numbers(5'000));
  auto sent = ahead(good, LoadStrategy::full, key(2));
  Numbers all(0, 5'000);
  EXPECT_TRUE(*all.send(*sent, owner_));
  EXPECT_EQ(count(), "10");
  EXPECT_TRUE(is(load_sent(*sent, good, LoadStrategy::full, key(2)), committed));
  sent.reset();
  EXPECT_EQ(world_->rows("orders"), names(5'000));
}

TEST_P(SinkAhead, WithoutALoadNothingIsLeft) {
  const StagedTable good = rows(numbers(5'000));
  auto sent = ahead(good, LoadStrategy::full, key(1));
  Numbers all(0, 5'000);
  EXPECT_TRUE(*all.send(*sent, owner_));
  {
    auto begun = sent->begin(cancel_);
    ASSERT_TRUE(begun.ok());
    EXPECT_TRUE((*begun)->write(good, target(good, LoadStrategy::full), cancel_).ok());
  }
  sent.reset();
  EXPECT_FALSE(is_there());
  EXPECT_TRUE(is(load(good, target(good, LoadStrategy::full), key(1)), committed));
  EXPECT_EQ(world_->rows("orders"), names(5'000));
}

TEST_P(SinkAhead, AReadThatFailsGivesItsOwnError) {
  const StagedTable good = rows(numbers(5'000));
  auto sent = ahead(good, LoadStrategy::full, key(1));
  Numbers all(0, 5'000);
  const auto failed = sent->send(*owner_.engine, all.rows(4'000), cancel_);
  EXPECT_EQ(code_of(failed), "source.broken");
  EXPECT_EQ(all.shown, 4'000);
  EXPECT_NE(sent->rows(), 4'000);
}

TEST_P(SinkAhead, WhatTheTargetCannotTakeEndsOnlyTheHeadStart) {
  StagedTable good = rows(numbers(5'000));
  good.schema.columns[1].nullable = false;
  auto sent = ahead(good, LoadStrategy::full, key(1));
  Numbers all(0, 5'000);
  all.null_at = 3'000;
  const auto taken = all.send(*sent, owner_);
  ASSERT_TRUE(taken.ok()) << taken.error().describe();
  // Each row that was read was shown, and the others can still be read.
  EXPECT_EQ(all.shown, all.next());
  // A server may say so only at the end.
  const bool known = !*taken && sent->failure();
  EXPECT_TRUE(known || !sent->begin(cancel_).ok());
  Numbers more(0, 10);
  if (known) {
    EXPECT_FALSE(*more.send(*sent, owner_));
    EXPECT_EQ(more.next(), 0);
    EXPECT_FALSE(sent->rows());
  }
  sent.reset();
  EXPECT_TRUE(is(load(good, target(good, LoadStrategy::full), key(1)), committed));
  EXPECT_EQ(count(), "5000");
}

TEST_P(SinkAhead, AppendedRowsAreNotSentIntoATableThatCameMeanwhile) {
  const StagedTable good = rows(numbers(100));
  auto sent = ahead(good, LoadStrategy::append, key(2));
  if (!sent) GTEST_SKIP() << "this target takes none of an append";
  EXPECT_TRUE(is(load(good, target(good, LoadStrategy::append), key(1)), committed));
  Numbers all(0, 100);
  EXPECT_FALSE(*all.send(*sent, owner_));
  EXPECT_EQ(all.next(), 0);
  EXPECT_FALSE(sent->rows());
  EXPECT_FALSE(sent->failure());
}

TEST_P(SinkAhead, WhatThrowsWhileItIsReadIsNoFaultOfTheTarget) {
  const StagedTable good = rows(numbers(100));
  auto sent = ahead(good, LoadStrategy::full, key(1));
  const auto throws = [](BatchWriter&) -> Result<std::size_t> { throw std::bad_alloc(); };
  const auto none = [](const BatchReader&) -> Status { return {}; };
  try {
    EXPECT_FALSE(sent->send(*owner_.engine, {throws, {}, none}, cancel_).ok());
  } catch (const std::bad_alloc&) {
    // The caller's to catch, as any.
  }
  EXPECT_FALSE(sent->failure());
}

TEST_P(SinkAhead, ATableThatIsAlteredMeanwhileKeepsItsColumns) {
  const StagedTable old = rows(numbers(10));
  EXPECT_TRUE(is(load(old, target(old, LoadStrategy::full), key(1)), committed));
  const StagedTable good = rows(numbers(20));
  auto sent = ahead(good, LoadStrategy::full, key(2));
  Numbers all(0, 20);
  EXPECT_TRUE(*all.send(*sent, owner_));
  ask_("alter table " + world_->sql_name("orders") + " add column note text");
  const auto loaded = load_sent(*sent, good, LoadStrategy::full, key(2));
  sent.reset();
  if (!loaded.ok()) {
    EXPECT_EQ(code_of(loaded), "target.table_altered");
    EXPECT_TRUE(is(load(good, target(good, LoadStrategy::full), key(2)), committed));
  }
  EXPECT_EQ(count(), "20");
  EXPECT_EQ(owner_.sink->describe("orders", cancel_).value()->columns.size(), 3U);
}

TEST_P(SinkAhead, AnOlderOwnerLoadsNothing) {
  const StagedTable good = rows(numbers(100));
  EXPECT_TRUE(is(load(good, target(good, LoadStrategy::full), key(1)), committed));
  auto sent = ahead(good, LoadStrategy::full, key(2));
  Numbers all(0, 50);
  EXPECT_TRUE(*all.send(*sent, owner_));
  Owner other = world_->owner();
  ASSERT_TRUE(other.sink->take_over(stream.job, Fence(2), cancel_).ok());
  const StagedTable fewer = rows(numbers(50));
  EXPECT_FALSE(load_sent(*sent, fewer, LoadStrategy::full, key(2)).ok());
  sent.reset();
  EXPECT_EQ(count(), "100");
}

}  // namespace
}  // namespace tidemark::conformance
