#include "connectors/duckdb/connector.h"

#include <filesystem>

#include "connect/question.h"
#include "connect/table_source.h"
#include "connectors/duckdb/confined_select.h"
#include "connectors/duckdb/sink.h"
#include "connectors/duckdb/type_tables.h"
#include "connectors/duckdb/warehouse.h"

namespace tidemark {

Result<std::unique_ptr<Sink>> DuckdbConnector::open_sink(const ConnectionSpec& connection,
                                                         const ConnectorContext& context,
                                                         Cancel&) const {
  TM_CHECK(attach_warehouse(connection, context));
  const auto* config = connection.config.get<DuckdbConnection>();
  return std::unique_ptr<Sink>(std::make_unique<DuckdbSink>(
      connection.name.value, warehouse_path(*config, context.project), context.engine));
}

Status DuckdbConnector::attach(const ConnectionSpec& connection, const std::vector<std::string>&,
                               const ConnectorContext& context, Cancel&) const {
  return attach_warehouse(connection, context);
}

Result<ConnectionState> DuckdbConnector::state(const ConnectionSpec& connection,
                                               const ConnectorContext& context, Cancel&) const {
  TM_CHECK(attach_warehouse(connection, context));
  const auto* config = connection.config.get<DuckdbConnection>();
  const std::filesystem::path path = warehouse_path(*config, context.project);
  std::error_code code;
  const bool is_there = std::filesystem::exists(path, code);
  return ConnectionState{{{"file", path.string() + (is_there ? "" : ", made at the first load")}},
                         {}};
}

Result<BoundedAnswer> DuckdbConnector::ask(const ConnectionSpec& connection,
                                           const Question& question,
                                           const ConnectorContext& context, Guard&,
                                           Cancel& cancel) const {
  duck::Connection& engine = context.engine;
  const std::string& warehouse = connection.name.value;
  TM_CHECK(attach_warehouse(connection, context));
  // It ends with the connection, which is the question's own.
  TM_CHECK(engine.execute("BEGIN TRANSACTION READ ONLY"));
  TM_CHECK(check_confined(question.sql, warehouse, engine));
  TM_CHECK(engine.execute("USE " + duck::quote_name(warehouse)));
  const std::string select = without_semicolon(question.sql);
  TM_TRY(const Schema schema, engine.describe(select));
  Cancel stop(cancel);
  return read_bounded(select, schema, question, engine, stop);
}

ConnectorSpec duckdb_connector_spec() {
  ConfigSpec<DuckdbConnection> spec("duckdb", "A DuckDB database file as a warehouse.",
                                    "{duckdb: warehouse.duckdb}");
  spec.field("duckdb", &DuckdbConnection::path, config::text("a path"),
             {.required = true,
              .description = "The file, relative to the project's folder; made at the first load. "
                             "While Tidemark runs, "
                             "no other process can open it."});
  return ConnectorSpec::of(
      std::move(spec), {.source_keys = {}, .is_target = true, .type_tables = &duckdb_type_tables});
}

}  // namespace tidemark
