#include "connectors/postgres/connector.h"

#include <utility>

#include "connectors/postgres/catalog.h"
#include "connectors/postgres/change_sign.h"
#include "connectors/postgres/connection_state.h"
#include "connectors/postgres/sink.h"
#include "connectors/postgres/source.h"
#include "connectors/postgres/source_sessions.h"
#include "connectors/postgres/transaction_watermark.h"
#include "connectors/postgres/type_tables.h"
#include "connectors/postgres/whole_read.h"
#include "spec/guard_yaml.h"

namespace tidemark {
namespace {

std::string milliseconds(std::chrono::milliseconds duration) {
  return std::to_string(duration.count()) + "ms";
}

postgres::ConnectOptions options_of(const ConnectionSpec& connection,
                                    const ConnectorContext& context, postgres::Side side) {
  const auto* config = connection.config.get<PostgresConnection>();
  TM_ASSERT(config != nullptr);
  postgres::ConnectOptions options;
  options.conninfo = config->conninfo;
  options.password = config->password;
  options.application_name = context.application_name;
  options.side = side;
  return options;
}

void protect(postgres::SourceAccess& access, Guard& guard, const std::string& job) {
  access.guard = &guard;
  access.job = job;
  access.options.admit = [&guard, job](Cancel& cancel) { return guard.enter(job, cancel); };
}

// The same for reading: nothing is written, nothing is waited for too long, and the guard has let
// the session in.
postgres::SourceAccess access_of(const ConnectionSpec& connection,
                                 const ConnectorContext& context) {
  postgres::SourceAccess access{options_of(connection, context, postgres::Side::source)};
  const GuardSpec& guard = connection.guard;
  auto& settings = access.options.settings;
  settings = {
      {"default_transaction_read_only", "on"},
      {"lock_timeout", milliseconds(guard.lock_timeout)},
      {"idle_in_transaction_session_timeout", milliseconds(guard.idle_in_transaction_timeout)}};
  if (guard.statement_timeout)
    settings.emplace_back("statement_timeout", milliseconds(*guard.statement_timeout));
  if (context.guards != nullptr)
    protect(access, context.guards->of(connection.name.value), context.job);
  return access;
}

// With the replica that the guard names, for rows.
Result<postgres::SourceAccess> routed_access_of(const ConnectionSpec& connection,
                                                const ConnectorContext& context) {
  postgres::SourceAccess access = access_of(connection, context);
  if (!connection.guard.replica || access.guard == nullptr) return access;
  access.replica = access.options;
  TM_TRY(access.replica->conninfo,
         postgres::merge_conninfo(access.options.conninfo, *connection.guard.replica));
  return access;
}

std::vector<std::string> texts(const std::vector<Name>& names) {
  std::vector<std::string> list;
  for (const Name& name : names)
    list.push_back(name.value);
  return list;
}

Status copy_tables(const ConnectionSpec& connection, const std::vector<std::string>& tables,
                   CopyDepth depth, const ConnectorContext& context, Cancel& cancel) {
  const postgres::SourceAccess access = access_of(connection, context);
  for (const std::string& table : tables) {
    Status copied =
        postgres::copy_table(access, table, depth, connection.name.value, context.engine, cancel);
    // Whoever names a table that is not there is told so by the engine, with the place in the job.
    if (copied.ok() || copied.error().code == "postgres.table_missing") continue;
    return std::move(copied).error().with_context("connection `" + connection.name.value + "`");
  }
  return {};
}

}  // namespace

Result<std::vector<StreamSpec>> PostgresConnector::streams(const ConnectionSpec& connection,
                                                           const SourceSpec& source,
                                                           const ConnectorContext& context,
                                                           Cancel& cancel) const {
  if (const auto* table = std::get_if<TableInput>(&source.input)) {
    return std::vector<StreamSpec>{{StreamName(table->table.value), source}};
  }
  if (std::holds_alternative<QueryInput>(source.input)) {
    return std::vector<StreamSpec>{{StreamName("query"), source}};
  }
  const auto* many = std::get_if<TablesInput>(&source.input);
  if (many == nullptr) {
    return user_error("plan.bad_input",
                      "a PostgreSQL connection reads `table`, `tables` or `query`");
  }
  auto session = postgres::Connection::connect(access_of(connection, context).options, cancel);
  if (!session.ok()) {
    return std::move(session).error().with_context("opening connection `" + connection.name.value +
                                                   "`");
  }
  TM_TRY(const std::vector<postgres::TableName> tables,
         postgres::find_tables(**session, texts(many->tables), texts(many->except), cancel));
  std::vector<StreamSpec> streams;
  for (const postgres::TableName& table : tables) {
    StreamSpec stream{StreamName(postgres::written_name(table)), source};
    stream.source.input = TableInput{{postgres::written_name(table), source.input_at}};
    streams.push_back(std::move(stream));
  }
  return streams;
}

Result<std::unique_ptr<Source>> PostgresConnector::open_source(const ConnectionSpec& connection,
                                                               const StreamSpec& stream,
                                                               LoadStrategy strategy,
                                                               const ConnectorContext& context,
                                                               Cancel& cancel) const {
  TM_TRY(postgres::SourceAccess access, routed_access_of(connection, context));
  auto source =
      std::make_unique<postgres::PostgresSource>(std::move(access), stream.source, strategy);
  source->start_connecting(cancel);
  return std::unique_ptr<Source>(std::move(source));
}

Result<std::unique_ptr<Sink>> PostgresConnector::open_sink(const ConnectionSpec& connection,
                                                           const ConnectorContext& context,
                                                           Cancel&) const {
  return std::unique_ptr<Sink>(std::make_unique<postgres::PostgresSink>(
      context.engine, options_of(connection, context, postgres::Side::target)));
}

Status PostgresConnector::attach(const ConnectionSpec& connection,
                                 const std::vector<std::string>& tables,
                                 const ConnectorContext& context, Cancel& cancel) const {
  TM_CHECK(context.engine.execute("ATTACH IF NOT EXISTS ':memory:' AS " +
                                  duck::quote_name(connection.name.value)));
  return copy_tables(connection, tables, CopyDepth::columns, context, cancel);
}

Status PostgresConnector::refresh(const ConnectionSpec& connection,
                                  const std::vector<std::string>& tables,
                                  const ConnectorContext& context, Cancel& cancel) const {
  return copy_tables(connection, tables, CopyDepth::rows, context, cancel);
}

Result<Preparation> PostgresConnector::prepare(const ConnectionSpec& connection,
                                               const std::string& table, const std::string& column,
                                               bool apply, const ConnectorContext& context,
                                               Cancel& cancel) const {
  auto session = postgres::Connection::connect(
      options_of(connection, context, postgres::Side::source), cancel);
  if (!session.ok()) {
    return std::move(session).error().with_context("opening connection `" + connection.name.value +
                                                   "`");
  }
  TM_TRY(
      const postgres::SourcePreparation wanted,
      postgres::source_preparation(**session, postgres::TableName::parse(table), column, cancel));
  if (apply) TM_CHECK(postgres::apply_preparation(**session, wanted, cancel));
  Preparation preparation;
  if (!wanted.together.empty()) {
    preparation.statements.emplace_back("begin");
    for (const std::string& statement : wanted.together)
      preparation.statements.push_back(statement);
    preparation.statements.emplace_back("commit");
  }
  if (!wanted.index.empty()) preparation.statements.push_back(wanted.index);
  return preparation;
}

Result<ConnectionState> PostgresConnector::state(const ConnectionSpec& connection,
                                                 const ConnectorContext& context,
                                                 Cancel& cancel) const {
  TM_TRY(const postgres::SourceAccess access, routed_access_of(connection, context));
  return postgres::connection_state(access, cancel);
}

Result<std::string> PostgresConnector::change_sign(const ConnectionSpec& connection,
                                                   const std::string& what,
                                                   const std::string& before,
                                                   const ConnectorContext& context,
                                                   Cancel& cancel) const {
  postgres::SourceAccess access = access_of(connection, context);
  if (!connection.guard.statement_timeout)
    access.options.settings.emplace_back("statement_timeout", "10s");
  const postgres::SessionAccess asked{access.options, access.guard, access.job};
  TM_TRY(auto session, postgres::open_session(asked, cancel));
  auto sign = postgres::change_sign(*session, postgres::TableName::parse(what), before, cancel);
  postgres::let_go(asked, std::move(session));
  return sign;
}

Result<duck::Answer> PostgresConnector::answer(const ConnectionSpec& connection,
                                               const std::string& sql,
                                               const ConnectorContext& context,
                                               Cancel& cancel) const {
  return postgres::read_answer(access_of(connection, context), sql, context.engine, cancel);
}

Result<BoundedAnswer> PostgresConnector::ask(const ConnectionSpec& connection,
                                             const Question& question,
                                             const ConnectorContext& context, Guard& guard,
                                             Cancel& cancel) const {
  postgres::SourceAccess access = access_of(connection, context);
  protect(access, guard, context.job);
  // It also ends where nobody is left to stop it.
  const auto& limit = connection.guard.statement_timeout;
  if (!limit || *limit > time_at_source(question))
    access.options.settings.emplace_back("statement_timeout",
                                         milliseconds(time_at_source(question)));
  return postgres::read_some(access, question, context.engine, cancel);
}

ConnectorSpec postgres_connector_spec() {
  ConfigSpec<PostgresConnection> spec(
      "postgres", "A PostgreSQL database, as a source and as a target.",
      "{postgres: host=db.example dbname=shop user=etl, password: \"${env:SHOP_PASSWORD}\"}");
  spec.field(
      "postgres", &PostgresConnection::conninfo, config::text("a connection text"),
      {.required = true,
       .description =
           "`key=value` pairs or a `postgres://` address, as libpq reads them, "
           "without a password. Unless it says otherwise, `connect_timeout` is 10 (seconds), "
           "`keepalives_idle` 30, `keepalives_interval` 10 and "
           "`tcp_user_timeout` 300000 (milliseconds), so a network that went "
           "silent is noticed within five minutes. On another machine `sslmode` is "
           "`verify-full` where `sslrootcert` names a certificate to trust, else `require`."});
  spec.field("password", &PostgresConnection::password, config::secret(),
             {.description = "The user's password."});
  spec.check([](const PostgresConnection& connection, const YamlNode& node, ReadContext& context) {
    const Status checked = postgres::check_conninfo(connection.conninfo);
    if (checked.ok()) return;
    const YamlNode* place = node.find("postgres");
    context.fault((place == nullptr ? node : *place).at, checked.error().message,
                  checked.error().hint);
  });
  return ConnectorSpec::of(
      std::move(spec),
      {.source_keys = {"table", "tables", "except", "query", "watermark", "null_cursor", "columns",
                       "timezone", "allow_seq_scan", "readers", "split_by"},
       .own_sql = true,
       .is_target = true,
       .replaces_rows = true,
       .guard_keys = guard_keys(),
       .watched = "table",
       .type_tables = &postgres::type_tables});
}

}  // namespace tidemark
