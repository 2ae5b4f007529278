#include "connectors/postgres/table_lock.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace tidemark::postgres {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

constexpr const char* lock_not_available = "postgres.lock_not_available";

// Who holds a lock on the table, or on a part of it, that does not go with ours. A prepared
// transaction has no session.
constexpr const char* holders_sql = R"(
with recursive part as (
  select pg_catalog.to_regclass($1)::oid as oid
  union select i.inhrelid from part join pg_catalog.pg_inherits i on i.inhparent = part.oid)
select distinct coalesce(
    'session ' || a.pid || coalesce(' (' || nullif(a.application_name, '') || ')', '') || ' of user '
      || coalesce(a.usename, '?') || ', '
      || case when a.state = 'active' then 'at work' else coalesce(a.state, 'unknown') end
      || ', in a transaction since ' || coalesce(to_char(a.xact_start at time zone 'UTC',
                                                         'YYYY-MM-DD HH24:MI:SS "UTC"'), '?'),
    'session ' || l.pid,
    'the prepared transaction ' || coalesce(p.gid, l.virtualtransaction))
from pg_catalog.pg_locks l
join part on part.oid = l.relation
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
left join pg_catalog.pg_prepared_xacts p on l.pid is null and l.virtualtransaction = '-1/' || p.transaction
where l.locktype = 'relation' and l.granted and l.pid is distinct from pg_catalog.pg_backend_pid()
  and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
  and ($2::bool or l.mode not in ('AccessShareLock', 'RowShareLock'))
limit 5)";

std::string holders(Connection& connection, const TableName& table, LockMode mode, Cancel& cancel) {
  const std::string all = mode == LockMode::access_exclusive ? "t" : "f";
  auto found = connection.query(holders_sql, Parameters{table.sql(), all}, cancel);
  std::string list;
  for (std::size_t row = 0; found.ok() && row < found->rows(); ++row)
    list += (list.empty() ? "" : "; ") + found->string(row, 0);
  return list;
}

Status pause(Connection& connection, int base_ms, Cancel& cancel) {
  // In the session, so that a cancel is heard at once.
  TM_CHECK(connection.query("select pg_sleep((0.5 + random()) * $1::float8 / 1000)",
                            Parameters{std::to_string(base_ms)}, cancel));
  return {};
}

}  // namespace

std::string lock_sql(const TableName& table, LockMode mode) {
  return "lock table " + table.sql() +
         (mode == LockMode::access_exclusive ? " in access exclusive mode"
                                             : " in share row exclusive mode");
}

Status lock_table(Connection& connection, const TableName& table, LockMode mode,
                  const LockPatience& patience, Cancel& cancel) {
  TM_TRY(const Rows usual, connection.query("select current_setting('lock_timeout')", cancel));
  const std::string tried =
      "savepoint tidemark_lock; set local lock_timeout = " + std::to_string(patience.try_ms) +
      "; " + lock_sql(table, mode) +
      "; set local lock_timeout = " + quote_text(usual.string(0, 0)) +
      "; release savepoint tidemark_lock";
  int pause_ms = patience.pause_ms;
  std::string last_holders;
  for (int at = 1;; ++at) {
    const auto locked = connection.execute(tried, cancel);
    if (locked.ok()) return {};
    if (locked.error().code != lock_not_available) return locked.error();
    TM_CHECK(connection.execute(
        "rollback to savepoint tidemark_lock; release savepoint tidemark_lock", cancel));
    // One that let go while we asked is worth naming too.
    std::string now = holders(connection, table, mode, cancel);
    if (!now.empty()) last_holders = std::move(now);
    if (at == patience.tries) break;
    TM_CHECK(pause(connection, pause_ms, cancel));
    pause_ms = std::min(2 * pause_ms, patience.pause_ms_max);
  }
  return target_error("target.lock_timeout",
                      "table " + table.show() + " could not be locked in " +
                          std::to_string(patience.tries) + " tries of " +
                          std::to_string(patience.try_ms) + " ms, because others use it: " +
                          (last_holders.empty() ? "nobody who can be seen" : last_holders),
                      Retry::backoff,
                      "nothing was changed; run again when they are done, or end them: select "
                      "pg_terminate_backend(PID)");
}

}  // namespace tidemark::postgres
