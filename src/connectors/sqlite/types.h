// How a declared SQLite type is staged, and which stored values it can hold exactly.
//
// SQLite keeps the type with each value, not with the column: a column declared INTEGER may hold
// text. A value that its column's Type cannot hold exactly rejects its row.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/sqlite/database.h"
#include "model/batch.h"
#include "model/type.h"
#include "spec/type_table.h"

namespace tidemark {

// One line of the type map, for code, tests and the reference page.
struct SqliteTypeRule {
  std::string_view declared;  // a word in the declared type, upper case; empty matches any other
  TypeKind staged;
  std::string_view holds;
};
const std::vector<SqliteTypeRule>& sqlite_type_rules();

// Whether a job's `columns:` may ask for this type instead.
bool can_read_sqlite_as(const Type& type);
// The part of the page of type mappings.
std::vector<TypeTable> sqlite_type_tables();

// The staged type of a column by its declared type.
Type staged_type(std::string_view declared);

// Writes column `index` of the statement's row. Returns why the value cannot be held, or nothing.
std::optional<std::string> write_value(const sqlite::Statement& row, int index, const Type& type,
                                       ColumnWriter& column, std::size_t at);

}  // namespace tidemark
