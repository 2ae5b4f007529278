// Engine errors as our Errors, classified by the engine's error type. Private to this folder.
#pragma once

#include <duckdb.h>

#include "base/error.h"

namespace tidemark::duck {

Error engine_error(duckdb_error_type type, const char* message);
// Of a message that comes without its type, by the words that it begins with.
duckdb_error_type error_type_of(const char* message);

}  // namespace tidemark::duck
