// The rows of a PostgreSQL table or SELECT as canonical values, by COPY BINARY.
#pragma once

#include <string>

#include "canonical.h"

namespace tidemark::bench {

enum class CharBlanks {
  keep,
  ignore,  // char(n) without the blanks that PostgreSQL pads it with
};

// The text of TableSum. Connects as libpq's variables say. Ends the process with a message where it
// cannot, also for a type that has no canonical value.
std::string postgres_sum(const std::string& table_or_select, CharBlanks blanks);

}  // namespace tidemark::bench
