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
#include "connectors/postgres/sink_types.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

struct TableState {
  TableName name;  // its schema filled in
  bool exists = false;
  bool schema_exists = true;
  std::vector<TargetColumn> columns;
  std::vector<std::string> primary_key;
  // Column sets of the unique indexes that ON CONFLICT can use, each sorted.
  std::vector<std::vector<std::string>> unique_keys;
  std::optional<std::int64_t> rows_estimate;
  // Things that a DELETE of all rows would set off, for people.
  std::vector<std::string> delete_effects;
};

// Reads a table by the name the job wrote; one that does not exist has a name only. A view or
// another thing that is no table is a target fault.
Result<TableState> read_table(Connection& connection, const std::string& table, Cancel& cancel);

// The statements of one load, in the order they run; texts are empty where the strategy has no such
// step.
struct LoadSteps {
  std::vector<std::string> ddl;  // before the rows: schema, table
  std::string lock;              // against DDL, and for `full` against other writers
  std::string clear;             // full: the DELETE
  std::string staging;           // upsert into an existing table: the temporary table
  std::string copy;              // COPY ... FROM STDIN
  std::string merge;             // upsert: from the temporary table
  std::string finish;            // after the rows: the primary key of a new table
  std::vector<CopyColumn> columns;
  std::vector<std::string> notes;
};

// Checks that the rows fit and composes the steps. Faults name columns and types; runs nothing.
Result<LoadSteps> compose(const TableState& state, const LoadTarget& target, Fence fence);

}  // namespace tidemark::postgres
