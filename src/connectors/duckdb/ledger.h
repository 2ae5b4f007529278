// Tidemark's own tables in a DuckDB warehouse: tidemark_ledger, tidemark_loads,
// tidemark_quarantine.
//
// Free functions over the run's engine connection; the ones that write run inside the load's
// transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connect/sink.h"
#include "drivers/duckdb/engine.h"

namespace tidemark::warehouse_ledger {

Status create_tables(duck::Connection& engine, const std::string& catalog);
bool tables_exist(duck::Connection& engine, const std::string& catalog);
Result<std::optional<LedgerRow>> head(duck::Connection& engine, const std::string& catalog,
                                      const StreamId& stream);
Result<std::vector<Position>> history(duck::Connection& engine, const std::string& catalog,
                                      const StreamId& stream);
Result<bool> has_load(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                      const std::string& load_id);
// Closes the stream's open refused rows that this load supersedes.
Status close_refused(duck::Connection& engine, const std::string& catalog, const LoadKey& key,
                     Supersedes old);
Status insert_load(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                   const LoadRow& load);
// Compare-and-set of the head from seq - 1 to seq. False: somebody else moved it, or holds a newer
// fence.
Result<bool> move_head(duck::Connection& engine, const std::string& catalog, const LoadKey& key,
                       const LoadRow& load);
// For loads that are no window: does the head still allow this fence?
Result<bool> fence_holds(duck::Connection& engine, const std::string& catalog, const LoadKey& key);

}  // namespace tidemark::warehouse_ledger
