// A stream read to its end, as a run does it: discover, upper, split, open each, verify. For tests.
#pragma once

#include <string>
#include <vector>

#include "connect/source.h"
#include "drivers/duckdb/engine.h"

namespace tidemark::conformance {

struct StreamRead {
  Schema schema;
  WindowBound bound;
  std::vector<std::string> rows;     // as the engine prints them: `1|NULL`, in the order read
  std::vector<std::string> refused;  // `column: reason`
};

// The rows of a relation or query in FROM, as the engine prints them.
Result<std::vector<std::string>> print_rows(duck::Connection& engine, const std::string& from);

Result<StreamRead> read_stream(Source& source, duck::Connection& engine, const Progress& progress,
                               Cancel& cancel);

}  // namespace tidemark::conformance
