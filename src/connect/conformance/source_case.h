// The suite of sources: what every source does alike, shown once for all of them.
//
// A connector's test writes a SourceWorld, a stream of its own for each case, whose table or file
// has a hostile name, and instantiates the suite with its SourceKind. The cases stand in
// source_reads.cc. For tests only; one thread.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connect/conformance/read_stream.h"
#include "connect/source.h"
#include "drivers/duckdb/engine.h"
#include "spec/job_spec.h"

namespace tidemark::conformance {

// A stream without rows, gone when destroyed.
class SourceWorld {
 public:
  virtual ~SourceWorld() = default;
  // The engine that reads.
  virtual duck::Connection& engine() = 0;
  // Adds the rows of a query in the engine's SQL, in its order; the first call says the columns.
  virtual void add(const std::string& select) = 0;
  // `watermark` is a column, or empty.
  virtual std::unique_ptr<Source> open(LoadStrategy strategy, const std::string& watermark) = 0;
};

struct SourceKind {
  std::function<std::unique_ptr<SourceWorld>()> make;
  // Quirks.
  std::vector<std::string> values;  // in the engine's SQL: what it can hold, each type and its ends
  bool holds_newest = true;         // rows at the newest cursor wait for the next window
  bool describes_empty = true;      // columns are known without rows
};

// What a case starts with: an empty stream.
class SourceReads : public ::testing::TestWithParam<SourceKind> {
 protected:
  SourceReads();

  // A whole read by a Source of its own. A failure ends the case.
  StreamRead read(LoadStrategy strategy, const std::string& watermark = {},
                  const Progress& progress = {});
  // The rows of a query in the engine's SQL, printed like those that are read.
  std::vector<std::string> print(const std::string& select);

  Cancel cancel_;
  std::unique_ptr<SourceWorld> world_;
};

// Parameters for INSTANTIATE_TEST_SUITE_P. A program that names it has the cases linked in.
std::vector<SourceKind> source_reads(std::vector<SourceKind> kinds);

// A text with what could end a name or a text early.
inline constexpr const char* hostile = "it's \"a; drop -- é.b";

}  // namespace tidemark::conformance
