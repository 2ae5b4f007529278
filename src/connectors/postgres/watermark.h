// How far a window of a PostgreSQL table may reach: rule PG-5 of docs/semantics.md where it can be
// kept, a labelled best effort where not.
//
// A transaction takes its timestamps when it starts and shows its rows when it commits, so the
// largest value seen says nothing of what is still to come. What does: no transaction that is
// running or prepared started before `hi`. That can be known on a primary by a user who sees all
// sessions. Reads bounds only; blocking, idempotent; must run in autocommit, because a session sees
// the activity of others once a transaction.
#pragma once

#include <optional>
#include <string>

#include "connect/source.h"
#include "connectors/postgres/catalog.h"
#include "spec/job_spec.h"

namespace tidemark::postgres {

enum class CursorKind { timestamptz, timestamp, date, number, transaction };

struct Cursor {
  std::string column;
  CursorKind kind = CursorKind::timestamptz;
  std::string type_name;  // for casts of literals: `timestamp with time zone`, `bigint`, ...
  // timestamp only: the zone its values are written in, as the job declares it.
  std::optional<std::string> timezone;
  bool not_null = false;
};

// The column `name` of `relation` as a cursor; a user fault when it is missing or has no usable
// order.
Result<Cursor> cursor_of(const Relation& relation, const std::string& name,
                         const std::optional<std::string>& timezone);

struct BoundRequest {
  std::string relation;   // for FROM
  bool is_table = false;  // `relation` is a table by its name, else a query
  Cursor cursor;
  std::optional<Position> lo;
  // The target merges by key: the window stays open at the top and is read again from the oldest
  // transaction. Otherwise it is cut below everything in flight, and every row is delivered once.
  bool keyed = false;
};

Result<WindowBound> find_bound(Connection& connection, const BoundRequest& request, Cancel& cancel);

// Rows without a cursor value, up to 100,001; 0 at once where the column cannot be NULL.
Result<std::int64_t> count_null_cursors(Connection& connection, const std::string& relation,
                                        const Cursor& cursor, Cancel& cancel);

// `"c" >= 'x'::type and "c" < 'y'::type`, or empty. A position is compared as a typed literal,
// never as a float or through a zone.
std::string window_condition(const Cursor& cursor, const Window& window, NullCursor nulls);

}  // namespace tidemark::postgres
