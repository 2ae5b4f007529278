// The `duckdb` connector: a warehouse file as a target, and as a place for lookups, rules and
// queries.
#pragma once

#include "connect/connector.h"
#include "connect/question.h"
#include "spec/connector_catalog.h"

namespace tidemark {

class DuckdbConnector : public Connector, public Asked {
 public:
  std::string_view name() const override { return "duckdb"; }
  bool is_source() const override { return false; }
  bool is_sink() const override { return true; }
  Result<std::unique_ptr<Sink>> open_sink(const ConnectionSpec& connection,
                                          const ConnectorContext& context,
                                          Cancel& cancel) const override;
  Status attach(const ConnectionSpec& connection, const std::vector<std::string>& tables,
                const ConnectorContext& context, Cancel& cancel) const override;
  Result<ConnectionState> state(const ConnectionSpec& connection, const ConnectorContext& context,
                                Cancel& cancel) const override;
  Result<BoundedAnswer> ask(const ConnectionSpec& connection, const Question& question,
                            const ConnectorContext& context, Guard& guard,
                            Cancel& cancel) const override;
};

// What tidemark.yaml may say of a `duckdb:` connection.
ConnectorSpec duckdb_connector_spec();

}  // namespace tidemark
