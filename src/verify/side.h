// Side: one of the two sets of rows that are compared, as relations of the engine that can be
// scanned again and again.
//
// Owned by one comparison, used from its thread with its engine connection, which is in no
// transaction. Blocking.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "connect/sink.h"
#include "connect/source.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

class Side {
 public:
  // Takes a relation, for FROM, and is called once or more: together they have each row once.
  using Use = std::function<Status(const std::string& relation)>;
  virtual ~Side() = default;
  // Rows of the ranges, at least; none: all.
  virtual Status scan(const std::vector<RowRange>& ranges, const Use& use, Cancel& cancel) = 0;
};

// The rows of a window as the source has them now. A row that cannot be read is in neither side: it
// stands in the quarantine. The source outlives the side.
std::unique_ptr<Side> source_side(Source& source, Window window, duck::Connection& engine);
// A target's rows, in the columns and types of `schema`: what does not fit a type is NULL there.
Result<std::unique_ptr<Side>> target_side(TargetRows rows, const Schema& schema,
                                          duck::Connection& engine, Cancel& cancel);
// A table of the engine.
std::unique_ptr<Side> engine_side(std::string relation);

}  // namespace tidemark
