#include "transform/refuse.h"

#include <algorithm>

namespace tidemark {

std::optional<CompiledStep> compile_refuse(const RefuseStep& spec, const StepInput& step) {
  CompiledStep compiled;
  compiled.number = step.number;
  compiled.kind = "refuse";
  compiled.row_wise = true;
  compiled.out.key = step.in.key;
  std::string reject = "CASE WHEN rows._tm_reject IS NOT NULL THEN rows._tm_reject";
  std::vector<std::string> gone;
  for (const Name& name : spec.columns) {
    const auto at = require_column(step, name);
    if (!at) return std::nullopt;
    const Column& column = step.in.columns[*at];
    compiled.label += (compiled.label.empty() ? "refuse " : ", ") + column.name;
    gone.push_back(column.name);
    const std::string value = "rows." + duck::quote_name(column.name);
    const std::string message = "concat(" + duck::quote_text(column.name + " = ") + ", " +
                                shown_sql(value, column.type) + ", " +
                                duck::quote_text(": " + spec.reason) + ")";
    reject += " WHEN " + value + " IS NOT NULL THEN " +
              reject_sql(step.number, "schema_drift " + column.name, column.name, message);
  }
  for (const Column& column : step.in.columns) {
    const bool goes = std::find(gone.begin(), gone.end(), column.name) != gone.end();
    if (!goes) compiled.out.columns.push_back(column);
  }
  if (compiled.out.columns.empty()) {
    step.faults.add(step.file, step.at, "no column is left that the job takes");
    return std::nullopt;
  }
  keep_key(compiled.out);
  compiled.queries.push_back(
      {step_relation(step.number), extend_sql(step.input, {}, reject + " END", gone)});
  return compiled;
}

}  // namespace tidemark
