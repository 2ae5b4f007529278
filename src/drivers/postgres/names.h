// The only functions that put names and texts into SQL for PostgreSQL. Pure, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidemark::postgres {

// `"a""b"`. REQUIRES no NUL, which PostgreSQL has in no name.
std::string quote_name(std::string_view name);
// `t."a", t."b"` with the prefix `t.`
std::string quote_list(const std::vector<std::string>& names, std::string_view prefix = {});
// `'it''s'`, or ` E'..'` when a backslash is in it, so that standard_conforming_strings does not
// matter.
std::string quote_text(std::string_view text);

// A table as a project names it: `table` or `schema.table`, each part as is or in double quotes.
// The case is kept as written: a project names what is there, and PostgreSQL's folding would
// surprise.
struct TableName {
  std::string schema;  // empty: found by the session's search_path
  std::string table;
  static TableName parse(std::string_view text);
  // Quoted, for SQL.
  std::string sql() const;
  // `schema.table`, for people.
  std::string show() const;
  friend bool operator==(const TableName&, const TableName&) = default;
};

}  // namespace tidemark::postgres
