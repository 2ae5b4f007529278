// The rows of a DuckDB table or SELECT, or of Parquet files, as canonical values.
#pragma once

#include <string>

#include "canonical.h"

namespace tidemark::bench {

// The text of TableSum, of a database file that nobody else has open, or of none where it is empty.
// Ends the process with a message where it cannot, also for a type that has no canonical value.
std::string duckdb_sum(const std::string& file, const std::string& table_or_select);
// SELECT of one file, or of all `*.parquet` of a folder and those below it.
std::string parquet_select(const std::string& path);
// The number of rows alone, which costs next to nothing. `file` may be empty: no database.
std::int64_t duckdb_count(const std::string& file, const std::string& table_or_select);

}  // namespace tidemark::bench
