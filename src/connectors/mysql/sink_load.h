// MysqlLoad: the one transaction of a load into MySQL, on a connection of its own.
//
// begin (by the sink) -> write and quarantine, in any order, each at most once -> commit.
// Destroying it before commit rolls back. After an error nothing but destroying it makes sense:
// commit refuses. One thread.
//
// Rows wait in a temporary table until they are moved in the transaction. CREATE TABLE commits by
// itself in MySQL, so a new table is made as late as can be: inside commit(), by another session,
// after the ledger said that this load is the next.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connect/sink.h"
#include "connectors/mysql/sink_table.h"
#include "drivers/duckdb/engine.h"
#include "drivers/mysql/connection.h"

namespace tidemark::mysql {

class MysqlLoad : public LoadTxn {
 public:
  // REQUIRES a registered connection (load_session.h) outside of a transaction. `options` are those
  // of the connection, for others beside it.
  MysqlLoad(duck::Connection& engine, std::unique_ptr<Connection> connection,
            ConnectOptions options, LoadKey key, std::string session);
  ~MysqlLoad() override;

  // Blocks while the rows are sent; memory is bounded by one statement.
  Result<RowCount> write(const StagedTable& rows, const LoadTarget& target,
                         Cancel& cancel) override;
  Result<RowCount> remove(const Removal& removal, const LoadTarget& target,
                          Cancel& cancel) override;
  Status quarantine(const StagedTable& rows, Supersedes old, Cancel& cancel) override;
  Status close_refused(const StagedTable& rows, Cancel& cancel) override;
  Result<CommitOutcome> commit(const LoadRow& load) override;
  Result<bool> resolve(const LoadRow& load, Cancel& cancel) override;
  // Statements, with the rows in them.
  std::int64_t bytes_sent() const override { return connection_->bytes_sent(); }

 private:
  Status begin(Cancel& cancel);
  Status write_rows(const StagedTable& rows, const LoadTarget& target, Cancel& cancel);
  Status add_missing(TableState& state, const LoadTarget& target, Cancel& cancel);
  Status guard(const StagedTable& rows, const LoadTarget& target, const TableState& state,
               Cancel& cancel);
  Status move_rows(const LoadSteps& steps, RowCount expected, Cancel& cancel);
  Status make_table(Cancel& cancel);
  Status insert_refused(const StagedTable& rows, const std::string& table, Cancel& cancel);
  Result<CommitOutcome> move_ledger_and_commit(const LoadRow& load, Cancel& cancel);

  duck::Connection& engine_;
  std::unique_ptr<Connection> connection_;
  ConnectOptions options_;
  LoadKey key_;
  std::string session_;
  std::string table_;  // that rows are written to, quoted
  // Of a table that commit() makes.
  std::vector<std::string> ddl_;
  LoadSteps moved_at_commit_;
  RowCount rows_at_commit_{0};
  LoadTarget new_target_;
  bool failed_ = false;
  bool ended_ = false;
};

}  // namespace tidemark::mysql
