// Rows of a table that are gone from the source: taken out, or marked, inside a load's transaction.
//
// The keys are sent to a temporary table of the same types and collations, so that they are
// compared as the merge compares them. Free function over borrowed connections; blocking; memory is
// bounded by one statement.
#pragma once

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "drivers/duckdb/engine.h"
#include "drivers/mysql/connection.h"

namespace tidemark::mysql {

// LoadTxn::remove. A table that is not there has no rows.
Result<RowCount> remove_rows(duck::Connection& engine, Connection& connection,
                             const Removal& removal, const LoadTarget& target, Cancel& cancel);

}  // namespace tidemark::mysql
