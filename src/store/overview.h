// What goes on in a store at one moment, for who looks on: runs under way, fires that wait, jobs
// whose newest run or comparison failed. One snapshot; it reads no more than is shown, and some
// index rows of each job. Blocking; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark {

struct RunUnderWay {
  RunRecord run;                      // with streams
  std::optional<LeaseRecord> lease;   // of the run; nothing: it has none yet, or not any more
  std::optional<UtcMicros> moved_at;  // when a stream of it came to its state
};

// What a job did last, and what no later one that ended well has made good.
struct Failure {
  Task task;
  RunId run;  // empty: of a comparison
  RunState state = RunState::failed;
  std::optional<UtcMicros> ended_at;
  std::string message;
  std::string hint;
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
  std::vector<Failure> failed;           // newest first
  std::int64_t failed_total = 0;
};

// Whether a task is one of the project; the store knows also jobs that are gone, and trials.
using IsOfProject = std::function<bool(const Task&)>;

// Of each list at most `limit`. The tables are of this version.
Result<StoreOverview> look_over(SqlDatabase& database, int limit, const IsOfProject& is_of_project);

}  // namespace tidemark
