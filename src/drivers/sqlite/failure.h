// Failures of SQLite as Errors, classified by extended result code and errno. For this folder only.
#pragma once

#include <string_view>

#include "base/error.h"
#include "drivers/sqlite/database.h"

namespace tidemark::sqlite {

// `text` is SQLite's own message; `system_error` the errno of its last failed system call, 0 for
// none.
Error classify(int extended_code, int system_error, std::string_view text, std::string_view action,
               const OpenOptions& options);

}  // namespace tidemark::sqlite
