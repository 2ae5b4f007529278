// SyntaxTree: what the engine's parser says of a SELECT, as far as steps and rules need it.
//
// Nothing is bound, so names are as written. A value; one thread while it is made.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "drivers/json/json.h"

namespace tidemark {

struct ColumnUse {
  std::vector<std::string> path;  // `rows.a` is {rows, a}
  std::size_t offset = 0;         // in bytes
  bool nested = false;            // inside a subquery or a lambda, where other names are known
};

struct SyntaxTree {
  std::optional<duck::SqlProblem> problem;  // when set, nothing else is
  bool plain_select = false;                // not UNION and the like
  std::size_t select_list = 0;
  bool has_from = false;
  bool has_clauses = false;  // WHERE, GROUP BY, HAVING, QUALIFY, WITH, or a modifier
  bool has_alias = false;    // of an entry of the select list
  bool has_star = false;
  bool has_window = false;
  bool has_subquery = false;
  bool has_many_rows = false;          // a function that gives several rows of one: unnest()
  std::vector<std::string> modifiers;  // `ORDER_MODIFIER`, ...
  std::vector<std::string> functions;  // and operators, wherever; the parser writes them small
  std::vector<ColumnUse> columns;
  std::vector<ColumnUse>
      zone_columns;  // those that name the time zone in `timezone(zone, x)`, `x AT TIME ZONE zone`
};

// The parser's own tree of one SELECT, or why the text is none.
struct ParsedSelect {
  std::optional<duck::SqlProblem> problem;
  JsonValue node;  // as json_serialize_sql() of the engine writes it
};
Result<ParsedSelect> parse_to_json(const std::string& sql, duck::Connection& connection);

Result<SyntaxTree> parse_select(const std::string& sql, duck::Connection& connection);

}  // namespace tidemark
