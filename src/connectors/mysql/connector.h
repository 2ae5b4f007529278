// MysqlConnector: a MySQL or MariaDB database as a source of tables and queries, and as a target.
//
// Immutable, shared by all threads; connects to nothing before a call needs it.
#pragma once

#include <string>

#include "base/secret.h"
#include "connect/connector.h"
#include "connect/question.h"
#include "spec/connector_catalog.h"

namespace tidemark {

// What `mysql: host=db.example dbname=shop user=etl` says.
struct MysqlConnection {
  std::string address;
  Secret password;
};

class MysqlConnector : public Connector, public Asked {
 public:
  std::string_view name() const override { return "mysql"; }
  bool is_source() const override { return true; }
  bool is_sink() const override { return true; }
  // A stream of a job over many tables is named `database.table`.
  Result<std::vector<StreamSpec>> streams(const ConnectionSpec& connection,
                                          const SourceSpec& source, const ConnectorContext& context,
                                          Cancel& cancel) const override;
  Result<std::unique_ptr<Source>> open_source(const ConnectionSpec& connection,
                                              const StreamSpec& stream, LoadStrategy strategy,
                                              const ConnectorContext& context,
                                              Cancel& cancel) const override;
  Result<std::unique_ptr<Sink>> open_sink(const ConnectionSpec& connection,
                                          const ConnectorContext& context,
                                          Cancel& cancel) const override;
  // Tables of an in-memory database of the engine: empty at first, so that a plan reads no rows and
  // a run without news none either; refresh() copies each of them whole.
  bool attaches_copies() const override { return true; }
  Status attach(const ConnectionSpec& connection, const std::vector<std::string>& tables,
                const ConnectorContext& context, Cancel& cancel) const override;
  Status refresh(const ConnectionSpec& connection, const std::vector<std::string>& tables,
                 const ConnectorContext& context, Cancel& cancel) const override;
  // MySQL runs the query, so that names, functions and values are its own.
  Result<ConnectionState> state(const ConnectionSpec& connection, const ConnectorContext& context,
                                Cancel& cancel) const override;
  Result<duck::Answer> answer(const ConnectionSpec& connection, const std::string& sql,
                              const ConnectorContext& context, Cancel& cancel) const override;
  Result<BoundedAnswer> ask(const ConnectionSpec& connection, const Question& question,
                            const ConnectorContext& context, Guard& guard,
                            Cancel& cancel) const override;
};

// What tidemark.yaml may say of a `mysql:` connection.
ConnectorSpec mysql_connector_spec();

}  // namespace tidemark
