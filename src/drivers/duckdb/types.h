// Between model Types and the engine's logical types. Private to this folder.
#pragma once

#include <string>

#include "drivers/duckdb/handles.h"
#include "model/type.h"

namespace tidemark::duck {

// REQUIRES a kind other than `engine`.
TypeHandle to_logical(const Type& type);
Type from_logical(duckdb_logical_type logical);
// One value of a vector as the engine prints it. REQUIRES a valid row.
std::string print_value(duckdb_vector vector, duckdb_logical_type logical, idx_t row);

}  // namespace tidemark::duck
