#include "transform/derive.h"

namespace tidemark {

namespace {

// One column: first the attempt beside the row, then the value or the refusal out of it.
void add_column(const NamedSql& column, const BoundExpression& bound, const StepInput& step,
                std::size_t index, CompiledStep& compiled) {
  const std::string attempt =
      "CASE WHEN rows._tm_reject IS NULL THEN " + attempt_sql(bound) + " END AS _tm_try";
  const std::string input = compiled.queries.empty() ? step.input : compiled.queries.back().name;
  const std::string tried = step_relation(step.number, "_" + std::to_string(index) + "_try");
  std::string sql = "SELECT *, " + attempt + " FROM " + input + " AS rows";
  compiled.has_window = compiled.has_window || bound.has_window;
  compiled.row_wise = compiled.row_wise && bound.row_wise;
  if (bound.has_window) {
    sql += " WHERE rows._tm_reject IS NULL UNION ALL BY NAME SELECT * FROM " + input +
           " WHERE _tm_reject IS NOT NULL";
  }
  compiled.queries.push_back({tried, sql, !bound.tried});

  const std::string rule = "derive " + column.name.value;
  std::string message = duck::quote_text("`" + column.sql.text + "` failed");
  if (!bound.columns.empty()) {
    message = "concat(" + message + ", ' for ', " + values_sql(bound.columns, compiled.out) + ")";
  }
  const std::string reject = "CASE WHEN rows._tm_reject IS NULL AND rows._tm_try IS NULL THEN " +
                             reject_sql(step.number, rule, column.name.value, message) +
                             " ELSE rows._tm_reject END";
  const auto replaced = find_column(compiled.out, column.name.value);
  const std::string name = replaced ? compiled.out.columns[*replaced].name : column.name.value;
  compiled.queries.push_back({step_relation(step.number, "_" + std::to_string(index)),
                              extend_sql(tried, {{name, "rows._tm_try.v", replaced.has_value()}},
                                         bound.tried ? reject : "", {"_tm_try"})});
  put_column(compiled.out, name, bound.type);
}

}  // namespace

std::optional<CompiledStep> compile_derive(const DeriveStep& spec, const StepInput& step) {
  CompiledStep compiled;
  compiled.number = step.number;
  compiled.kind = "derive";
  compiled.row_wise = true;
  compiled.label = "derive";
  compiled.out = step.in;
  bool good = true;
  for (std::size_t at = 0; at < spec.columns.size(); ++at) {
    const NamedSql& column = spec.columns[at];
    if (!find_column(compiled.out, column.name.value) &&
        !require_free(step, compiled.out, column.name)) {
      good = false;
      continue;
    }
    compiled.label += (at == 0 ? " " : ", ") + column.name.value;
    const auto bound = bind_expression(column.sql, compiled.out, step.connection, step.faults);
    if (!bound) {
      good = false;
      continue;
    }
    if (bound->type.kind == TypeKind::engine &&
        bound->type.engine_name.find("NULL") != std::string::npos) {
      step.faults.add(column.sql.file, column.sql.locate(0),
                      "the type of `" + column.name.value + "` is not known",
                      "write a cast, e.g. `NULL::varchar`");
      good = false;
      continue;
    }
    add_column(column, *bound, step, at + 1, compiled);
  }
  if (!good) return std::nullopt;
  return compiled;
}

}  // namespace tidemark
