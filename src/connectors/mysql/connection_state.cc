#include "connectors/mysql/connection_state.h"

#include "base/units.h"
#include "connect/tls_fact.h"
#include "connectors/mysql/in_flight.h"
#include "drivers/mysql/tls.h"

namespace tidemark::mysql {
namespace {

// Names of sessions are kept where the performance schema is on and may be read.
constexpr const char* sessions_sql = R"(
select p.id, substr(a.attr_value, 10), p.command, p.time
from information_schema.processlist p
join performance_schema.session_connect_attrs a on a.processlist_id = p.id
where a.attr_name = 'program_name' and a.attr_value like 'tidemark %' and p.id <> connection_id()
order by p.id)";

}  // namespace

Result<ConnectionState> connection_state(const SourceAccess& access, Cancel& cancel) {
  TM_TRY(const auto session, Connection::connect(access.options, cancel));
  TM_TRY(const Rows server, session->query("select current_user(), database(), @@global.read_only, "
                                           "@@global.max_connections, (select count(*) from "
                                           "information_schema.processlist)",
                                           cancel));
  TM_TRY(const Obstacle obstacle, find_obstacle(*session, cancel));
  ConnectionState state;
  state.facts = {
      {"server", session->flavour().show() + (server.integer(0, 2) != 0 ? ", read-only" : "") +
                     (server.text(0, 1) ? ", database " + server.string(0, 1) : "")},
      {"user", server.string(0, 0)},
      {"sessions", server.string(0, 4) + " that this user sees, of at most " + server.string(0, 3)},
      {"watermarks",
       obstacle.what.empty() ? "times are bounded" : obstacle.what + "; " + obstacle.hint}};
  add_tls_fact(tls_trust(access.options.address), state);
  const auto ours = session->query(sessions_sql, cancel);
  if (!ours.ok()) return state;
  for (std::size_t row = 0; row < ours->rows(); ++row) {
    state.sessions.push_back({ours->string(row, 0), ours->string(row, 1), ours->string(row, 2),
                              show_duration(std::chrono::seconds(ours->integer(row, 3)))});
  }
  return state;
}

}  // namespace tidemark::mysql
