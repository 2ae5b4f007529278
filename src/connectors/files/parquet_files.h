// Parquet files: their columns, and the SQL by which the engine reads them. One thread, blocking.
#pragma once

#include <string>
#include <vector>

#include "connect/source.h"
#include "connectors/files/files_source.h"

namespace tidemark {

// The columns that all the files have. `source.bad_file` names a damaged one,
// `source.header_changed` one whose columns or types differ from `wanted` (of an earlier load) or
// from the first file's.
Result<Schema> parquet_schema(duck::Connection& engine, const FilesOptions& options,
                              const std::vector<std::string>& paths, const Schema* wanted);

// `source.header_changed`: the type of one column.
Error type_changed(const std::string& path, const Column& before, const Type& now);

EngineScan parquet_scan(const FilesOptions& options, const Schema& schema,
                        const std::vector<std::string>& paths);

}  // namespace tidemark
