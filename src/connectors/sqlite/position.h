// A position of a SQLite stream: the cursor's exact value with its storage class, and the version
// of the file it was seen in, so that an untouched file is known to have nothing new without
// reading it.
#pragma once

#include <string>

#include "base/result.h"
#include "drivers/sqlite/database.h"
#include "model/window.h"

namespace tidemark {

struct SqlitePosition {
  std::string
      literal;  // a SQL literal of the cursor's value: 42, 1.5, 'text'; empty when no row had one
  std::string file_version;
};

Position to_position(const SqlitePosition& position);
Result<SqlitePosition> parse_sqlite_position(const Position& position);
// The value of a column of the current row as a SQL literal that reads back to exactly it.
std::string literal_of(const sqlite::Statement& row, int index);

}  // namespace tidemark
