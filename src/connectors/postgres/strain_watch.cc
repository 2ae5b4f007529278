#include "connectors/postgres/strain_watch.h"

#include <chrono>
#include <utility>

namespace tidemark::postgres {
namespace {

constexpr std::chrono::milliseconds look_every{500};

// Of the standbys that follow this server, or of the server itself where it is one.
constexpr const char* lag_sql = R"(
select coalesce(case when pg_catalog.pg_is_in_recovery()
  then pg_catalog.pg_last_wal_receive_lsn() - pg_catalog.pg_last_wal_replay_lsn()
  else (select max(pg_catalog.pg_current_wal_lsn() - replay_lsn) from pg_catalog.pg_stat_replication)
  end, 0)::bigint)";

}  // namespace

StrainWatch::StrainWatch(ConnectOptions options, Guard& guard)
    : options_(std::move(options)), guard_(guard), thread_([this] { look_until_stopped(); }) {}

StrainWatch::~StrainWatch() {
  stop_.request();
  {
    const std::lock_guard lock(mutex_);
    stopped_.notify_all();
  }
  thread_.join();
}

void StrainWatch::look_until_stopped() {
  std::unique_ptr<Connection> connection;
  while (!stop_.requested()) {
    // A question that is ended, or a session that is lost, is no reason to look no more: those who
    // read would keep the pace of that moment.
    if (!connection) {
      auto made = Connection::connect(options_, stop_);
      if (made.ok()) connection = std::move(*made);
    }
    if (connection) {
      const auto strained = is_strained(*connection);
      if (strained.ok()) guard_.strained(*strained);
      if (!strained.ok()) connection.reset();
    }
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, look_every, [this] { return stop_.requested(); });
  }
}

Result<bool> StrainWatch::is_strained(Connection& connection) {
  const GuardSpec& spec = guard_.spec();
  const auto begin = std::chrono::steady_clock::now();
  TM_TRY([[maybe_unused]] const Rows one, connection.query("select 1", stop_));
  const auto answered = std::chrono::steady_clock::now() - begin;
  if (spec.slow_above && answered > *spec.slow_above) return true;
  if (!spec.lag_above) return false;
  TM_TRY(const Rows lag, connection.query(lag_sql, stop_));
  return lag.integer(0, 0) > *spec.lag_above;
}

}  // namespace tidemark::postgres
