#include "connectors/duckdb/warehouse.h"

#include <utility>

#include "base/assert.h"
#include "connectors/duckdb/warehouse_file.h"
#include "env/files.h"

namespace tidemark {

namespace {

Result<bool> is_attached(const std::string& name, duck::Connection& engine) {
  // A table of it answers that more cheaply than the list of all that is attached, where it has
  // one.
  if (!engine.in_transaction() &&
      engine.describe("SELECT 1 FROM " + duck::quote_path({name, "main", "tidemark_ledger"})).ok())
    return true;
  TM_TRY(duck::Answer found,
         engine.query("SELECT count(*) FROM duckdb_databases() WHERE lower(database_name) = "
                      "lower($1)",
                      {name}));
  return found.integer(0, 0) > 0;
}

// Of all that the engine may say while it opens a file: what the file itself is the reason of.
bool is_about_the_file(const Error& error) {
  return error.code != "run.cancelled" && error.code != "engine.out_of_memory" &&
         error.code != "engine.binder";
}

Error explain_not_opened(Error error, const std::filesystem::path& path) {
  error = or_disk_full(std::move(error), folder_of(path));
  return error.code == "env.disk_full" ? error : explain_unusable(std::move(error), path);
}

// Those that a process that died was sending rows into.
Status drop_tables_ahead(const std::string& catalog, duck::Connection& engine) {
  TM_TRY(const duck::Answer left,
         engine.query("SELECT schema_name, table_name FROM duckdb_tables() WHERE "
                      "lower(database_name) = lower($1) AND starts_with(table_name, $2)",
                      {catalog, ahead_prefix}));
  for (std::size_t row = 0; row < left.rows(); ++row) {
    const WarehouseTable table{catalog, left.text(row, 0).value_or(""),
                               left.text(row, 1).value_or("")};
    TM_CHECK(engine.execute("DROP TABLE IF EXISTS " + table.quoted()));
  }
  return {};
}

Status open_file(const std::filesystem::path& path, const std::string& name,
                 duck::Connection& engine) {
  TM_CHECK(check_wal(path));
  Status made = make_warehouse(path, engine);
  if (!made.ok()) return explain_not_opened(std::move(made).error(), path);
  TM_TRY(const std::optional<std::filesystem::path> torn, copy_torn_wal(path));
  Status attached =
      engine.execute("ATTACH " + duck::quote_text(path.string()) + " AS " + duck::quote_name(name));
  // Nobody in this process can have begun to fill one, and no other process has the file.
  if (attached.ok()) return drop_tables_ahead(name, engine);
  if (torn) {
    std::error_code ignored;  // a copy of what stands there untouched
    std::filesystem::remove(*torn, ignored);
  }
  Error error = std::move(attached).error();
  return is_about_the_file(error) ? explain_not_opened(std::move(error), path) : error;
}

// Looks only: what is not there is an empty warehouse.
Status open_to_look(const std::filesystem::path& path, const std::string& name,
                    duck::Connection& engine) {
  std::error_code code;
  if (!std::filesystem::exists(path, code))
    return engine.execute("ATTACH ':memory:' AS " + duck::quote_name(name));
  TM_CHECK(check_wal(path));
  Status attached = engine.execute("ATTACH " + duck::quote_text(path.string()) + " AS " +
                                   duck::quote_name(name) + " (READ_ONLY)");
  if (attached.ok() || !is_about_the_file(attached.error())) return attached;
  return explain_unusable(std::move(attached).error(), path);
}

}  // namespace

std::filesystem::path warehouse_path(const DuckdbConnection& config, const ProjectSpec& project) {
  return project.root / config.path;
}

Status attach_warehouse(const ConnectionSpec& connection, const ConnectorContext& context) {
  const auto* config = connection.config.get<DuckdbConnection>();
  TM_ASSERT(config != nullptr);
  const std::string& name = connection.name.value;
  // Before a look at the file: to close it again would drop the engine's lock.
  TM_TRY(const bool attached, is_attached(name, context.engine));
  if (attached) return {};
  const std::filesystem::path path = warehouse_path(*config, context.project);
  Status opened = context.read_only ? open_to_look(path, name, context.engine)
                                    : open_file(path, name, context.engine);
  if (opened.ok()) return opened;
  return std::move(opened).error().with_context("opening the warehouse of connection `" + name +
                                                "`");
}

std::string WarehouseTable::quoted() const {
  return duck::quote_path({catalog, schema, table});
}
std::string WarehouseTable::quoted_schema() const {
  return duck::quote_path({catalog, schema});
}

Result<WarehouseTable> parse_table(const std::string& catalog, const std::string& text) {
  const std::size_t dot = text.find('.');
  WarehouseTable table{catalog, "main", text};
  if (dot != std::string::npos) {
    table.schema = text.substr(0, dot);
    table.table = text.substr(dot + 1);
  }
  if (table.schema.empty() || table.table.empty() || text.find('\0') != std::string::npos) {
    return user_error("spec.bad_table", "`" + text + "` is not a table's name",
                      "write `table` or `schema.table`");
  }
  return table;
}

}  // namespace tidemark
