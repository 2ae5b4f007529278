// Rows of the engine into a table of MySQL, by INSERT statements of many rows each.
//
// Free functions over borrowed connections; blocking; memory is bounded by one statement.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "connectors/mysql/sink_types.h"
#include "drivers/duckdb/engine.h"
#include "drivers/mysql/connection.h"

namespace tidemark::mysql {

// The columns of `relation` into the columns of `table` (quoted) with the same names. A value that
// its column cannot hold is an Error; `expected` rows must arrive.
Status insert_rows(duck::Connection& engine, Connection& connection, const std::string& relation,
                   const std::string& table, const std::vector<LoadColumn>& columns,
                   RowCount expected, Cancel& cancel);

Error rows_lost(std::int64_t expected, std::int64_t found);

}  // namespace tidemark::mysql
