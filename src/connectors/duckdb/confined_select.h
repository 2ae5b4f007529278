// What a SELECT of somebody may touch who may look at one warehouse and no more.
//
// The engine runs the project's jobs too, so it cannot be closed to files and other databases as a
// whole. A SELECT is read before it is bound, and whatever is not known to stay in the warehouse is
// refused: each table it names must be there, table functions are of a short list, and all other
// functions are the engine's own. What a view of the warehouse reads is its maker's business.
#pragma once

#include <string>

#include "base/result.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

// `query.not_confined`, `engine.no_select`. REQUIRES that `engine` does not use the warehouse yet
// (`USE`), whose macros would stand for the functions that are asked with here, and that the SELECT
// is run in the same transaction, so that its tables are those that were seen.
Status check_confined(const std::string& sql, const std::string& warehouse,
                      duck::Connection& engine);

}  // namespace tidemark
