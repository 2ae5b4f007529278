// AuditLog: the account of what was done with a project, by whom, and what was refused: etl_audit.
// Rows are added, read, and forgotten when their time is over; none is ever changed.
//
// The database outlives it. Every method is safe from any thread and blocks on the database; writes
// that wait at the same time share one transaction.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "store/sql_session.h"

namespace tidemark {

struct AuditEntry {
  std::string id;       // sorts by time; set by the store
  UtcMicros at{};       // set by the store
  std::string request;  // of HTTP; empty: a command
  std::string token;    // its id; empty: none
  std::string name;     // who it was
  std::string peer;     // from where
  std::string what;     // as `run.start`
  std::string on;       // what it was done to; empty: the project
  int status = 0;       // of HTTP; 0: a command
};

struct AuditFilter {
  int limit = 20;
  std::optional<std::string> before;  // only those older than the entry with this id
};

class AuditLog {
 public:
  // For how long entries are kept; nothing: forever.
  using Keep = std::optional<std::chrono::milliseconds>;

  AuditLog(SqlDatabase& database, Keep keep) : database_(database), keep_(keep) {}

  // Durable when this returns. Forgets what is past its time, now and then.
  Status append(const AuditEntry& entry);
  // The same, but durable with the next write of the store.
  Status append_behind(const AuditEntry& entry);
  // Newest first. `audit.bad_cursor` where `before` is no id.
  Result<std::vector<AuditEntry>> list(const AuditFilter& filter);

 private:
  Status add(SqlSession& session, const AuditEntry& entry);
  Status forget(SqlSession& session, UtcMicros now);

  SqlDatabase& database_;
  const Keep keep_;
  std::atomic<std::int64_t> forget_at_{0};  // not before, by the store's clock
};

// As a part of a transaction that the caller commits. For this folder only.
namespace sql_audit {
Status append(SqlSession& session, const AuditEntry& entry);
}

}  // namespace tidemark
