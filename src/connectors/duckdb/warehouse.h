// The names of a DuckDB warehouse inside the engine: a file attached as a catalog named like its
// connection.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "connect/connector.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

// What `duckdb: warehouse.duckdb` says.
struct DuckdbConnection {
  std::string path;  // relative to the project folder
};

std::filesystem::path warehouse_path(const DuckdbConnection& config, const ProjectSpec& project);

// Of tables that runs fill while they read their source (load_ahead.h).
inline constexpr const char* ahead_prefix = "_tidemark_ahead_";

// Attaches the file, once per engine; idempotent. Drops what a process that died was filling. Makes
// it when it is missing, except for a read-only context, which sees an empty warehouse then.
// `target.file_unusable` when another process has it open or the file cannot be used; then nothing
// was changed.
Status attach_warehouse(const ConnectionSpec& connection, const ConnectorContext& context);

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
