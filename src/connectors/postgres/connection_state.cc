#include "connectors/postgres/connection_state.h"

#include "base/units.h"
#include "connect/tls_fact.h"
#include "drivers/postgres/tls.h"

namespace tidemark::postgres {
namespace {

constexpr const char* server_sql = R"(
select current_setting('server_version'), pg_catalog.pg_is_in_recovery(), current_user,
  pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage'),
  (select count(*) from pg_catalog.pg_stat_activity where usesysid is not null),
  current_setting('max_connections'), current_database(),
  (select max(extract(epoch from replay_lag))::text from pg_catalog.pg_stat_replication))";

// Ours by the name each session gives itself; this one is looking only.
constexpr const char* sessions_sql = R"(
select pid, substr(application_name, 10), coalesce(state, ''), coalesce(xact_start, backend_start)::text
from pg_catalog.pg_stat_activity
where application_name like 'tidemark %' and pid <> pg_catalog.pg_backend_pid()
order by backend_start, pid)";

std::string behind(std::int64_t bytes) {
  return bytes <= 0 ? "up to date" : show_bytes(bytes) + " behind";
}

std::string replica_state(Connection& primary, const ConnectOptions& options, Cancel& cancel) {
  const auto text = [&]() -> Result<std::string> {
    TM_TRY(const Rows at, primary.query("select pg_catalog.pg_current_wal_lsn()", cancel));
    TM_TRY(const auto replica, Connection::connect(options, cancel));
    TM_TRY(const Rows rows,
           replica->query("select pg_catalog.pg_is_in_recovery(), ($1::pg_lsn - "
                          "pg_catalog.pg_last_wal_replay_lsn())::bigint, "
                          "pg_catalog.inet_server_addr() || ':' || pg_catalog.inet_server_port()",
                          {at.string(0, 0)}, cancel));
    const std::string where = rows.text(0, 2) ? rows.string(0, 2) + ", " : std::string();
    return where + (rows.boolean(0, 0) ? behind(rows.integer(0, 1)) : "no standby");
  }();
  return text.ok() ? *text : "cannot be asked: " + text.error().describe();
}

}  // namespace

Result<ConnectionState> connection_state(const SourceAccess& access, Cancel& cancel) {
  TM_TRY(const auto session, Connection::connect(access.options, cancel));
  TM_TRY(const Rows server, session->query(server_sql, cancel));
  TM_TRY(const Rows ours, session->query(sessions_sql, cancel));
  const bool standby = server.boolean(0, 1);
  TM_TRY(const TlsTrust trust, tls_trust(access.options.conninfo));
  ConnectionState state;
  state.facts = {
      {"server", "PostgreSQL " + server.string(0, 0) + ", " +
                     (standby ? "a standby" : "a primary") + ", database " + server.string(0, 6)},
      {"user", server.string(0, 2) + (server.boolean(0, 3) ? ", sees all sessions"
                                                           : ", does not see since when others' "
                                                             "transactions are open")},
      {"sessions", server.string(0, 4) + " of at most " + server.string(0, 5)}};
  if (server.text(0, 7)) state.facts.emplace_back("replication", server.string(0, 7) + " s behind");
  if (access.replica && !standby)
    state.facts.emplace_back("replica", replica_state(*session, *access.replica, cancel));
  add_tls_fact(trust, state);
  for (std::size_t row = 0; row < ours.rows(); ++row) {
    state.sessions.push_back(
        {ours.string(row, 0), ours.string(row, 1), ours.string(row, 2), ours.string(row, 3)});
  }
  return state;
}

}  // namespace tidemark::postgres
