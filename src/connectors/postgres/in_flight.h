// What a PostgreSQL server may still commit: the transactions that are running or prepared.
//
// Free functions over a Connection in autocommit, because a session sees the activity of others
// once a transaction. On a primary only: a standby does not know its primary's sessions. Blocking,
// idempotent.
#pragma once

#include <string>

#include "connect/sample_ring.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

struct Oldest {
  std::string moment;  // when the oldest transaction began, or now, less a margin; a timestamptz
  std::string note;    // who it is, when that is long; for people
};
// REQUIRES a user who sees all sessions (pg_read_all_stats). Prepared transactions are not in it.
Result<Oldest> oldest_running(Connection& connection, Cancel& cancel);

// The prepared transactions of this database, for people; empty: none.
Result<std::string> prepared_transactions(Connection& connection, Cancel& cancel);

// The transactions in flight by their virtual ids, which every user sees in pg_locks; those of
// other databases, which cannot write here, are left out.
Result<InFlight> in_flight(Connection& connection, Cancel& cancel);

// Adds a moment (what `moment_sql` gives, asked before the transactions) to `ring`, and waits up to
// a second for it to settle: most transactions are short.
Status sample(Connection& connection, const std::string& moment_sql, SampleRing& ring,
              Cancel& cancel);

}  // namespace tidemark::postgres
