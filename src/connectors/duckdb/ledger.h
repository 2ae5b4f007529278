// Tidemark's own tables in a DuckDB warehouse: tidemark_ledger, tidemark_loads,
// tidemark_quarantine; tidemark_columns, what the last window of each stream carried, and
// tidemark_sweeps, which table it loads into and when that was swept. The last two are made at the
// first load that has something for them, since older ledgers lack them.
//
// Free functions over the run's engine connection; the ones that write run inside the load's
// transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connect/sink.h"
#include "connectors/duckdb/warehouse.h"
#include "drivers/duckdb/engine.h"

namespace tidemark::warehouse_ledger {

// Where they are missing. `engine.transaction` while another does the same.
Status create_tables(duck::Connection& engine, const std::string& catalog);
Result<bool> tables_exist(duck::Connection& engine, const std::string& catalog);
Result<std::optional<LedgerRow>> head(duck::Connection& engine, const std::string& catalog,
                                      const StreamId& stream);
Result<std::vector<Position>> history(duck::Connection& engine, const std::string& catalog,
                                      const StreamId& stream);
Result<bool> has_load(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                      const std::string& load_id);
Result<bool> has_load_of(duck::Connection& engine, const std::string& catalog,
                         const StreamId& stream, const RunId& run);
// The checksum of the stage loaded as that window; empty where there is none.
Result<std::string> window_checksum(duck::Connection& engine, const std::string& catalog,
                                    const StreamId& stream, Seq seq);
Result<std::vector<Seq>> refused_windows(duck::Connection& engine, const std::string& catalog,
                                         const StreamId& stream);
// With open_refused_schema().
Result<StagedTable> open_refused(duck::Connection& engine, const std::string& catalog,
                                 const JobName& job, const std::optional<StreamName>& only);
// Closes the stream's open refused rows that this load supersedes.
Status close_refused(duck::Connection& engine, const std::string& catalog, const LoadKey& key,
                     Supersedes old);
// Sink::carried.
Result<std::optional<std::string>> carried(duck::Connection& engine, const std::string& catalog,
                                           const StreamId& stream);
// Takes the place of what stood there; makes the table where it is missing.
Status keep_carried(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                    const std::string& columns);
// The name under which tidemark_sweeps knows a table.
std::string ledger_name(const WarehouseTable& table);
// Sink::sweeps.
Result<std::vector<SweepRow>> sweeps(duck::Connection& engine, const std::string& catalog,
                                     const std::string& table);
// Makes the table where it is missing.
Status note_sweep(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                  const std::string& table, const SweepNote& note);
Status insert_load(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                   const LoadRow& load);
// Compare-and-set of the head: a window moves it from seq - 1 to seq, any other load leaves it at
// seq. False: somebody else moved it, or holds a newer fence.
Result<bool> move_head(duck::Connection& engine, const std::string& catalog, const LoadKey& key,
                       const LoadRow& load);
// Sink::take_over, a transaction of its own. `engine.transaction` while another thread commits a
// load of the job.
Result<std::vector<LedgerRow>> take_over(duck::Connection& engine, const std::string& catalog,
                                         const JobName& job, Fence token);

}  // namespace tidemark::warehouse_ledger
