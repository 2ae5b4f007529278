#include "store/postgres_look.h"

#include "drivers/postgres/connection.h"
#include "store/postgres_session.h"

namespace tidemark {

Result<bool> has_postgres_store(const PostgresStoreOptions& options) {
  const auto ask = [&]() -> Result<bool> {
    postgres::ConnectOptions session;
    session.conninfo = options.conninfo;
    session.password = options.password;
    session.application_name = "tidemark store look";
    session.side = postgres::Side::target;
    Cancel none;
    TM_TRY(const auto connection, postgres::Connection::connect(session, none));
    TM_TRY(const postgres::Rows found,
           connection->query("select exists (select from pg_catalog.pg_class c join "
                             "pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname "
                             "= $1 and c.relname = 'etl_runs')",
                             {options.schema}, none));
    return found.boolean(0, 0);
  };
  auto there = ask();
  if (!there.ok()) return store_error(std::move(there).error());
  return there;
}

Result<std::string> postgres_identity(SqlDatabase& database) {
  std::string identity;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    TM_TRY(auto rows, session.prepare("SELECT s.system_identifier, d.oid, n.oid FROM "
                                      "pg_catalog.pg_control_system() s, pg_catalog.pg_database d, "
                                      "pg_catalog.pg_namespace n WHERE d.datname = "
                                      "pg_catalog.current_database() AND n.nspname = "
                                      "pg_catalog.current_schema()"));
    TM_CHECK(rows.step());
    identity = std::string(rows.text_at(0)) + " " + std::string(rows.text_at(1)) + " " +
               std::string(rows.text_at(2));
    return {};
  }));
  return identity;
}

}  // namespace tidemark
