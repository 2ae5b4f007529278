// The only functions that put names and texts into SQL for MySQL. Pure, any thread.
//
// They hold for sessions of Connection, whose sql_mode has neither ANSI_QUOTES nor
// NO_BACKSLASH_ESCAPES.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidemark::mysql {

// `a``b` in backticks. REQUIRES no NUL, which MySQL has in no name.
std::string quote_name(std::string_view name);
// The names with `prefix` before each, e.g. `t.`
std::string quote_list(const std::vector<std::string>& names, std::string_view prefix = {});
// `'it\'s'`; any bytes.
std::string quote_text(std::string_view text);
// The same appended to `sql`, for rows of a load.
void append_text(std::string& sql, std::string_view text);

// A table as a project names it: `table` or `database.table`, each part as is, in double quotes or
// in backticks.
struct TableName {
  std::string database;  // empty: the connection's own
  std::string table;
  static TableName parse(std::string_view text);
  // Quoted, for SQL.
  std::string sql() const;
  // `database.table`, for people.
  std::string show() const;
  // As parse() reads it back.
  std::string written() const;
  friend bool operator==(const TableName&, const TableName&) = default;
};

}  // namespace tidemark::mysql
