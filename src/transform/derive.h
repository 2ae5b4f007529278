// derive: new columns, or new values of old ones, from SQL expressions.
//
// Columns are made in the order written; a later one may read an earlier one. An expression that
// fails for a row (a division by zero, a text that is no number) refuses that row under the rule
// `derive NAME`. Where the engine cannot confine a failure to the row (subqueries, windows,
// volatile functions) it stops the run. A window sees the rows that nothing refused before.
#pragma once

#include "transform/step.h"

namespace tidemark {

std::optional<CompiledStep> compile_derive(const DeriveStep& spec, const StepInput& step);

}  // namespace tidemark
