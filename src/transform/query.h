// sql: a whole SELECT of the user over the relation `rows`.
//
// `rows` has the visible columns of the rows that nothing refused before. The rows of the result
// are new rows: their address is their place in the result, and that is what a later refusal shows
// as the original.
#pragma once

#include "transform/step.h"

namespace tidemark {

std::optional<CompiledStep> compile_query(const SqlStep& spec, const StepInput& step);

}  // namespace tidemark
