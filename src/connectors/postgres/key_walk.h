// Reads in the order of a key, a page of so many rows after the other: each page ends at the key of
// its last row, which the server is asked for. For windows that an index finds. Free functions and
// values; what asks the server blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/postgres/walk.h"

namespace tidemark::postgres {

// In SQL, and the type that a value's text is cast to.
struct KeyPart {
  std::string sql;
  std::string type;
};

// By `key`, which has an order and no NULL among the rows asked for; behind `from`, as such a walk
// gave it.
Result<std::unique_ptr<Walk>> key_walk(RowsAsked asked, std::vector<KeyPart> key,
                                       const std::optional<Position>& from,
                                       std::int64_t rows_of_page);

// How many rows the server thinks that it would give.
Result<std::int64_t> rows_estimated(Connection& connection, const RowsAsked& asked, Cancel& cancel);

}  // namespace tidemark::postgres
