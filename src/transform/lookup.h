// lookup: columns of a dimension, found by key.
//
// What the step needs of the dimension is copied once per run into a temporary table of the engine
// (which spills), so that the check for doubled keys and the join see the same rows. A doubled key
// is a fault before any row is joined, so the step never multiplies rows. A NULL in the row's key
// counts as a missing key; rows of the dimension with a NULL in their key are found by nobody.
#pragma once

#include "transform/step.h"

namespace tidemark {

std::optional<CompiledStep> compile_lookup(const LookupStep& spec, const StepInput& step);
// The path of a table as the engine knows it: `warehouse."mart"."dim"`.
std::string table_path(const TableRef& table);
// `warehouse.mart.dim`, as the user wrote it.
std::string table_label(const TableRef& table);

}  // namespace tidemark
