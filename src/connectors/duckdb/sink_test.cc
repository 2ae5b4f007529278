#include "connectors/duckdb/sink.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "connectors/duckdb/connector.h"
#include "env/failpoints.h"

namespace tidemark {
namespace {

const StreamId stream{JobName("orders"), StreamName("orders")};

class DuckdbSinkTest : public testing::Test {
 protected:
  DuckdbSinkTest() {
    folder_ = std::filesystem::temp_directory_path() /
              ("duckdb_sink_" +
               std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    project_.root = folder_;
    connection_.name.value = "warehouse";
    connection_.config = ConnectionConfig::of(DuckdbConnection{"w.duckdb"});
    open();
  }
  ~DuckdbSinkTest() override { std::filesystem::remove_all(folder_); }

  void open() {
    sink_.reset();
    db_.reset();
    engine_ = duck::Engine::open({}).value();
    db_ = engine_->connect().value();
    sink_ = DuckdbConnector().open_sink(connection_, {project_, *db_, "test"}, cancel_).value();
  }

  StagedTable rows(const std::string& select, Schema schema) {
    EXPECT_TRUE(db_->execute("CREATE OR REPLACE TEMP TABLE good AS " + select).ok());
    return {"good", std::move(schema), RowCount(*db_->count("SELECT count(*) FROM good"))};
  }

  Result<CommitOutcome> load(const StagedTable& good, const LoadTarget& target, std::int64_t seq,
                             std::int64_t fence = 1, const std::string& load_id = "") {
    TM_TRY(auto txn, sink_->begin(key(seq, fence), cancel_));
    TM_TRY(RowCount loaded, txn->write(good, target, cancel_));
    EXPECT_EQ(loaded.get(), good.rows.get());
    return txn->commit(row(seq, load_id.empty() ? "load" + std::to_string(seq) : load_id, loaded));
  }
  static LoadKey key(std::int64_t seq, std::int64_t fence) {
    return {stream, Seq(seq), Fence(fence), RunId("r" + std::to_string(seq)), LoadKind::window, ""};
  }
  static LoadRow row(std::int64_t seq, const std::string& load_id, RowCount loaded = RowCount(1)) {
    return {load_id,
            LoadKind::window,
            Seq(seq),
            key(seq, 1).run_id,
            {std::nullopt, Position{std::to_string(seq)}, std::nullopt},
            loaded,
            RowCount(0),
            "sum"};
  }

  std::int64_t count(const std::string& sql) { return db_->count(sql).value(); }

  const Schema schema_{{{"id", Type::of(TypeKind::int32), true, {}},
                        {"name", Type::of(TypeKind::varchar), true, {}}},
                       {}};
  std::filesystem::path folder_;
  ProjectSpec project_;
  ConnectionSpec connection_;
  Cancel cancel_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> db_;
  std::unique_ptr<Sink> sink_;
};

TEST_F(DuckdbSinkTest, AppendCommitsRowsAndLedgerTogetherAndSurvivesReopening) {
  const LoadTarget target{"mart.orders", LoadStrategy::append, {}, schema_, std::nullopt, false};
  EXPECT_FALSE(sink_->committed(stream, cancel_)->has_value());
  ASSERT_EQ(*load(rows("SELECT 1 AS id, 'a' AS name", schema_), target, 1),
            CommitOutcome::committed);
  ASSERT_EQ(*load(rows("SELECT 2 AS id, 'b' AS name", schema_), target, 2),
            CommitOutcome::committed);
  open();
  EXPECT_EQ(count("SELECT count(*) FROM warehouse.mart.orders"), 2);
  auto head = sink_->committed(stream, cancel_);
  ASSERT_TRUE(head.ok() && head->has_value());
  EXPECT_EQ((**head).seq.get(), 2);
  EXPECT_EQ((**head).window.hi->text, "2");
  EXPECT_EQ(sink_->history(stream, cancel_)->size(), 2U);
}

TEST_F(DuckdbSinkTest, WhatADeadProcessSentAheadIsDroppedByTheNext) {
  const auto left = [this] {
    return count("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%tidemark_ahead%'");
  };
  const LoadTarget target{"mart.t", LoadStrategy::full, {}, schema_, std::nullopt, false};
  const auto no_rows = [](BatchWriter&) -> Result<std::size_t> { return 0; };
  auto dead = sink_->load_ahead(key(1, 1), target, {schema_});
  EXPECT_TRUE(*dead->send(*db_, {no_rows, {}, {}}, cancel_));
  EXPECT_EQ(left(), 1);
  std::filesystem::copy(folder_ / "w.duckdb", folder_ / "kept");
  std::filesystem::copy(folder_ / "w.duckdb.wal", folder_ / "kept.wal");
  dead.reset();
  EXPECT_EQ(left(), 0);
  sink_.reset();
  db_.reset();
  engine_.reset();
  std::filesystem::remove(folder_ / "w.duckdb.wal");
  std::filesystem::rename(folder_ / "kept", folder_ / "w.duckdb");
  std::filesystem::rename(folder_ / "kept.wal", folder_ / "w.duckdb.wal");
  open();
  EXPECT_EQ(left(), 0);
  // Of its schema it is not known who made it.
  EXPECT_EQ(count("SELECT count(*) FROM duckdb_schemas() WHERE schema_name = 'mart'"), 1);
}

TEST_F(DuckdbSinkTest, WhoTakesAJobOverFencesALoadThatIsStalledInAnotherThread) {
  const LoadTarget target{"t", LoadStrategy::append, {}, schema_, std::nullopt, false};
  const StagedTable good = rows("SELECT 1 AS id, 'a' AS name", schema_);
  ASSERT_TRUE(load(good, target, 1).ok());
  auto stalled = sink_->begin(key(2, 1), cancel_);
  ASSERT_TRUE(stalled.ok() && (*stalled)->write(good, target, cancel_).ok());
  auto other = engine_->connect().value();
  DuckdbSink taker("warehouse", folder_ / "w.duckdb", *other);
  const auto heads = taker.take_over(stream.job, Fence(2), cancel_);
  ASSERT_TRUE(heads.ok()) << heads.error().describe();
  ASSERT_EQ(heads->size(), 1U);
  EXPECT_EQ(heads->front().fence, Fence(2));
  EXPECT_EQ(taker.take_over(stream.job, Fence(2), cancel_).error().code, "target.fenced");
  // It wakes, and is refused: by the fence or because both wrote the same row of the ledger.
  EXPECT_FALSE((*stalled)->commit(row(2, "second")).ok());
  stalled->reset();
  EXPECT_EQ(taker.committed(stream, cancel_).value()->seq, Seq(1));
}

TEST_F(DuckdbSinkTest, FirstLoadsOfTwoJobsAreNotInEachOthersWay) {
  const auto other_db = engine_->connect().value();
  DuckdbSink other("warehouse", folder_ / "w.duckdb", *other_db);
  ASSERT_TRUE(other_db->execute("CREATE TEMP TABLE good AS SELECT 1 AS id, 'b' AS name").ok());
  const StagedTable good = rows("SELECT 1 AS id, 'a' AS name", schema_);
  const LoadTarget first{"mart.a", LoadStrategy::append, {}, schema_, std::nullopt, false};
  LoadTarget second = first;
  second.table = "mart.b";
  LoadKey of_other = key(1, 1);
  of_other.stream = {JobName("customers"), StreamName("main")};
  auto one = sink_->begin(key(1, 1), cancel_);
  ASSERT_TRUE(one.ok()) << one.error().describe();
  auto two = other.begin(of_other, cancel_);
  ASSERT_TRUE(two.ok()) << two.error().describe();
  for (const auto& [load, target] : {std::pair(one->get(), first), std::pair(two->get(), second)}) {
    const auto written = load->write(good, target, cancel_);
    ASSERT_TRUE(written.ok()) << written.error().describe();
  }
  for (LoadTxn* const load : {one->get(), two->get()}) {
    LoadRow last = row(1, "first");
    last.carried = "id int";
    const auto outcome = load->commit(last);
    ASSERT_TRUE(outcome.ok()) << outcome.error().describe();
    EXPECT_EQ(*outcome, CommitOutcome::committed);
  }
  EXPECT_EQ(count("SELECT count(*) FROM warehouse.mart.a, warehouse.mart.b"), 1);
  EXPECT_EQ(count("SELECT count(*) FROM warehouse.tidemark_ledger"), 2);
}

TEST_F(DuckdbSinkTest, WhatBecameOfACommitThatFailedIsAskedOfTheFile) {
  const LoadTarget target{"t", LoadStrategy::append, {}, schema_, std::nullopt, false};
  const StagedTable good = rows("SELECT 1 AS id, 'a' AS name", schema_);
  for (const bool arrives : {false, true}) {
    auto begun = sink_->begin(key(1, 1), cancel_);
    ASSERT_TRUE(begun.ok() && (*begun)->write(good, target, cancel_).ok());
    failpoints::arm(arrives ? Failpoint::engine_committed : Failpoint::engine_commit, 1,
                    [] { return std::optional("eio"); });
    const auto outcome = (*begun)->commit(row(1, "first"));
    ASSERT_EQ(outcome.ok(), arrives);
    if (arrives) {
      EXPECT_EQ(*outcome, CommitOutcome::already_committed);
    }
    const auto there = (*begun)->resolve(row(1, "first"), cancel_);
    ASSERT_TRUE(there.ok()) << there.error().describe();
    EXPECT_EQ(*there, arrives);
  }
}

}  // namespace
}  // namespace tidemark
