// Walk: the statements by which one reader reads its split, one after the other, so that a read
// that dies can be gone on with between two of them.
//
// That holds where every change of a row takes it out of the window: what was read stays true, and
// what moved meanwhile, from a part that is not read yet into one that is, comes with the next
// window. One reader's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "connect/source.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// One statement, and where the next one begins, if the read can be gone on with there.
struct Leg {
  std::string select;
  std::optional<Position> after = {};
};

class Walk {
 public:
  virtual ~Walk() = default;
  // In the reader's transaction, no statement running. Nothing at the end.
  virtual Result<std::optional<Leg>> next(Connection& connection, Cancel& cancel) = 0;
};

std::unique_ptr<Walk> one_leg(std::string select);

// What a stream's rows are asked by: `columns` and `relation` in SQL, `condition` empty for all.
struct RowsAsked {
  std::string columns;
  std::string relation;
  std::string condition;

  std::string select() const { return select_where({}); }
  // Of those rows, the ones that `more` is true of.
  std::string select_where(const std::string& more) const;
};

}  // namespace tidemark::postgres
