#include "connectors/postgres/read_sessions.h"

#include <utility>

namespace tidemark::postgres {
namespace {

constexpr const char* read_mode = "isolation level repeatable read read only";

// A database without an encoding holds any bytes; the server would refuse the whole COPY for one
// bad row, so they are taken as they are and each text is checked here.
Status take_bytes_as_they_are(Connection& connection, Cancel& cancel) {
  if (connection.parameter("server_encoding") != "SQL_ASCII") return {};
  TM_TRY([[maybe_unused]] const std::int64_t none,
         connection.execute("set local client_encoding = 'SQL_ASCII'", cancel));
  return {};
}

}  // namespace

std::unique_ptr<Connection> ReadSessions::kept() {
  const std::lock_guard lock(mutex_);
  if (!first_) snapshot_.reset();
  return std::move(first_);
}

Status ReadSessions::lead(Connection& connection, Cancel& cancel) {
  TM_CHECK(connection.begin(read_mode, cancel));
  if (!lock_.empty()) TM_CHECK(connection.execute(lock_, cancel));
  TM_CHECK(take_bytes_as_they_are(connection, cancel));
  if (!lends_) return {};
  TM_TRY(const Rows rows, connection.query("select pg_catalog.pg_export_snapshot()", cancel));
  const std::lock_guard lock(mutex_);
  snapshot_ = rows.string(0, 0);
  return {};
}

bool ReadSessions::can_join() const {
  const std::lock_guard lock(mutex_);
  return snapshot_.has_value();
}

Result<bool> ReadSessions::join(Connection& connection, Cancel& cancel) {
  std::string snapshot;
  {
    const std::lock_guard lock(mutex_);
    if (!snapshot_) return false;
    snapshot = *snapshot_;
  }
  TM_CHECK(connection.begin(read_mode, cancel));
  TM_TRY([[maybe_unused]] const std::int64_t none,
         connection.execute("set transaction snapshot " + quote_text(snapshot), cancel));
  // The first session holds the table; whoever waits for it must not be waited for.
  if (!lock_.empty()) TM_CHECK(connection.execute(lock_ + " nowait", cancel));
  TM_CHECK(take_bytes_as_they_are(connection, cancel));
  return true;
}

void ReadSessions::keep(std::unique_ptr<Connection> connection) {
  Done done;
  {
    const std::lock_guard lock(mutex_);
    if (lends_) {
      first_ = std::move(connection);
      return;
    }
    done = done_;
  }
  if (done) done(std::move(connection));
}

void ReadSessions::when_done(Done done) {
  const std::lock_guard lock(mutex_);
  done_ = std::move(done);
}

void ReadSessions::close() {
  std::unique_ptr<Connection> first;
  Done done;
  {
    const std::lock_guard lock(mutex_);
    first = std::move(first_);
    snapshot_.reset();
    done = done_;
  }
  if (first && done) done(std::move(first));
}

}  // namespace tidemark::postgres
