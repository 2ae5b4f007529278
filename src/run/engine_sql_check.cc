#include "run/engine_sql_check.h"

namespace tidemark {

std::optional<SqlFault> EngineSqlCheck::check_query(std::string_view text) {
  return check(std::string(text), 0);
}

std::optional<SqlFault> EngineSqlCheck::check_expression(std::string_view text) {
  static const std::string before = "SELECT (";
  // The line break ends a comment at the end of the text.
  return check(before + std::string(text) + "\n)", before.size());
}

std::optional<SqlFault> EngineSqlCheck::check(const std::string& sql, std::size_t skip) {
  auto problem = engine_.check_syntax(sql);
  if (!problem) return std::nullopt;
  return SqlFault{problem->offset > skip ? problem->offset - skip : 0, problem->message};
}

}  // namespace tidemark
