// A table of the target as it is, and what a load will do to it: TableState, LoadSteps.
//
// Free functions over a borrowed Connection that read information_schema only; plan and load share
// them, so that what `plan` prints is what runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "connectors/mysql/sink_types.h"
#include "drivers/mysql/connection.h"

namespace tidemark::mysql {

struct TableState {
  TableName name;  // its database filled in
  bool exists = false;
  bool database_exists = true;
  std::string comment;
  std::vector<TargetColumn> columns;
  std::vector<std::string> primary_key;
  std::vector<std::vector<std::string>> unique_keys;  // over whole columns
  std::optional<std::int64_t> rows_estimate;
  std::vector<std::string> delete_effects;  // what deleting rows sets off beside it, for people
};

// Reads a table by the name the job wrote; one that does not exist has a name only. A view, or a
// table of an engine without transactions, is a target fault.
Result<TableState> read_table(Connection& connection, const std::string& table, Cancel& cancel);

// The statements that give the table what LoadTarget::added says, and `state` as it will be then.
// They commit by themselves.
Result<std::vector<std::string>> add_columns(TableState& state, const LoadTarget& target,
                                             const Flavour& flavour);

// The statements of one load; texts are empty where the strategy has no such step.
struct LoadSteps {
  std::vector<std::string> ddl;  // for a new table: they commit by themselves
  std::string staging;           // makes the temporary table
  std::string into;              // quoted: where the rows are sent
  std::string update;            // upsert: rows whose key is there
  std::string remove;            // full
  std::string insert;            // from the temporary table
  std::vector<LoadColumn> columns;
  std::vector<std::string> notes;

  // All that are not `ddl`, for `plan`.
  std::vector<std::string> statements() const;
};

// The comment of a table that a load makes, while no load into it is committed.
std::string made_by(const StreamId& stream);

// Checks that the rows fit and composes the steps. Faults name columns and types; runs nothing.
Result<LoadSteps> compose(const TableState& state, const LoadTarget& target, const Flavour& flavour,
                          const std::string& comment = {});

}  // namespace tidemark::mysql
