// What a load takes out of the target, or marks: rows by key, all others, and how many are too
// many.
#include <string>
#include <utility>
#include <vector>

#include "connect/conformance/sink_case.h"

namespace tidemark::conformance {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SinkRemovals);

std::vector<SinkKind> sink_removals(SinkKind kind) {
  return {std::move(kind)};
}

namespace {

using Strings = std::vector<std::string>;
constexpr CommitOutcome committed = CommitOutcome::committed;
constexpr const char* found_at = "2026-01-02 03:04:05.678901";

// The table's key is (a, b), and one of its names could end another.
const char* const present =
    "SELECT * FROM (VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 3), (3, 'it''s \\ ä', 4)) AS "
    "t(\"a\", \"b'--\", v)";

class Taking {
 public:
  Taking(Owner& owner, const LoadTarget& target, const LoadKey& key) : target_(target) {
    auto txn = owner.sink->begin(key, cancel_);
    EXPECT_TRUE(txn.ok()) << (txn.ok() ? "" : txn.error().describe());
    if (txn.ok()) txn_ = std::move(*txn);
  }
  // A window without rows of its own.
  Result<RowCount> remove(const StagedTable& none, Removal removal) {
    TM_TRY([[maybe_unused]] const RowCount rows, txn_->write(none, target_, cancel_));
    return txn_->remove(removal, target_, cancel_);
  }
  Result<CommitOutcome> commit(const LoadRow& row) { return txn_->commit(row); }

