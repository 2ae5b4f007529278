#include "connectors/duckdb/warehouse.h"

#include "base/assert.h"

namespace tidemark {

Status attach_warehouse(const ConnectionSpec& connection, const ConnectorContext& context) {
  const auto* config = connection.config.get<DuckdbConnection>();
  TM_ASSERT(config != nullptr);
  const std::filesystem::path path = context.project.root / config->path;
  std::string file = path.string();
  std::string options;
  if (context.read_only) {
    std::error_code code;
    if (std::filesystem::exists(path, code)) {
      options = " (READ_ONLY)";
    } else {
      file = ":memory:";
    }
  }
  auto attached = context.engine.execute("ATTACH IF NOT EXISTS " + duck::quote_text(file) + " AS " +
                                         duck::quote_name(connection.name.value) + options);
  if (attached.ok()) return {};
  Error error = std::move(attached).error();
  if (error.code == "engine.io") {
    error.code = "target.file_unusable";
    error.fault = Fault::target;
    error.hint = "close the program that has " + path.string() +
                 " open (the message names its process), or mend the path and its rights; nothing "
                 "was changed";
  }
  return std::move(error).with_context("opening the warehouse of connection `" +
                                       connection.name.value + "`");
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
