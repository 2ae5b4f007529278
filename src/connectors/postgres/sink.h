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
#include "drivers/duckdb/engine.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

class PostgresSink : public Sink {
 public:
  // `options.side` is set to target. Connects to nothing yet.
  PostgresSink(duck::Connection& engine, ConnectOptions options);

  SinkTraits traits() const override;
  Result<std::optional<LedgerRow>> committed(const StreamId& stream, Cancel& cancel) override;
  Result<std::vector<Position>> history(const StreamId& stream, Cancel& cancel) override;
  Result<bool> loaded(const StreamId& stream, const std::string& load_id, Cancel& cancel) override;
  Result<std::optional<Schema>> describe(const std::string& table, Cancel& cancel) override;
  Result<LoadPlan> plan(const LoadTarget& target, Cancel& cancel) override;
  // Creates the ledger where it is missing, then opens the load's transaction.
  Result<std::unique_ptr<LoadTxn>> begin(const LoadKey& key, Cancel& cancel) override;

  // For each column that has one, a predicate of the engine's SQL that is true where the target can
  // hold the value (no NUL in text, no NULL where the target has NOT NULL, ...): rows that fail one
  // stop a load, so they are refused before it. Touches nothing.
  struct Acceptance {
    std::string column;
    std::string predicate;
    std::string reason;
  };
  Result<std::vector<Acceptance>> acceptance(const LoadTarget& target, Cancel& cancel);

 private:
  Result<Connection*> reader(Cancel& cancel);

  duck::Connection& engine_;
  ConnectOptions options_;
  std::unique_ptr<Connection> reader_;
};

}  // namespace tidemark::postgres
