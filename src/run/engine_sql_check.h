// EngineSqlCheck: SQL of the project's files is checked by the engine's own parser, without running
// it. Borrows a connection of the engine; one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/duckdb/engine.h"
#include "spec/sql_check.h"

namespace tidemark {

class EngineSqlCheck final : public SqlCheck {
 public:
  explicit EngineSqlCheck(duck::Connection& engine) : engine_(engine) {}
  std::optional<SqlFault> check_query(std::string_view text) override;
  std::optional<SqlFault> check_expression(std::string_view text) override;

 private:
  std::optional<SqlFault> check(const std::string& sql, std::size_t skip);

  duck::Connection& engine_;
};

}  // namespace tidemark
