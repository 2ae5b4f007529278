#include "app/registrations.h"

#include <memory>

#include "connectors/duckdb/connector.h"
#include "connectors/files/files_connector.h"
#include "connectors/mysql/connector.h"
#include "connectors/postgres/connector.h"
#include "connectors/sqlite/source.h"

namespace tidemark {

void register_connectors(ConnectorCatalog& catalog, ConnectorRegistry& registry) {
  auto add = [&](ConnectorSpec spec, std::unique_ptr<Connector> connector) {
    catalog.add(std::move(spec));
    registry.add(std::move(connector));
  };
  add(files_connector_spec(), std::make_unique<FilesConnector>());
  add(postgres_connector_spec(), std::make_unique<PostgresConnector>());
  add(mysql_connector_spec(), std::make_unique<MysqlConnector>());
  add(sqlite_connector_spec(), std::make_unique<SqliteConnector>());
  add(duckdb_connector_spec(), std::make_unique<DuckdbConnector>());
}

}  // namespace tidemark
