// How the store's texts and words become PostgreSQL's. Pure; any thread. For this folder only.
#pragma once

#include <string>
#include <string_view>

namespace tidemark::postgres_text {

// `$1`, `$2` for `?`, `?1`. REQUIRES that no literal of `sql` holds a `?`.
std::string numbered(std::string_view sql);
// The words of a migration: INTEGER is 64 bits wide, TEXT compares by its bytes, and how SQLite
// keeps a table falls away.
std::string ddl(std::string_view sql);
// A text that PostgreSQL can hold for any bytes, different for different bytes: UTF-8 without NUL
// is itself, except that each byte 1A, and of other texts each byte that has to be, is 1A and two
// hex digits.
std::string held(std::string_view bytes);
std::string bytes_of(std::string_view held);

}  // namespace tidemark::postgres_text
