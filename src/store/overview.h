// What goes on in a store at one moment, for who looks on: runs under way, fires that wait, jobs
// whose newest run failed. One snapshot; it reads no more than is shown, and an index row of each
// job. Blocking; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark {

struct RunUnderWay {
  RunRecord run;                      // with streams
  std::optional<LeaseRecord> lease;   // of the run; nothing: it has none yet, or not any more
  std::optional<UtcMicros> moved_at;  // when a stream of it came to its state
};

struct StoreOverview {
  UtcMicros at;                       // by the store's clock
  std::vector<ServerRecord> servers;  // that share the store; oldest first
  std::vector<RunUnderWay> running;
  std::int64_t fires_waiting = 0;
  std::int64_t fires_running = 0;
  std::int64_t fires_to_retry = 0;
  std::optional<UtcMicros> waits_since;  // the time of the oldest fire that waits
  std::vector<FireRecord> waiting;       // oldest first
  std::vector<FireRecord> to_retry;      // the next first
  std::vector<SeenChange> watched;       // all, without `sign`; what was followed last comes first
  // The newest run of its job, which failed or is blocked; newest first, without streams.
  std::vector<RunRecord> failed;
};

// Of each list at most `limit`. The tables are of this version.
Result<StoreOverview> look_over(SqlDatabase& database, int limit);

}  // namespace tidemark
