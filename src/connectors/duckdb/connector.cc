#include "connectors/duckdb/connector.h"

#include "connectors/duckdb/sink.h"
#include "connectors/duckdb/warehouse.h"

namespace tidemark {

Result<std::unique_ptr<Sink>> DuckdbConnector::open_sink(const ConnectionSpec& connection,
                                                         const ConnectorContext& context, Cancel&) const {
  TM_CHECK(attach_warehouse(connection, context.project, context.engine));
  return std::unique_ptr<Sink>(std::make_unique<DuckdbSink>(connection.name.value, context.engine));
}

Status DuckdbConnector::attach(const ConnectionSpec& connection, const std::vector<std::string>&,
                               const ConnectorContext& context, Cancel&) const {
  return attach_warehouse(connection, context.project, context.engine);
}

}  // namespace tidemark
