#include "connectors/postgres/in_flight.h"

#include <chrono>
#include <thread>

namespace tidemark::postgres {
namespace {

using std::chrono::milliseconds;

// Covers the moment between fixing now() and showing it in pg_stat_activity.
constexpr const char* margin = "interval '1 second'";
constexpr milliseconds settle_wait{1'000};
constexpr milliseconds look_every{25};

// Sessions of another database cannot write here, nor can autovacuum, which alone has no user.
constexpr const char* running_sql = R"(
select distinct l.virtualxid from pg_catalog.pg_locks l
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.granted and l.mode = 'ExclusiveLock'
  and l.pid <> pg_catalog.pg_backend_pid() and (a.pid is null or (a.usesysid is not null
    and a.datid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))))";

constexpr const char* prepared_sql =
    "select gid from pg_catalog.pg_prepared_xacts where database = pg_catalog.current_database() "
    "order by prepared";

Result<std::vector<std::string>> names(Connection& connection, const char* sql, Cancel& cancel) {
  TM_TRY(const Rows rows, connection.ask(sql, {}, cancel));
  std::vector<std::string> list;
  for (std::size_t row = 0; row < rows.rows(); ++row)
    list.push_back(rows.string(row, 0));
  return list;
}

}  // namespace

Result<Oldest> oldest_running(Connection& connection, Cancel& cancel) {
  TM_TRY(
      const Rows rows,
      connection.ask(
          // least() passes over NULL: with nobody else the clock is the bound.
          "select (least(clock.now_, oldest.xact_start) - " + std::string(margin) +
              ")::text, pid, application_name, state, extract(epoch from now_ - "
              "xact_start)::bigint from "
              "(select pg_catalog.statement_timestamp() as now_) clock left join (select pid, "
              "application_name, "
              "state, xact_start from pg_catalog.pg_stat_activity where datid = (select oid from "
              "pg_catalog.pg_database where datname = pg_catalog.current_database()) and pid <> "
              "pg_catalog.pg_backend_pid() and xact_start is not null and backend_type <> "
              "'autovacuum worker' "
              "order by xact_start limit 1) oldest on true",
          {}, cancel));
  Oldest oldest{rows.string(0, 0), {}};
  if (rows.text(0, 1) && rows.integer(0, 4) >= 10) {
    oldest.note = "the watermark waits for a transaction that has run for " +
                  std::to_string(rows.integer(0, 4)) + " s: pid " + rows.string(0, 1) +
                  ", application `" + rows.string(0, 2) + "`, " + rows.string(0, 3);
  }
  return oldest;
}

Result<std::string> prepared_transactions(Connection& connection, Cancel& cancel) {
  TM_TRY(const std::vector<std::string> gids, names(connection, prepared_sql, cancel));
  std::string list;
  for (const std::string& gid : gids)
    list += (list.empty() ? "" : ", ") + gid;
  return list;
}

// The running ones first: one that is prepared between the two questions is then seen in either.
Result<InFlight> in_flight(Connection& connection, Cancel& cancel) {
  InFlight now;
  TM_TRY(now.running, names(connection, running_sql, cancel));
  TM_TRY(now.prepared, names(connection, prepared_sql, cancel));
  return now;
}

Status sample(Connection& connection, const std::string& moment_sql, SampleRing& ring,
              Cancel& cancel) {
  TM_TRY(const Rows moment, connection.query(moment_sql, cancel));
  TM_TRY(InFlight now, in_flight(connection, cancel));
  ring.add(moment.string(0, 0), now);
  const auto end = std::chrono::steady_clock::now() + settle_wait;
  while (!ring.newest_is_settled() && std::chrono::steady_clock::now() < end) {
    TM_CHECK(cancel.check());
    std::this_thread::sleep_for(look_every);
    TM_TRY(now, in_flight(connection, cancel));
    ring.look_again(now);
  }
  return {};
}

}  // namespace tidemark::postgres
