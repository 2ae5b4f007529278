// Rows of a table that are gone from the source: taken out, or marked, inside a load's transaction.
//
// The keys are sent to a temporary table of the same types, so that they are compared as the merge
// compares them. Free function over borrowed connections; blocking; memory is bounded by a few
// batches.
#pragma once

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "drivers/duckdb/engine.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// LoadTxn::remove. A table that is not there has no rows.
Result<RowCount> remove_rows(duck::Connection& engine, Connection& connection,
                             const Removal& removal, const LoadTarget& target, Cancel& cancel);

// LoadTxn::take_out_range. The server compares with values of the column's own type.
Result<RowCount> remove_range(Connection& connection, const TargetRange& range, RowCount given,
                              const LoadTarget& target, Cancel& cancel);

}  // namespace tidemark::postgres
