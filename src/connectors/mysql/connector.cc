#include "connectors/mysql/connector.h"

#include <utility>

#include "connectors/mysql/catalog.h"
#include "connectors/mysql/connection_state.h"
#include "connectors/mysql/sink.h"
#include "connectors/mysql/source.h"
#include "connectors/mysql/type_tables.h"
#include "connectors/mysql/whole_read.h"

namespace tidemark {
namespace {

mysql::ConnectOptions options_of(const ConnectionSpec& connection, const ConnectorContext& context,
                                 mysql::Side side) {
  const auto* config = connection.config.get<MysqlConnection>();
  TM_ASSERT(config != nullptr);
  auto address = mysql::parse_address(config->address);
  TM_ASSERT(address.ok());  // checked when the project was read
  mysql::ConnectOptions options;
  options.address = *std::move(address);
  options.password = config->password;
  options.program = context.application_name;
  options.side = side;
  return options;
}

void protect(mysql::SourceAccess& access, Guard& guard, const std::string& job) {
  access.guard = &guard;
  access.job = job;
  access.options.admit = [&guard, job](Cancel& cancel) { return guard.enter(job, cancel); };
}

// The same for reading: nothing is written, nothing is waited for too long, and the guard has let
// the session in.
mysql::SourceAccess access_of(const ConnectionSpec& connection, const ConnectorContext& context) {
  mysql::SourceAccess access{options_of(connection, context, mysql::Side::source)};
  const GuardSpec& guard = connection.guard;
  access.options.read_only = true;
  access.options.lock_timeout = std::chrono::ceil<std::chrono::seconds>(guard.lock_timeout);
  access.options.statement_timeout = guard.statement_timeout;
  if (context.guards != nullptr)
    protect(access, context.guards->of(connection.name.value), context.job);
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
  const mysql::SourceAccess access = access_of(connection, context);
  for (const std::string& table : tables) {
    Status copied =
        mysql::copy_table(access, table, depth, connection.name.value, context.engine, cancel);
    // Whoever names a table that is not there is told so by the engine, with the place in the job.
    if (copied.ok() || copied.error().code == "mysql.table_missing") continue;
    return std::move(copied).error().with_context("connection `" + connection.name.value + "`");
  }
  return {};
}

}  // namespace

Result<std::vector<StreamSpec>> MysqlConnector::streams(const ConnectionSpec& connection,
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
    return user_error("plan.bad_input", "a MySQL connection reads `table`, `tables` or `query`");
  }
  auto session = mysql::Connection::connect(access_of(connection, context).options, cancel);
  if (!session.ok()) {
    return std::move(session).error().with_context("opening connection `" + connection.name.value +
                                                   "`");
  }
  TM_TRY(const std::vector<mysql::TableName> tables,
         mysql::find_tables(**session, texts(many->tables), texts(many->except), cancel));
  std::vector<StreamSpec> streams;
  for (const mysql::TableName& table : tables) {
    StreamSpec stream{StreamName(table.written()), source};
    stream.source.input = TableInput{{table.written(), source.input_at}};
    streams.push_back(std::move(stream));
  }
  return streams;
}

Result<std::unique_ptr<Source>> MysqlConnector::open_source(const ConnectionSpec& connection,
                                                            const StreamSpec& stream,
                                                            LoadStrategy strategy,
                                                            const ConnectorContext& context,
                                                            Cancel&) const {
  return std::unique_ptr<Source>(std::make_unique<mysql::MysqlSource>(
      access_of(connection, context), stream.source, strategy));
}

Result<std::unique_ptr<Sink>> MysqlConnector::open_sink(const ConnectionSpec& connection,
                                                        const ConnectorContext& context,
                                                        Cancel&) const {
  return std::unique_ptr<Sink>(std::make_unique<mysql::MysqlSink>(
      context.engine, options_of(connection, context, mysql::Side::target)));
}

Status MysqlConnector::attach(const ConnectionSpec& connection,
                              const std::vector<std::string>& tables,
                              const ConnectorContext& context, Cancel& cancel) const {
  TM_CHECK(context.engine.execute("ATTACH IF NOT EXISTS ':memory:' AS " +
                                  duck::quote_name(connection.name.value)));
  return copy_tables(connection, tables, CopyDepth::columns, context, cancel);
}

Status MysqlConnector::refresh(const ConnectionSpec& connection,
                               const std::vector<std::string>& tables,
                               const ConnectorContext& context, Cancel& cancel) const {
  return copy_tables(connection, tables, CopyDepth::rows, context, cancel);
}

Result<ConnectionState> MysqlConnector::state(const ConnectionSpec& connection,
                                              const ConnectorContext& context,
                                              Cancel& cancel) const {
  return mysql::connection_state(access_of(connection, context), cancel);
}

Result<duck::Answer> MysqlConnector::answer(const ConnectionSpec& connection,
                                            const std::string& sql, const ConnectorContext& context,
                                            Cancel& cancel) const {
  return mysql::read_answer(access_of(connection, context), sql, context.engine, cancel);
}

Result<BoundedAnswer> MysqlConnector::ask(const ConnectionSpec& connection,
                                          const Question& question, const ConnectorContext& context,
                                          Guard& guard, Cancel& cancel) const {
  mysql::SourceAccess access = access_of(connection, context);
  protect(access, guard, context.job);
  // It also ends where nobody is left to stop it.
  auto& limit = access.options.statement_timeout;
  if (!limit || *limit > time_at_source(question)) limit = time_at_source(question);
  return mysql::read_some(access, question, context.engine, cancel);
}

ConnectorSpec mysql_connector_spec() {
  ConfigSpec<MysqlConnection> spec(
      "mysql", "A MySQL or MariaDB database, as a source and as a target.",
      "{mysql: host=db.example dbname=shop user=etl, password: \"${env:SHOP_PASSWORD}\"}");
  spec.field(
      "mysql", &MysqlConnection::address, config::text("a connection text"),
      {.required = true,
       .description = "`key=value` pairs without a password: `host` and `port`, or `socket`; "
                      "`dbname`, `user`; `sslmode` (`disable`, `prefer`, `require`, "
                      "`verify-full`; unless it says otherwise `prefer` on this machine, elsewhere "
                      "`verify-full` with `sslrootcert` and `require` without), `sslrootcert`, "
                      "`sslcert`, `sslkey`; `connect_timeout` in seconds, 10 unless it says "
                      "otherwise. A value with blanks stands in single quotes."});
  spec.field("password", &MysqlConnection::password, config::secret(),
             {.description = "The user's password."});
  spec.check([](const MysqlConnection& connection, const YamlNode& node, ReadContext& context) {
    const auto parsed = mysql::parse_address(connection.address);
    if (parsed.ok()) return;
    const YamlNode* place = node.find("mysql");
    context.fault((place == nullptr ? node : *place).at, parsed.error().message,
                  parsed.error().hint);
  });
  return ConnectorSpec::of(
      std::move(spec),
      {.source_keys = {"table", "tables", "except", "query", "watermark", "null_cursor", "columns",
                       "timezone", "allow_seq_scan"},
       .own_sql = true,
       .is_target = true,
       .replaces_rows = false,
       .guard_keys = {"rows_per_second", "bytes_per_second", "connections", "quiet_hours",
                      "timezone", "statement_timeout", "lock_timeout", "scan_limit"},
       .type_tables = &mysql::type_tables});
}

}  // namespace tidemark
