// DuckdbAhead: a table of the run's own in a warehouse, filled while the source is read.
//
// It is made by the first rows, beside the table that it becomes by being renamed in the load's
// transaction; what a dead process left is dropped by the next that opens the file. Each send() is
// one INSERT, which takes the rows out of the very vectors that they were decoded into.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "connect/load_ahead.h"
#include "connect/sink.h"
#include "connectors/duckdb/warehouse.h"

namespace tidemark {

class DuckdbSink;

class DuckdbAhead : public LoadAhead {
 public:
  // `engine` is the run's, used by the thread that destroys this.
  DuckdbAhead(DuckdbSink& sink, std::string catalog, duck::Connection& engine, LoadKey key,
              LoadTarget target, StepsAhead steps);
  ~DuckdbAhead() override;

  Result<bool> send(duck::Connection& engine, RowsAhead rows, Cancel& cancel) override;
  std::optional<Error> failure() const override { return failure_; }
  std::optional<std::int64_t> rows() const override;
  Result<std::unique_ptr<LoadTxn>> begin(Cancel& cancel) override;

  // For the load: where the rows stand, and the columns of that table as CREATE TABLE has them.
  const WarehouseTable& table() const { return table_; }
  const std::string& columns() const { return columns_; }

 private:
  // The table is there when it returns, or is not made.
  Status make(duck::Connection& engine, Cancel& cancel);
  void fail(Error error);

  DuckdbSink& sink_;
  const std::string catalog_;
  duck::Connection& engine_;
  const LoadKey key_;
  const LoadTarget target_;
  const StepsAhead steps_;

  std::mutex mutex_;
  // Guarded by mutex_ while rows are sent.
  WarehouseTable table_;
  std::string columns_;  // empty: not made yet
  std::int64_t rows_ = 0;
  bool over_ = false;             // no more rows are taken
  std::optional<Error> failure_;  // why, where somebody should know
};

}  // namespace tidemark