 private:
  Cancel cancel_;
  const LoadTarget& target_;
  std::unique_ptr<LoadTxn> txn_;
};

Removal listed(StagedTable keys) {
  return {Removal::Rows::with_keys, std::move(keys), found_at};
}
Removal others(StagedTable keys, std::optional<double> most = std::nullopt) {
  return {Removal::Rows::without_keys, std::move(keys), found_at, most};
}

TEST_P(SinkRemovals, RowsGoByAKeyOfSeveralColumns) {
  const auto good = rows(present);
  LoadTarget upsert = target(good, LoadStrategy::upsert, {"a", "b'--"});
  EXPECT_TRUE(is(load(good, upsert, key(1)), committed));
  const auto none = rows(owner_, "FROM good WHERE false", "none");
  const auto keys = rows(
      owner_, "SELECT a, \"b'--\" FROM good WHERE v IN (1, 4) UNION ALL SELECT 9, 'x'", "keys");
  {
    Taking dropped(owner_, upsert, key(2));
    EXPECT_EQ(dropped.remove(none, listed(keys))->get(), 2);
  }
  EXPECT_EQ(count(), "4");  // it was not committed
  Taking taken(owner_, upsert, key(2));
  const auto gone = taken.remove(none, listed(keys));
  ASSERT_TRUE(gone.ok()) << gone.error().describe();
  EXPECT_EQ(gone->get(), 2);
  EXPECT_TRUE(is(taken.commit(row(key(2), none.rows)), committed));
  EXPECT_EQ(world_->rows("orders"), (Strings{"1|y|2", "2|x|3"}));
}

TEST_P(SinkRemovals, AllOthersGoWithTheRowsOfTheWindowBesideThem) {
  const auto good = rows(present);
  LoadTarget upsert = target(good, LoadStrategy::upsert, {"a", "b'--"});
  EXPECT_TRUE(is(load(good, upsert, key(1)), committed));
  const auto window = rows(owner_, "SELECT 5 AS a, 'n' AS \"b'--\", 5 AS v", "window_rows");
  const auto keys =
      rows(owner_, "SELECT a, \"b'--\" FROM good WHERE v = 3 UNION ALL SELECT 5, 'n'", "keys");
  Taking taken(owner_, upsert, key(2));
  const auto gone = taken.remove(window, others(keys));
  ASSERT_TRUE(gone.ok()) << gone.error().describe();
  EXPECT_EQ(gone->get(), 3);
  LoadRow done = row(key(2), window.rows);
  done.sweep = SweepNote{SweepNote::Kind::swept, "what", *gone};
  EXPECT_TRUE(is(taken.commit(done), committed));
  EXPECT_EQ(world_->rows("orders"), (Strings{"2|x|3", "5|n|5"}));
  const auto known = owner_.sink->sweeps("orders", cancel_);
  ASSERT_TRUE(known.ok()) << known.error().describe();
  ASSERT_EQ(known->size(), 1U);
  EXPECT_EQ(known->front().stream, stream);
  EXPECT_EQ(known->front().reads, "what");
  EXPECT_TRUE(known->front().swept_at.has_value());
  EXPECT_LT(known->front().age_seconds, 60);
  EXPECT_TRUE(owner_.sink->sweeps("others", cancel_)->empty());
}

TEST_P(SinkRemovals, AnEarlierOwnerTakesNothingOut) {
  const auto good = rows(present);
  LoadTarget upsert = target(good, LoadStrategy::upsert, {"a", "b'--"});
  EXPECT_TRUE(is(load(good, upsert, key(1)), committed));
  const auto none = rows(owner_, "FROM good WHERE false", "none");
  const auto keys = rows(owner_, "SELECT a, \"b'--\" FROM good WHERE v = 3", "keys");
  Owner later = world_->owner();
  ASSERT_TRUE(later.sink->take_over(stream.job, Fence(7), cancel_).ok());
  auto txn = owner_.sink->begin(key(2), cancel_);
  if (txn.ok()) {
    auto written = (*txn)->write(none, upsert, cancel_);
    auto gone = written.ok() ? (*txn)->remove(others(keys), upsert, cancel_) : std::move(written);
    if (gone.ok()) {
      LoadRow late = row(key(2), none.rows);
      late.sweep = SweepNote{SweepNote::Kind::swept, "what", *gone};
      EXPECT_EQ(code_of((*txn)->commit(late)), "target.fenced");
    }
    txn->reset();
  }
  EXPECT_EQ(count(), "4");
  const auto known = owner_.sink->sweeps("orders", cancel_);
  EXPECT_TRUE(!known.ok() || known->empty() || !known->front().swept_at);
}

TEST_P(SinkRemovals, MarkedRowsKeepTheirTimeUntilTheyComeBack) {
  const auto good = rows("SELECT range AS id, NULL::TIMESTAMPTZ AS gone_at FROM range(1, 5)");
  LoadTarget upsert = target(good, LoadStrategy::upsert, {"id"});
  upsert.mark = "gone_at";
  EXPECT_TRUE(is(load(good, upsert, key(1)), committed));
  const std::string where = "select count(*) from " + world_->sql_name("orders") + " where gone_at";
  const auto none = rows(owner_, "FROM good WHERE false", "none");
  const auto first = rows(owner_, "SELECT id FROM good WHERE id = 1", "keys");
  Taking by_key(owner_, upsert, key(2));
  EXPECT_EQ(by_key.remove(none, listed(first))->get(), 1);
  EXPECT_TRUE(is(by_key.commit(row(key(2), none.rows)), committed));
  EXPECT_EQ(ask_(where + " is not null"), "1");

  Removal later = others(rows(owner_, "SELECT id FROM good WHERE id = 4", "keys"));
  later.found_at = "2027-01-01 00:00:00.000000";
  Taking sweep(owner_, upsert, key(3));
  EXPECT_EQ(sweep.remove(none, later)->get(), 2);  // that are not marked yet
  EXPECT_TRUE(is(sweep.commit(row(key(3), none.rows)), committed));
  EXPECT_EQ(ask_(where + " is not null"), "3");
  EXPECT_EQ(ask_(where + " < '2026-06-01'"), "1");

  // Read again: 1 is still deleted, 2 is not any more.
  const auto again = rows(
      "SELECT 1::BIGINT AS id, TIMESTAMPTZ '2028-01-01 00:00:00+00' AS gone_at UNION ALL SELECT 2, "
      "NULL UNION ALL SELECT 5, TIMESTAMPTZ '2028-01-01 00:00:00+00'");
  EXPECT_TRUE(is(load(again, upsert, key(4)), committed));
  EXPECT_EQ(ask_(where + " < '2026-06-01'"), "1");
  EXPECT_EQ(ask_(where + " is null"), "2");
  EXPECT_EQ(ask_(where + " > '2027-06-01'"), "1");
}

TEST_P(SinkRemovals, TooManyAndAnEmptySourceWaitForAPerson) {
  const auto good = rows("SELECT range AS id FROM range(100)");
  LoadTarget upsert = target(good, LoadStrategy::upsert, {"id"});
  EXPECT_TRUE(is(load(good, upsert, key(1)), committed));
  const auto none = rows(owner_, "FROM good WHERE false", "none");
  const auto keys = [&](int from) {
    return rows(owner_, "SELECT id FROM good WHERE id >= " + std::to_string(from), "keys");
  };
  const auto tried = [&](Removal removal) {
    Taking taking(owner_, upsert, key(2));
    return code_of(taking.remove(none, std::move(removal)));
  };
  EXPECT_EQ(tried(others(keys(21), 0.2)), "blocked.deletes");
  EXPECT_EQ(tried(others(keys(20), 0.2)), "ok");
  EXPECT_EQ(tried(others(keys(10), 0.01)), "ok");  // ten are never too many
  EXPECT_EQ(tried(others(keys(11), 0.01)), "blocked.deletes");
  Removal suspicious = others(keys(1), 0.0);
  suspicious.suspicion = "why";
  EXPECT_EQ(tried(suspicious), "blocked.deletes");
  EXPECT_EQ(tried(others(keys(100), 1.0)), "blocked.empty_source");
  EXPECT_EQ(tried(others(keys(100))), "blocked.empty_source");
  upsert.allow_empty = true;
  EXPECT_EQ(tried(others(keys(100), 0.01)), "ok");
  EXPECT_EQ(count(), "100");
}

TEST_P(SinkRemovals, ATableInWhichAllIsGoneMayBeLarge) {
  const auto good = rows("SELECT range AS id, 'r' || range AS name FROM range(30000)");
  LoadTarget upsert = target(good, LoadStrategy::upsert, {"id", "name"});
  EXPECT_TRUE(is(load(good, upsert, key(1)), committed));
  const auto none = rows(owner_, "FROM good WHERE false", "none");
  Taking taken(owner_, upsert, key(2));
  const auto gone = taken.remove(
      none, others(rows(owner_, "SELECT id, name FROM good WHERE id % 2 = 0", "keys")));
  ASSERT_TRUE(gone.ok()) << gone.error().describe();
  EXPECT_EQ(gone->get(), 15000);
  EXPECT_TRUE(is(taken.commit(row(key(2), none.rows)), committed));
  EXPECT_EQ(count(), "15000");
}

}  // namespace
}  // namespace tidemark::conformance
