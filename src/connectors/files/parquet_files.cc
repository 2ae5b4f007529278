#include "connectors/files/parquet_files.h"

#include <optional>

#include "connect/expression.h"
#include "connectors/files/records.h"
#include "drivers/duckdb/engine.h"
#include "drivers/duckdb/file_name.h"

namespace tidemark {

namespace {

std::string read_sql(const std::string& files, bool by_name = false) {
  return " FROM read_parquet(" + files + ", hive_partitioning = false" +
         (by_name ? ", union_by_name = true)" : ")");
}

Result<Schema> schema_of_file(duck::Connection& engine, const FilesOptions& options,
                              const std::string& path) {
  const std::string file = duck::quote_file(options.folder / path);
  Result<Schema> schema = engine.describe("SELECT *" + read_sql("[" + file + "]"));
  if (schema.ok()) return schema;
  return source_error(
      "source.bad_file",
      path + ": it is no whole Parquet file: " + plain_message(schema.error().message),
      Retry::never, "deliver the file again, whole");
}

Status check_same(const std::string& path, const Schema& wanted, const Schema& found) {
  if (wanted.names() != found.names()) return header_changed(path, wanted.names(), found.names());
  for (std::size_t i = 0; i < wanted.columns.size(); ++i) {
    if (wanted.columns[i].type == found.columns[i].type) continue;
    return type_changed(path, wanted.columns[i], found.columns[i].type);
  }
  return {};
}

}  // namespace

Error type_changed(const std::string& path, const Column& before, const Type& now) {
  return source_error(
      "source.header_changed",
      path + ": column `" + before.name + "` is " + sql_name(now) +
          ", in the files before it was " + sql_name(before.type),
      Retry::never,
      "write the file with the type of before, or give such files a job of their own");
}

Result<Schema> parquet_schema(duck::Connection& engine, const FilesOptions& options,
                              const std::vector<std::string>& paths, const Schema* wanted) {
  if (!options.columns.empty()) {
    return user_error("source.types_in_file",
                      "`columns` declares types, but Parquet files have their own",
                      "take `columns` out and use a `cast` step");
  }
  std::optional<Schema> schema;
  if (wanted != nullptr) schema = *wanted;
  for (const std::string& path : paths) {
    TM_TRY(Schema found, schema_of_file(engine, options, path));
    if (schema) {
      TM_CHECK(check_same(path, *schema, found));
    } else {
      schema = std::move(found);
    }
  }
  TM_ASSERT(schema.has_value());
  return *schema;
}

EngineScan parquet_scan(const FilesOptions& options, const Schema& schema,
                        const std::vector<std::string>& paths) {
  std::string files = "[";
  for (const std::string& path : paths) {
    if (files.size() > 1) files += ", ";
    files += duck::quote_file(options.folder / path);
  }
  EngineScan scan;
  scan.rows = "SELECT ";
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    scan.rows += (i == 0 ? "" : ", ") + duck::quote_name(schema.columns[i].name);
  }
  scan.rows += read_sql(files + "]", options.any_columns);
  return scan;
}

}  // namespace tidemark
