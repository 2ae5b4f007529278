// The watermark of a table as it is: rule PG-4 of docs/guarantees.md. Each row's system column xmin
// is the transaction that wrote it, in 32 bits; a window holds those from the last window's end to
// the oldest transaction that is open. There is no index on xmin, so each run reads the whole table
// on the server; and rows so old that their number comes again may be given again, so the target
// must merge by key. Blocking; REQUIRES a connection in autocommit.
#pragma once

#include <string>

#include "connectors/postgres/watermark.h"

namespace tidemark::postgres {

// What a job writes as its watermark.
inline constexpr const char* row_transaction_column = "xmin";

// A position is the number of a transaction, 64 bits: all before it had ended.
// `plan.watermark_append` where the target does not merge.
Result<WindowBound> find_row_transaction_bound(Connection& connection, const BoundRequest& request,
                                               const Standing& standing, Cancel& cancel);

// The condition of a window; empty where it holds more numbers than 32 bits tell apart.
std::string row_transaction_condition(const Window& window);

}  // namespace tidemark::postgres
