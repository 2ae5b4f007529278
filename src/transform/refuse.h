// refuse: rows with a value in a column that the job does not take; the column goes.
#pragma once

#include "transform/step.h"

namespace tidemark {

std::optional<CompiledStep> compile_refuse(const RefuseStep& spec, const StepInput& step);

}  // namespace tidemark
