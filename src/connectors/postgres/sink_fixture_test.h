// What the tests of the sink share: a database of their own, and loading rows that a query of the
// engine gives.
#pragma once

#include <fixtures/postgres_server.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "connectors/postgres/sink.h"
#include "drivers/duckdb/engine.h"

namespace tidemark::postgres {

inline const StreamId stream{JobName("orders"), StreamName("orders")};

class PostgresSinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto& server = tidemark::testing::PostgresServer::shared();
    options_.conninfo = server.conninfo(server.new_database());
    engine_ = duck::Engine::open({}).value();
    db_ = engine_->connect().value();
    admin_ = Connection::connect(options_, cancel_).value();
    sink_ = std::make_unique<PostgresSink>(*db_, options_);
  }

  StagedTable rows(const std::string& select, const Schema& schema,
                   const std::string& name = "good") {
    const Status made = db_->execute("CREATE OR REPLACE TEMP TABLE " + name + " AS " + select);
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().describe());
    return {name, schema, RowCount(*db_->count("SELECT count(*) FROM " + name))};
  }
  // Rows with the schema that the engine gives the query.
  StagedTable rows(const std::string& select) {
    return rows(select, db_->describe(select).value());
  }

  LoadKey key(std::int64_t seq, std::int64_t fence = 1, LoadKind kind = LoadKind::window) {
    return {stream, Seq(seq), Fence(fence), RunId("r" + std::to_string(seq)), kind, ""};
  }

  LoadRow row(const LoadKey& key, std::int64_t count, const std::string& id = "") {
    const std::string seq = std::to_string(key.seq.get());
    return {id.empty() ? "load" + seq : id,
            key.kind,
            key.seq,
            key.run_id,
            {std::nullopt, Position{seq}, std::nullopt},
            RowCount(count),
            RowCount(0),
            "sum"};
  }

  Result<CommitOutcome> load(const StagedTable& good, const LoadTarget& target, const LoadKey& key,
                             const std::string& id = "") {
    TM_TRY(auto txn, sink_->begin(key, cancel_));
    TM_TRY(const RowCount loaded, txn->write(good, target, cancel_));
    EXPECT_EQ(loaded.get(), good.rows.get());
    return txn->commit(row(key, loaded.get(), id));
  }

  LoadTarget target(const StagedTable& good, LoadStrategy strategy,
                    std::vector<std::string> key = {}, const std::string& table = "orders") {
    return {table, strategy, std::move(key), good.schema, std::nullopt, false};
  }

  // One value as text; `NULL` for NULL.
  std::string ask(const std::string& sql) {
    auto found = admin_->query(sql, cancel_);
    if (!found.ok()) return found.error().describe();
    return found->rows() == 0 ? "no row" : std::string(found->text(0, 0).value_or("NULL"));
  }
  void run(const std::string& sql) {
    auto done = admin_->execute(sql, cancel_);
    ASSERT_TRUE(done.ok()) << done.error().describe();
  }

  Cancel cancel_;
  ConnectOptions options_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> db_;
  std::unique_ptr<Connection> admin_;
  std::unique_ptr<PostgresSink> sink_;
};

// Another session that asks the same again and again, and is to hear the same each time.
class SteadyReader {
 public:
  SteadyReader(const ConnectOptions& options, std::string sql, std::string wanted)
      : thread_([this, options, sql = std::move(sql), wanted = std::move(wanted)] {
          Cancel cancel;
          auto session = Connection::connect(options, cancel).value();
          while (!stop_) {
            const auto seen = session->query(sql, cancel);
            if (!seen.ok() || seen->string(0, 0) != wanted)
              torn_ = seen.ok() ? seen->string(0, 0) : seen.error().describe();
            ++reads_;
          }
        }) {}
  ~SteadyReader() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Once, at the end.
  void expect_steady() {
    stop_ = true;
    thread_.join();
    EXPECT_EQ(torn_, "");
    EXPECT_GT(reads_, 0);
  }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int> reads_ = 0;
  std::string torn_;
  std::thread thread_;  // last: it uses the others
};

inline ::testing::AssertionResult is(const Result<CommitOutcome>& result, CommitOutcome outcome) {
  if (!result.ok())
    return ::testing::AssertionFailure()
           << result.error().code << ": " << result.error().describe();
  if (*result != outcome)
    return ::testing::AssertionFailure() << "outcome " << static_cast<int>(*result);
  return ::testing::AssertionSuccess();
}

}  // namespace tidemark::postgres
