// dedupe: of the rows with one key, only the first by `order` stays; the rest are dropped and
// counted.
//
// Rows equal in the order too are taken as read. A row with a NULL in its key is nobody's double
// and stays. Refused rows take no part.
#pragma once

#include "transform/step.h"

namespace tidemark {

std::optional<CompiledStep> compile_dedupe(const DedupeStep& spec, const StepInput& step);

}  // namespace tidemark
