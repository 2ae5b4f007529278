// The watermark of a table whose rows carry the transaction that wrote them: rules PG-2 and PG-3 of
// docs/guarantees.md.
//
// A position is a snapshot of a server, `xmin:xmax:xip,...`: which transactions had ended. A window
// holds the rows whose writer had ended by `hi` and not by `lo`, so a transaction that commits late
// is in the window after its commit, however long it ran, and nothing waits for it. The column must
// hold the top-level transaction of each row's last write; a trigger that source_preparation()
// gives sees to that. Blocking; REQUIRES a connection in autocommit.
#pragma once

#include <string>
#include <vector>

#include "connect/source.h"
#include "connectors/postgres/watermark.h"

namespace tidemark::postgres {

// `exact-upsert` where every part of the table stamps its writes, `bounded` where that cannot be
// seen. On a standby, which does not know single transactions of its primary, the window ends
// before the oldest that is open. `blocked.source_changed` where the server has not seen what `lo`
// had: it may give its numbers to others.
Result<WindowBound> find_transaction_bound(Connection& connection, const BoundRequest& request,
                                           const Standing& standing, Cancel& cancel);

// Nothing to read, on a standby that is behind where the last window ended.
WindowBound behind_the_last(WindowBound bound);

// The condition of a window. NULL, of rows older than the column, belongs to the first.
std::string transaction_condition(const Cursor& cursor, const Window& window);

// What makes the rows of a table carry their transaction. Empty where nothing is missing.
struct SourcePreparation {
  std::vector<std::string> together;  // in one transaction
  std::string index;                  // after it, by itself
};
// Changes nothing. Errors: no such table; a column of that name with another type.
Result<SourcePreparation> source_preparation(Connection& connection, const TableName& table,
                                             const std::string& column, Cancel& cancel);
// Waits at most two seconds for its lock. Idempotent.
Status apply_preparation(Connection& connection, const SourcePreparation& preparation,
                         Cancel& cancel);

}  // namespace tidemark::postgres
