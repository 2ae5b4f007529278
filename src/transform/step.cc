#include "transform/step.h"

#include <algorithm>

#include "base/nearest.h"

namespace tidemark {

std::optional<std::size_t> require_column(const StepInput& step, const Name& name) {
  if (auto at = find_column(step.in, name.value)) return at;
  const auto near = nearest_word(name.value, step.in.names());
  std::string known;
  for (std::size_t at = 0; at < step.in.columns.size() && at < 20; ++at) {
    known += (at == 0 ? "" : ", ") + step.in.columns[at].name;
  }
  if (step.in.columns.size() > 20) known += ", ...";
  step.faults.add(step.file, name.at,
                  "there is no column `" + name.value + "` at step " + std::to_string(step.number),
                  near ? "did you mean `" + *near + "`?" : "the columns here are " + known);
  return std::nullopt;
}

bool require_free(const StepInput& step, const Schema& schema, const Name& name) {
  if (name.value.empty() || name.value.find('\0') != std::string::npos) {
    step.faults.add(step.file, name.at, "a column needs a name");
    return false;
  }
  if (name.value.starts_with(reserved_prefix)) {
    step.faults.add(step.file, name.at,
                    "the column `" + name.value + "` has a name that Tidemark keeps for itself",
                    "choose a name that does not start with `_tm_`");
    return false;
  }
  if (find_column(schema, name.value)) {
    step.faults.add(
        step.file, name.at,
        "there is a column `" + name.value + "` already at step " + std::to_string(step.number),
        "choose another name, or drop or rename the old column first");
    return false;
  }
  return true;
}

std::string step_relation(int number, std::string_view part) {
  return "_tm_step_" + std::to_string(number) + std::string(part);
}

std::string with_hidden(const std::vector<std::string>& columns) {
  std::string sql;
  for (const std::string& column : columns)
    sql += column + ", ";
  return sql + "_tm_segment, _tm_row, _tm_reject";
}

std::vector<std::string> quoted(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  out.reserve(names.size());
  for (const std::string& name : names)
    out.push_back(duck::quote_name(name));
  return out;
}

void keep_key(Schema& schema) {
  const bool whole =
      std::all_of(schema.key.begin(), schema.key.end(),
                  [&](const std::string& name) { return schema.find(name).has_value(); });
  if (!whole) schema.key.clear();
}

std::string extend_sql(const std::string& input, const std::vector<ColumnValue>& columns,
                       const std::string& reject, const std::vector<std::string>& gone) {
  std::string exclude;
  for (const std::string& name : gone)
    exclude += (exclude.empty() ? "" : ", ") + duck::quote_name(name);
  std::string replace = reject.empty() ? "" : reject + " AS _tm_reject";
  std::string added;
  for (const ColumnValue& column : columns) {
    const std::string value = column.sql + " AS " + duck::quote_name(column.name);
    if (column.replaces) {
      replace += (replace.empty() ? "" : ", ") + value;
    } else {
      added += ", " + value;
    }
  }
  std::string sql = "SELECT *";
  if (!exclude.empty()) sql += " EXCLUDE (" + exclude + ")";
  if (!replace.empty()) sql += " REPLACE (" + replace + ")";
  return sql + added + " FROM " + input + " AS rows";
}

void put_column(Schema& schema, const std::string& name, const Type& type) {
  const Column column{name, type, true, {}};
  if (auto at = find_column(schema, name)) {
    schema.columns[*at] = Column{schema.columns[*at].name, type, true, {}};
  } else {
    schema.columns.push_back(column);
  }
}

}  // namespace tidemark
