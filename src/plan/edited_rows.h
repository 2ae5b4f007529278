// Edited rows: the values of edits as the types of a stage, checked, and put over its rows.
//
// What a column does not hold exactly is an Error that names the column and what it takes. Free
// functions over the run's engine connection; its thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "model/schema.h"
#include "quality/row_edits.h"

namespace tidemark {

// `user.no_column`, `user.bad_value`.
Status check_edit(const Schema& staged, const std::vector<EditedValue>& values,
                  duck::Connection& engine);

// The edits of a stream's rows as a temporary table, by the id of the row.
class EditedRows {
 public:
  // None: nothing is put over anything.
  EditedRows() = default;
  // Makes or replaces `table`. The edits were checked against stages whose columns `schema` has.
  static Result<EditedRows> make(const std::string& table, const Schema& schema,
                                 const std::vector<RowEdit>& edits, duck::Connection& engine);

  // SQL that joins them to the rows that stand under `row`, which has the column id; empty for
  // none.
  std::string join_sql(const std::string& row) const;
  // SQL of a column's value: the edited one where there is one, else `staged`.
  std::string value_sql(const std::string& column, const std::string& staged) const;

 private:
  std::string table_;
  std::vector<std::string> columns_;  // that some edit has
};

}  // namespace tidemark
