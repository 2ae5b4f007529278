#include "cli/refused_rows.h"

#include <fmt/format.h>

#include <string_view>

#include "connect/expression.h"

#include "drivers/duckdb/file_name.h"
#include "quality/row_edits.h"

namespace tidemark {

namespace {

constexpr const char* table_name = "tidemark_quarantine";

Result<std::string> copy_options(const std::string& file) {
  const auto ends_with = [&](std::string_view ending) { return file.ends_with(ending); };
  if (ends_with(".csv")) return std::string("(FORMAT csv, HEADER)");
  if (ends_with(".json") || ends_with(".jsonl")) return std::string("(FORMAT json)");
  if (ends_with(".parquet")) return std::string("(FORMAT parquet)");
  return user_error("user.export_format", "the ending of `" + file + "` names no format",
                    "write a file that ends in .csv, .jsonl or .parquet");
}

}  // namespace

Result<RefusedRows> RefusedRows::find(Workspace& workspace, const JobSpec& job, Cancel& cancel) {
  const std::string& connection = job.to.connection.value;
  TM_TRY(auto engine, workspace.attach(connection, {table_name}, cancel));
  const Schema schema = quarantine_schema();
  const std::string columns = duck::quote_list(schema.names());
  TM_TRY(duck::Answer table,
         engine->query("SELECT schema_name FROM duckdb_tables() WHERE database_name = $1 AND "
                       "table_name = $2",
                       {connection, table_name}));
  std::string relation = "SELECT * FROM " + no_rows(schema);
  if (table.rows() > 0) {
    relation +=
        fmt::format(" UNION ALL SELECT {} FROM {} WHERE job = {} AND resolved_at IS NULL", columns,
                    duck::quote_path({connection, table.text(0, 0).value_or(""), table_name}),
                    duck::quote_text(job.name.get()));
  }
  TM_TRY(std::vector<std::filesystem::path> files, workspace.refused_files(job.name));
  for (const std::filesystem::path& file : files) {
    relation +=
        fmt::format(" UNION ALL SELECT {} FROM read_parquet({})", columns, duck::quote_file(file));
  }
  return RefusedRows(std::move(engine), "(" + relation + ")");
}

Result<std::int64_t> RefusedRows::count() {
  return engine_->count("SELECT count(*) FROM " + relation_);
}

Result<duck::Answer> RefusedRows::newest(int limit) {
  return engine_->query(
      "SELECT rule, column_name, message, locator, coalesce(payload, raw::VARCHAR) AS payload, "
      "stream, run_id, refused_at, " +
      row_id_sql("job") + " AS id FROM " + relation_ +
      " ORDER BY refused_at DESC, stream, rule, locator LIMIT " + std::to_string(limit));
}

Result<std::int64_t> RefusedRows::write(const std::string& file) {
  TM_TRY(const std::string options, copy_options(file));
  TM_CHECK(engine_->execute("COPY (FROM " + relation_ +
                            " ORDER BY refused_at, stream, rule, locator) TO " +
                            duck::quote_text(file) + " " + options));
  return count();
}

}  // namespace tidemark
