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
  // Takes a relation, for FROM of a statement of that connection, and is called once or more:
  // together they have each row once, those that gave an error left out.
  using Use = std::function<Status(duck::Connection& engine, const std::string& relation)>;
  virtual ~Side() = default;
  // With `all`, where the source has several, `use` is called from several threads; else on the
  // caller's.
  enum class Readers { one, all };
  // Rows of the ranges, at least; none: all.
  virtual Status scan(const std::vector<RowRange>& ranges, Readers readers, const Use& use,
                      Cancel& cancel) = 0;
};

// Where sides are scanned: the connection of the comparison's thread, and the engine that gives
// others. Both outlive the sides.
struct SideEngine {
  duck::Engine& engine;
  duck::Connection& connection;
};

// The rows of a window as the source has them now. A row that cannot be read is in neither side: it
// stands in the quarantine. The source outlives the side.
std::unique_ptr<Side> source_side(Source& source, Window window, const SideEngine& engine);
// A target's rows, in the columns and types of `schema`: what does not fit a type is NULL there. A
// column that is kept in a wider type gets that in `schema`, so that it is not rounded; but not one
// of `place` whose ranges could not be asked for then.
Result<std::unique_ptr<Side>> target_side(TargetRows rows, Schema& schema,
                                          const std::vector<std::string>& place,
                                          const SideEngine& engine, Cancel& cancel);
// Rows of the columns of `present`, each in the type that `wanted` has for it, which can hold it.
std::unique_ptr<Side> widened_side(std::unique_ptr<Side> rows, const Schema& present,
                                   const Schema& wanted);
// A relation of the connection, such as a table.
std::unique_ptr<Side> engine_side(std::string relation, duck::Connection& engine);

}  // namespace tidemark
