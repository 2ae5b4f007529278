#include "connect/table_source.h"

#include <algorithm>

#include "base/nearest.h"
#include "base/units.h"
#include "connect/guard.h"

namespace tidemark {

std::string without_semicolon(std::string query) {
  while (!query.empty() &&
         std::string_view(" \t\r\n;").find(query.back()) != std::string_view::npos)
    query.pop_back();
  return query;
}

std::optional<std::string> declared_type(const SourceSpec& spec, const std::string& column) {
  for (const DeclaredColumn& declared : spec.columns) {
    if (declared.name.value == column) return declared.type.value;
  }
  return std::nullopt;
}

Status check_declared(const SourceSpec& spec, const Schema& schema) {
  for (const DeclaredColumn& declared : spec.columns) {
    if (schema.find(declared.name.value)) continue;
    std::string hint;
    if (const auto near = nearest_word(declared.name.value, schema.names()))
      hint = "did you mean `" + *near + "`?";
    return user_error("plan.no_column", "the source has no column `" + declared.name.value + "`",
                      hint);
  }
  return {};
}

std::vector<std::string> all_but(const Schema& schema, const std::vector<std::string>& columns) {
  std::vector<std::string> others;
  for (const Column& column : schema.columns) {
    if (std::find(columns.begin(), columns.end(), column.name) == columns.end())
      others.push_back(column.name);
  }
  return others;
}

Error keys_behind(const std::string& what, const std::string& hint) {
  return source_error("source.keys_behind",
                      what +
                          ", and what it lacks would count as deleted: a sweep reads no keys "
                          "from it",
                      Retry::never, hint);
}

std::string comma_list(const std::vector<std::string>& items) {
  std::string list;
  for (const std::string& item : items)
    list += (list.empty() ? "" : ", ") + item;
  return list;
}

std::string holds_value_sql(const std::string& relation, const std::vector<std::string>& columns,
                            std::string (*quote)(std::string_view name),
                            const std::string& condition) {
  std::string any;
  for (const std::string& column : columns)
    any += (any.empty() ? "" : " or ") + quote(column) + " is not null";
  return "select exists (select 1 from " + relation + " where (" + any + ")" +
         (condition.empty() ? "" : " and (" + condition + ")") + ")";
}

std::string ranges_condition(const std::vector<RowRange>& ranges,
                             std::string (*quote)(std::string_view name)) {
  std::string condition;
  for (const RowRange& range : ranges) {
    const std::string column = quote(range.column);
    std::string one;
    if (range.from) one = column + " >= " + std::to_string(*range.from);
    if (range.to) {
      one = both(one, column + " < " + std::to_string(*range.to));
    } else if (range.from) {
      one += " or " + column + " is null";
    }
    if (one.empty()) return {};
    condition += (condition.empty() ? "((" : ") or (") + one;
  }
  return condition.empty() ? condition : condition + "))";
}

std::string both(const std::string& one, const std::string& other) {
  if (one.empty() || other.empty()) return one + other;
  return "(" + one + ") and (" + other + ")";
}

std::int64_t scan_limit(const Guard* guard) {
  return guard == nullptr ? GuardSpec().scan_limit_bytes : guard->spec().scan_limit_bytes;
}

bool is_expression(const Schema& schema, const std::string& watermark) {
  return !schema.find(watermark) && watermark.find('(') != std::string::npos;
}

bool reads_null_cursors(NullCursor nulls, const Window& window) {
  return nulls == NullCursor::every_run || (nulls == NullCursor::once && !window.lo);
}

Status judge_null_cursors(const SourceSpec& spec, const std::string& cursor, std::int64_t nulls,
                          WindowBound& bound) {
  if (nulls == 0) return {};
  const std::string counted =
      (nulls > null_cursors_counted_max ? "more than 100,000" : show_count(nulls)) +
      " rows have no value in `" + cursor + "`";
  switch (spec.null_cursor) {
    case NullCursor::fail:
      return source_error(
          "source.null_cursor", counted + ", so they belong to no window", Retry::never,
          "set `null_cursor: every_run` or `once` in the job's `from`, or mend the rows");
    case NullCursor::every_run:
      bound.notes.push_back(counted + "; they are read in every run");
      return {};
    case NullCursor::once:
      bound.notes.push_back(counted + (bound.window.lo ? "; they were read by the first run only"
                                                       : "; this run reads them"));
      return {};
    case NullCursor::left_out:
      return {};
  }
  return {};
}

}  // namespace tidemark
