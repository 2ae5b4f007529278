#include "transform/query.h"

namespace tidemark {

std::optional<CompiledStep> compile_query(const SqlStep& spec, const StepInput& step) {
  const auto out = bind_query(spec.query, step.in, step.connection, step.faults);
  if (!out) return std::nullopt;
  Schema seen;
  bool good = true;
  for (const Column& column : out->columns) {
    const Name name{column.name, spec.query.locate(0)};
    if (!require_free({step.in, step.input, step.number, step.at, spec.query.file, step.connection,
                       step.faults},
                      seen, name)) {
      good = false;
    }
    seen.columns.push_back(column);
  }
  if (!good) return std::nullopt;
  CompiledStep compiled;
  compiled.number = step.number;
  compiled.kind = "sql";
  compiled.label = spec.query.file == step.file ? "sql" : "sql " + spec.query.file;
  compiled.out = *out;
  compiled.queries.push_back({step_relation(step.number), spec.query.text});
  compiled.is_query = true;
  return compiled;
}

}  // namespace tidemark
