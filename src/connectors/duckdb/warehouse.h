// The names of a DuckDB warehouse inside the engine: a file attached as a catalog named like its
// connection.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "spec/project_spec.h"

namespace tidemark {

// What `duckdb: warehouse.duckdb` says.
struct DuckdbConnection {
  std::string path;  // relative to the project folder
};

// Attaches the file, once per engine; idempotent. `target.file_held` when another process has it
// open.
Status attach_warehouse(const ConnectionSpec& connection, const ProjectSpec& project,
                        duck::Connection& engine);

// `[schema.]table` of a catalog; the schema is `main` where none is said.
struct WarehouseTable {
  std::string catalog;
  std::string schema;
  std::string table;
  std::string quoted() const;         // "catalog"."schema"."table"
  std::string quoted_schema() const;  // "catalog"."schema"
};
Result<WarehouseTable> parse_table(const std::string& catalog, const std::string& text);

}  // namespace tidemark
