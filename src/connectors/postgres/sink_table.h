// A table of the target as it is, and what a load will do to it: TableState, LoadSteps.
//
// Free functions over a borrowed Connection that read catalogs only; plan and load share them, so
// that what `plan` prints is what runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "connectors/postgres/sink_full.h"
#include "connectors/postgres/sink_types.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// Of a unique index over whole columns and all rows.
struct UniqueKey {
  std::vector<std::string> columns;
  bool primary = false;
  bool immediate = false;  // checked row by row; ON CONFLICT takes no other
};

// Over exactly these columns, in whatever order.
bool is_key_of(const UniqueKey& key, std::vector<std::string> columns);

struct TableState {
  std::string oid;
  TableName name;  // its schema filled in
  bool exists = false;
  bool schema_exists = true;
  std::vector<TargetColumn> columns;
  std::vector<std::string> primary_key;
  std::vector<UniqueKey> unique_keys;
  std::optional<std::int64_t> rows_estimate;
  // What deleting a row, or inserting one, sets off beside it, for people.
  std::vector<std::string> delete_effects;
  std::vector<std::string> insert_effects;
  // Foreign keys of other tables or triggers: they can tell an UPDATE from a DELETE and an INSERT.
  bool watched = false;
  std::vector<std::string> rules;  // that rewrite INSERT, UPDATE or DELETE
  bool row_security = false;       // hides rows from this user
  // What a swap would lose, for people; read for loads with `replace: table` only.
  std::vector<std::string> losses;
  std::string children;  // tables that are part of it by INHERITS, for people; empty: none
};

// Reads a table by the name the job wrote; one that does not exist has a name only. A view or
// another thing that is no table is a target fault.
Result<TableState> read_table(Connection& connection, const std::string& table, Cancel& cancel);

// The same with what the load of `target` has to know beside.
Result<TableState> read_target(Connection& connection, const LoadTarget& target, Cancel& cancel);

// The statements that give the table what LoadTarget::added says, and `state` as it will be then.
Result<std::vector<std::string>> add_columns(TableState& state, const LoadTarget& target);

// The statements of one load, in the order they run; texts are empty where the strategy has no such
// step.
struct LoadSteps {
  std::vector<std::string> ddl;   // before the rows: schema, table
  std::string lock;               // against DDL
  std::string staging;            // upsert into an existing table: the temporary table
  std::string copy;               // COPY ... FROM STDIN
  std::string merge;              // upsert: from the temporary table
  std::string finish;             // after the rows: the primary key of a new table
  std::optional<FullSteps> full;  // into an existing table: in place of all the others
  std::vector<CopyColumn> columns;
  std::vector<std::string> notes;

  // All that are not `ddl`, for `plan`.
  std::vector<std::string> statements() const;
};

// Checks that the rows fit and composes the steps. Faults name columns and types; runs nothing.
Result<LoadSteps> compose(const TableState& state, const LoadTarget& target, Fence fence);

}  // namespace tidemark::postgres
