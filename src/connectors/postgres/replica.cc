#include "connectors/postgres/replica.h"

#include <thread>

#include "base/units.h"

namespace tidemark::postgres {
namespace {

constexpr std::chrono::milliseconds look_every{50};

// Behind the last record the insert position may already stand after the header of the next page,
// where no record ends; a standby then never comes there while the primary is idle.
constexpr const char* lsn_sql = R"(
select (case when at % page <= 40 then '0/0'::pg_lsn + (at - at % page) else here end)::text
from (select here, here - '0/0'::pg_lsn as at, current_setting('wal_block_size')::numeric as page
  from pg_catalog.pg_current_wal_insert_lsn() here) wal)";

}  // namespace

Result<ReplicaGoal> replica_goal(Connection& primary, Cancel& cancel) {
  ReplicaGoal goal;
  TM_TRY(goal.primary, read_place(primary, {}, cancel));
  if (goal.primary.standby) {
    return user_error("source.no_primary", "the connection with a `replica` is a standby itself",
                      "write the primary as the connection, and the standby under `replica`");
  }
  TM_TRY(const Rows rows, primary.query(lsn_sql, cancel));
  goal.lsn = rows.string(0, 0);
  return goal;
}

Result<std::unique_ptr<Connection>> connect_to_replica(const ConnectOptions& options,
                                                       const ReplicaGoal& goal,
                                                       std::chrono::milliseconds wait,
                                                       Cancel& cancel) {
  auto connected = Connection::connect(options, cancel);
  if (!connected.ok())
    return std::move(connected).error().with_context("connecting to the replica");
  Connection& replica = **connected;
  TM_TRY(const SourcePlace here, read_place(replica, {}, cancel));
  if (!here.standby || here.system != goal.primary.system ||
      here.timeline != goal.primary.timeline) {
    return user_error("source.not_a_replica",
                      here.standby ? "the `replica` follows another server than the connection's"
                                   : "the `replica` is no standby",
                      "correct `replica` in the connection's guard, or remove it");
  }
  const auto end = std::chrono::steady_clock::now() + wait;
  while (true) {
    TM_TRY(
        const Rows rows,
        replica.query("select coalesce(pg_catalog.pg_last_wal_replay_lsn() >= $1::pg_lsn, false)",
                      {goal.lsn}, cancel));
    if (rows.boolean(0, 0)) return connected;
    if (std::chrono::steady_clock::now() >= end) {
      return source_error(
          "source.replica_late",
          "the replica has not come to where its primary was within " + show_duration(wait),
          Retry::backoff,
          "raise `replica_wait` in the connection's guard, or write `replica_late: "
          "primary` to read from the primary then");
    }
    TM_CHECK(cancel.check());
    std::this_thread::sleep_for(look_every);
  }
}

bool replica_is_late(const Error& error) {
  return error.code == "source.replica_late" || error.retry == Retry::reconnect;
}

}  // namespace tidemark::postgres
