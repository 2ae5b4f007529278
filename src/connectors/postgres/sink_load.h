// PostgresLoad: the one transaction of a load into PostgreSQL, on a connection of its own.
//
// begin (by the sink) -> write and quarantine, in any order, each at most once -> commit.
// Destroying it before commit rolls back. After an error nothing but destroying it makes sense:
// commit refuses. One thread.
//
// `full` into a table that is there fills a shadow first and changes rows of the table last
// (sink_replace.h). Each reader sees the old rows or the new ones, also one with an older snapshot.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connect/sink.h"
#include "connectors/postgres/copy_encoder.h"
#include "connectors/postgres/sink_table.h"
#include "connectors/postgres/table_lock.h"
#include "drivers/duckdb/engine.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

class PostgresLoad : public LoadTxn {
 public:
  // REQUIRES a connection inside the load's transaction, with the ledger tables there.
  // `options` are those of the connection, for another one that asks what became of a COMMIT.
  PostgresLoad(duck::Connection& engine, std::unique_ptr<Connection> connection,
               ConnectOptions options, LoadKey key, LockPatience patience);
  ~PostgresLoad() override;

  // The first half of a write() whose rows come before it: makes the table, or the shadow of one
  // that is there, opens the COPY and says what it takes; rows are put as CopyEncoder makes them.
  // REQUIRES a full load. `target.altered_by_load` where that would keep others of the target
  // waiting until the rows are sent.
  Result<std::vector<CopyColumn>> begin_copy(const LoadTarget& target, Cancel& cancel);
  Status put(std::string_view bytes, Cancel& cancel);
  Status end_copy(RowCount sent, Cancel& cancel);

  // Blocks while the rows are sent; memory is bounded by a few batches.
  Result<RowCount> write(const StagedTable& rows, const LoadTarget& target,
                         Cancel& cancel) override;
  Result<RowCount> take_out_range(const TargetRange& range, RowCount given,
                                  const LoadTarget& target, Cancel& cancel) override;
  Result<RowCount> remove(const Removal& removal, const LoadTarget& target,
                          Cancel& cancel) override;
  Status quarantine(const StagedTable& rows, Supersedes old, Cancel& cancel) override;
  Status close_refused(const StagedTable& rows, Cancel& cancel) override;
  Result<CommitOutcome> commit(const LoadRow& load) override;
  Result<bool> resolve(const LoadRow& load, Cancel& cancel) override;
  // Of rows, by COPY.
  std::int64_t bytes_sent() const override { return connection_->bytes_copied(); }

 private:
  Result<LoadSteps> look_at_table(const LoadTarget& target, Cancel& cancel);
  Status make_table(const LoadSteps& steps, Cancel& cancel);
  Status write_rows(const StagedTable& rows, const LoadTarget& target, Cancel& cancel);
  Status copy_refused(const StagedTable& rows, const std::string& table, Cancel& cancel);
  Status finish_rows(const LoadSteps& steps, const LoadTarget& target, RowCount expected,
                     Cancel& cancel);
  Result<CommitOutcome> move_ledger_and_commit(const LoadRow& load, Cancel& cancel);
  // pg_xact_status of the load's transaction once it has ended; nothing where the server does not
  // know it.
  Result<std::optional<bool>> ended_well(Connection& connection, Cancel& cancel);

  duck::Connection& engine_;
  std::unique_ptr<Connection> connection_;
  ConnectOptions options_;
  LoadKey key_;
  LockPatience patience_;
  std::optional<LoadSteps> begun_;  // of begin_copy()
  std::optional<CopyIn> copy_;
  std::string table_;           // that rows were written to, quoted
  std::string transaction_id_;  // of the server, once something was written
  int backend_pid_ = 0;
  bool failed_ = false;
  bool ended_ = false;
};

}  // namespace tidemark::postgres
