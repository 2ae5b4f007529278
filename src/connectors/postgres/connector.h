// PostgresConnector: a PostgreSQL database as a source of tables and queries, and as a target.
//
// Immutable, shared by all threads; connects to nothing before a call needs it.
#pragma once

#include <string>

#include "base/secret.h"
#include "connect/connector.h"
#include "connect/question.h"
#include "spec/connector_catalog.h"

namespace tidemark {

// What `postgres: host=db.example dbname=shop user=etl` says.
struct PostgresConnection {
  std::string conninfo;
  Secret password;
};

class PostgresConnector : public Connector, public Asked {
 public:
  std::string_view name() const override { return "postgres"; }
  bool is_source() const override { return true; }
  bool is_sink() const override { return true; }
  // A stream of a job over many tables is named `schema.table`.
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
  // A column of type xid8 with a trigger and an index.
  Result<Preparation> prepare(const ConnectionSpec& connection, const std::string& table,
                              const std::string& column, bool apply,
                              const ConnectorContext& context, Cancel& cancel) const override;
  // PostgreSQL runs the query, so that names, functions and values are its own.
  Result<ConnectionState> state(const ConnectionSpec& connection, const ConnectorContext& context,
                                Cancel& cancel) const override;
  // By what the server counts, see change_sign.h.
  Result<std::string> change_sign(const ConnectionSpec& connection, const std::string& what,
                                  const std::string& before, const ConnectorContext& context,
                                  Cancel& cancel) const override;
  Result<duck::Answer> answer(const ConnectionSpec& connection, const std::string& sql,
                              const ConnectorContext& context, Cancel& cancel) const override;
  Result<BoundedAnswer> ask(const ConnectionSpec& connection, const Question& question,
                            const ConnectorContext& context, Guard& guard,
                            Cancel& cancel) const override;
};

// What tidemark.yaml may say of a `postgres:` connection.
ConnectorSpec postgres_connector_spec();

}  // namespace tidemark
