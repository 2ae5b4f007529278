// StagedTables without rows, and of a SELECT. Free functions; the connection's thread.
#pragma once

#include <string>

#include "base/result.h"
#include "connect/sink.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

// Has no table: a relation of these columns without rows, cheaper than an empty one.
StagedTable no_staged_rows(const Schema& schema);
// Makes or replaces the temporary table `name`, and counts its rows. `select` gives the columns of
// `schema`, in order.
Result<StagedTable> make_staged_table(const std::string& name, const std::string& select,
                                      const Schema& schema, duck::Connection& engine);

}  // namespace tidemark
