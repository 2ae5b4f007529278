// How far a window of a MySQL table may reach: the ring of looks (seen.h) where it can be
// kept, a labelled best effort where not. Reads bounds only; blocking, idempotent.
#pragma once

#include <optional>
#include <string>

#include "connect/source.h"
#include "connectors/mysql/catalog.h"
#include "connectors/mysql/looks.h"
#include "spec/job_spec.h"

namespace tidemark::mysql {

enum class CursorKind { timestamp, datetime, date, number };

struct Cursor {
  std::string column;  // as the job writes it: a column's name, or an expression
  std::string sql;     // of its value
  bool is_expression = false;
  CursorKind kind = CursorKind::timestamp;
  int fraction = 0;  // digits of the second that the column keeps; of a decimal, its scale
  // datetime only: the zone its values are written in, as the job declares it.
  std::optional<std::string> timezone;
  bool not_null = false;
};

// The column `name` of `relation` as a cursor; a user fault when it is missing or has no usable
// order.
Result<Cursor> cursor_of(const Relation& relation, const std::string& name,
                         const std::optional<std::string>& timezone);

// An expression as a cursor. The type is the server's; `from` as in BoundRequest::relation.
Result<Cursor> expression_cursor(Connection& connection, const std::string& from,
                                 const std::string& expression,
                                 const std::optional<std::string>& timezone, Cancel& cancel);
// How much a read by the cursor has to look through: 0 where an index finds the rows.
Result<std::int64_t> bytes_scanned(Connection& connection, const TableName& table,
                                   const Cursor& cursor, Cancel& cancel);

struct BoundRequest {
  std::string relation;  // for FROM
  Cursor cursor;
  std::optional<Position> lo;
  std::string memory;  // of the last run
  // The target merges by key: the window stays open at the top and is read again from what was in
  // flight. Otherwise it is cut below that, and every row is delivered once.
  bool keyed = false;
  bool same_source = false;  // Progress::same_source
  Looks* looks = nullptr;    // of the connection; null: this source looks for itself
};

// `blocked.source_changed` where the server is another one than that of `lo`. REQUIRES a session in
// no transaction.
Result<WindowBound> find_bound(Connection& connection, const BoundRequest& request, Cancel& cancel);

// Rows without a cursor value, up to 100,001; 0 at once where the column cannot be NULL.
Result<std::int64_t> count_null_cursors(Connection& connection, const std::string& relation,
                                        const Cursor& cursor, Cancel& cancel);

// A condition on the cursor, or empty. A position is compared as a typed literal, never
// as a float.
Result<std::string> window_condition(const Cursor& cursor, const Window& window, NullCursor nulls);

}  // namespace tidemark::mysql
