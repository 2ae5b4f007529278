// PostgresSink: one PostgreSQL database as a target. Rows, refused rows and the ledger commit in
// one transaction; the ledger (ledger.h) stands in the schema the session creates tables in.
//
// Owned by one run, used from one thread. Reading (committed, history, loaded, describe, plan)
// touches nothing and works on a standby and before the ledger exists; it shares one connection,
// opened at the first call and again after a loss. Each load has a connection of its own. The
// engine connection outlives the sink.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/sink.h"
#include "connectors/postgres/table_lock.h"
#include "drivers/duckdb/engine.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

class PostgresLoad;

class PostgresSink : public Sink {
 public:
  // `options.side` is set to target. Connects to nothing yet.
  PostgresSink(duck::Connection& engine, ConnectOptions options, LockPatience patience = {});

  SinkTraits traits() const override;
  Result<std::optional<LedgerRow>> committed(const StreamId& stream, Cancel& cancel) override;
  Result<std::vector<LedgerRow>> take_over(const JobName& job, Fence token,
                                           Cancel& cancel) override;
  Result<std::vector<Position>> history(const StreamId& stream, Cancel& cancel) override;
  Result<std::optional<std::string>> carried(const StreamId& stream, Cancel& cancel) override;
  Result<std::vector<SweepRow>> sweeps(const std::string& table, Cancel& cancel) override;
  Result<bool> loaded(const StreamId& stream, const RunId& run, Cancel& cancel) override;
  Result<StagedTable> open_refused(const JobName& job, const std::optional<StreamName>& only,
                                   Cancel& cancel) override;
  Result<std::string> window_checksum(const StreamId& stream, Seq seq, Cancel& cancel) override;
  Result<std::vector<Seq>> refused_windows(const StreamId& stream, Cancel& cancel) override;
  Result<std::optional<Schema>> describe(const std::string& table, Cancel& cancel) override;
  Result<TargetRows> rows(const std::string& table, Cancel& cancel) override;
  Result<LoadPlan> plan(const LoadTarget& target, Cancel& cancel) override;
  Result<std::vector<Acceptance>> acceptance(const LoadTarget& target, Cancel& cancel) override;
  // Creates the ledger where it is missing, then opens the load's transaction.
  Result<std::unique_ptr<LoadTxn>> begin(const LoadKey& key, Cancel& cancel) override;
  std::unique_ptr<LoadAhead> load_ahead(const LoadKey& key, const LoadTarget& target,
                                        StepsAhead steps) override;
  // As begin(); from any thread.
  Result<std::unique_ptr<PostgresLoad>> open_load(const LoadKey& key, Cancel& cancel) const;

 private:
  Result<Connection*> reader(Cancel& cancel);

  duck::Connection& engine_;
  ConnectOptions options_;
  LockPatience patience_;
  std::unique_ptr<Connection> reader_;
};

}  // namespace tidemark::postgres
