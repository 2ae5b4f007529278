// The warehouse's part of the page of type mappings, asked from the rule that loads check
// (connect/fit.h). Pure.
#pragma once

#include <vector>

#include "spec/type_table.h"

namespace tidemark {

std::vector<TypeTable> duckdb_type_tables();

}  // namespace tidemark
