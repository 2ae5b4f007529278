// rename, select, drop: steps that only pick and name columns. They refuse no row.
#pragma once

#include "transform/step.h"

namespace tidemark {

// Each compiles one step; nothing when a fault was added.
std::optional<CompiledStep> compile_rename(const RenameStep& spec, const StepInput& step);
std::optional<CompiledStep> compile_select(const SelectStep& spec, const StepInput& step);
std::optional<CompiledStep> compile_drop(const DropStep& spec, const StepInput& step);

}  // namespace tidemark
