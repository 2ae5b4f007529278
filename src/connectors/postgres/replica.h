// Reading rows from a standby under a bound that was taken on its primary.
//
// A bound says which transactions had ended; a standby may be read under it once it has replayed
// the write-ahead log to where the primary stood afterwards, and if it is a copy of that very
// primary. A bound of the one with rows of the other would pass over what the standby has not seen
// yet. Free functions; blocking.
#pragma once

#include <chrono>
#include <memory>

#include "connectors/postgres/source_place.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// Where the primary stands: every transaction that had ended is before it.
struct ReplicaGoal {
  SourcePlace primary;
  std::string lsn;
};
Result<ReplicaGoal> replica_goal(Connection& primary, Cancel& cancel);

// A session with the standby, which has come to the goal. `source.replica_late` after `wait`;
// `source.not_a_replica` where it is none of that primary.
Result<std::unique_ptr<Connection>> connect_to_replica(const ConnectOptions& options,
                                                       const ReplicaGoal& goal,
                                                       std::chrono::milliseconds wait,
                                                       Cancel& cancel);

// Whether the primary may be read instead: the standby is behind, or cannot be reached.
bool replica_is_late(const Error& error);

}  // namespace tidemark::postgres
