#include "connect/table_source.h"

#include "base/nearest.h"
#include "base/units.h"

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
  }
  return {};
}

}  // namespace tidemark
