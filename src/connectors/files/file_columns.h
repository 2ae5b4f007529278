// The columns of files that come after a load, beside the columns of that load. Blocking; one
// thread.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "connectors/files/files_source.h"

namespace tidemark {

// The columns of `pinned` that any of the files has, then those that it lacks, their types found
// from these files. A file that has new columns and lacks others may be another kind of file, and
// is `source.header_changed`; so is a Parquet file with another type. JSON objects need not have
// every key, so there nothing is missing.
Result<Schema> columns_after(duck::Connection& engine, const FilesOptions& options,
                             const Schema& pinned, const std::vector<std::string>& paths,
                             Cancel& cancel);

// Whether any of the files has one of the columns. CSV and Parquet say so without their rows.
Result<bool> any_has(duck::Connection& engine, const FilesOptions& options, const Schema& pinned,
                     const std::vector<std::string>& paths, const std::vector<std::string>& columns,
                     Cancel& cancel);

}  // namespace tidemark
