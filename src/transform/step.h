// Step: what one step of a transform needs to be compiled, and what it becomes.
//
// Each step is a function `compile_<step>` in a file of its own: it checks every name against the
// schema that comes in, adds a fault with its place for each one that is wrong, and gives SQL.
// Plain values; one thread. A step reads the relation `input`, whose rows have the columns of `in`
// and the hidden columns of connect/refusal.h, and gives a relation of the same kind.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connect/expression.h"
#include "connect/refusal.h"
#include "drivers/duckdb/engine.h"
#include "model/schema.h"
#include "spec/fault.h"
#include "spec/job_spec.h"

namespace tidemark {

// One named SELECT of the chain.
struct NamedQuery {
  std::string name;
  std::string sql;
  bool once = false;  // its SQL may answer otherwise when it is asked again: random(), a subquery
};

// A dimension that must stand in the engine before the chain runs, with one row per key.
struct LookupTable {
  std::string label;    // `warehouse.dim_customer`, for messages
  std::string create;   // copies what the chain needs of it into a temporary table
  std::string doubled;  // a SELECT of one doubled key's values, empty when there is none
  std::vector<std::string> columns;  // the key's columns in the dimension
  std::string drop;
};

struct CompiledStep {
  int number = 0;     // from 1, or from lead_number
  std::string kind;   // `lookup`
  std::string label;  // `lookup warehouse.dim_customer`
  Schema out;
  std::vector<NamedQuery> queries;  // the last one is what the next step reads
  std::vector<LookupTable> lookups;
  // Only picks and names columns: cheap enough to be evaluated twice, and refuses nothing.
  bool only_columns = false;
  // What it gives for a row, or that it refuses it, depends on the row alone: the same whenever and
  // wherever it is asked, and with whatever rows beside it.
  bool row_wise = false;
  // Is a whole query of the user (step `sql`): no row of its result is one of its input.
  bool is_query = false;
  // Has a window function: what it gives for a row depends on the rows beside it.
  bool has_window = false;
};

struct StepInput {
  const Schema& in;
  std::string input;  // the relation's name, fit for FROM
  int number = 0;
  Location at;
  const std::string& file;
  duck::Connection& connection;
  Faults& faults;
};

// Finds a column, or adds a fault that names the nearest one.
std::optional<std::size_t> require_column(const StepInput& step, const Name& name);
// Adds a fault when `name` is a column of `schema` already, is empty, or belongs to Tidemark.
bool require_free(const StepInput& step, const Schema& schema, const Name& name);

std::string step_relation(int number, std::string_view part = {});
// `"a", "b", _tm_segment, _tm_row, _tm_reject`, the first ones from `columns` as written.
std::string with_hidden(const std::vector<std::string>& columns);
std::vector<std::string> quoted(const std::vector<std::string>& names);
// Keeps the key of a schema only while all its columns are there.
void keep_key(Schema& schema);

// `SELECT * REPLACE (...), ... FROM input`: columns that are there already are replaced where they
// stand, new ones follow. `values` go with `columns`; `reject` is the new `_tm_reject`, `gone` what
// is left out.
struct ColumnValue {
  std::string name;
  std::string sql;
  bool replaces = false;
};
std::string extend_sql(const std::string& input, const std::vector<ColumnValue>& columns,
                       const std::string& reject, const std::vector<std::string>& gone);
// The schema after extend_sql: the same columns with `column` replaced or added; its NULLs are
// allowed.
void put_column(Schema& schema, const std::string& name, const Type& type);

}  // namespace tidemark
