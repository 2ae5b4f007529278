// SqlCheck: the engine's word on whether a piece of SQL is SQL, without running it.
//
// The layer that has the engine implements it; spec/ translates the offset to file, line and
// column. Used from the thread that loads the project.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

struct SqlFault {
  std::size_t offset = 0;  // in the text, in bytes
  std::string message;     // one sentence, without a position
};

class SqlCheck {
 public:
  virtual ~SqlCheck() = default;
  // One SELECT statement.
  virtual std::optional<SqlFault> check_query(std::string_view text) = 0;
  // One value or condition, as in a select list.
  virtual std::optional<SqlFault> check_expression(std::string_view text) = 0;
};

}  // namespace tidemark
