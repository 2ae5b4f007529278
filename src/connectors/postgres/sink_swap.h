// `replace: table`: a full load that fills a new table and gives it the name of the old one.
//
// The new table is made `like ... including all`, which copies columns, defaults, checks and
// indexes; whatever else hangs on the old one would be lost, so it refuses the plan. In the end
// both are compared as the catalog describes them, and any difference rolls the load back. Free
// functions over a borrowed Connection; one thread.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connectors/postgres/sink_table.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// What a swap would lose, for people. Reads catalogs only. REQUIRES a table that exists.
Result<std::vector<std::string>> read_losses(Connection& connection, const TableState& state,
                                             Cancel& cancel);

// A target fault where something would be lost.
Result<FullSteps> compose_swap(const TableState& state, const LoadTarget& target, Fence fence);

// Drops the table, renames the new one and its indexes, and compares. REQUIRES a transaction that
// holds the table in ACCESS EXCLUSIVE mode, and the new table filled.
Status swap_tables(Connection& connection, const TableState& state, const FullSteps& full,
                   Cancel& cancel);

}  // namespace tidemark::postgres
