// How far a window of a PostgreSQL table may reach: the rules PG-2 to PG-6 of docs/guarantees.md
// where they can be kept, a labelled best effort where not.
//
// A transaction takes its timestamps when it starts and shows its rows when it commits, so the
// largest value seen says nothing of what is still to come. What does is what the server has in
// flight. Every position names the server and the table it was taken from (source_place.h). Reads
// bounds only; blocking, idempotent; REQUIRES autocommit, because a session sees the activity of
// others once a transaction.
#pragma once

#include <optional>
#include <string>

#include "connect/source.h"
#include "connectors/postgres/catalog.h"
#include "connectors/postgres/source_place.h"
#include "spec/job_spec.h"

namespace tidemark::postgres {

// `transaction`: an xid8 that each write sets; `row_transaction`: the system column xmin.
enum class CursorKind { timestamptz, timestamp, date, number, transaction, row_transaction };

struct Cursor {
  std::string column;  // its name, or the expression as the job writes it; for people
  std::string sql;     // the same for SQL
  CursorKind kind = CursorKind::timestamptz;
  std::string type_name;  // for casts of literals: `timestamp with time zone`, `bigint`, ...
  // timestamp only: the zone its values are written in, as the job declares it.
  std::optional<std::string> timezone;
  bool not_null = false;
  bool is_expression = false;
};

// The column `name` of `relation` as a cursor; a user fault when it is missing or has no usable
// order.
Result<Cursor> cursor_of(const Relation& relation, const std::string& name,
                         const std::optional<std::string>& timezone);

// An expression as a cursor over the rows of `from` (for FROM).
Result<Cursor> expression_cursor(Connection& connection, const std::string& from,
                                 const std::string& expression,
                                 const std::optional<std::string>& timezone, Cancel& cancel);

// How many bytes of a table each run would read to find a window, because the cursor has no index.
Result<std::int64_t> bytes_scanned(Connection& connection, const std::string& relation,
                                   const Cursor& cursor, Cancel& cancel);

struct BoundRequest {
  std::string relation;   // for FROM
  bool is_table = false;  // `relation` is a table by its name, else a query
  Cursor cursor;
  std::optional<Position> lo;
  // The target merges by key: the window stays open at the top and is read again from the oldest
  // transaction. Otherwise it is cut below everything in flight, and every row is delivered once.
  bool keyed = false;
  std::string memory;        // Progress::memory
  bool same_source = false;  // Progress::same_source
  // A column of the table that may carry each row's transaction; empty: none.
  std::string transaction_column = {};
};

// What `lo` says, and the place the next position will name.
struct Standing {
  std::optional<std::string> lo;
  SourcePlace here;
  bool moved = false;  // a person confirmed another place: the next position must be recorded
};

// `blocked.source_changed` where the source is another one than that of `lo`.
Result<WindowBound> find_bound(Connection& connection, const BoundRequest& request, Cancel& cancel);

// Rows without a cursor value, up to 100,001; 0 at once where the column cannot be NULL.
Result<std::int64_t> count_null_cursors(Connection& connection, const std::string& relation,
                                        const Cursor& cursor, Cancel& cancel);

// `"c" >= 'x'::type and "c" < 'y'::type`, or empty. A position is compared as a typed literal,
// never as a float or through a zone.
std::string window_condition(const Cursor& cursor, const Window& window, NullCursor nulls);

}  // namespace tidemark::postgres
