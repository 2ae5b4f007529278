// What the rules of alerts ask of a store: at their begin some runs of each job, from then on only
// what ended since, and what is open. Each is one snapshot that reads by an index and no more than
// it gives back; blocking; any thread. The tables are of this version.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark {

// Of a run that ended.
struct EndedRun {
  RunId run;
  JobName job;
  RunKind kind = RunKind::run;
  RunState state = RunState::done;
  UtcMicros started_at;
  UtcMicros ended_at;
  std::int64_t rows_read = 0;
  std::int64_t rows_rejected = 0;
  std::string code;  // of its error; empty: it has none
  std::string message;
  std::string hint;
  PlanSigns signs;

  bool is_well() const { return state == RunState::done || state == RunState::skipped; }
};

// Of each of these jobs its newest runs, the newest that were not idle, the newest ones that ended
// well and whose columns differed, and those with which what holds now began: the first that did
// not end well since, the first that was held since; of its own runs (`run`, `full`) the newest,
// the newest that ended well and the first that did not since. Each once, in the order of their
// begins.
Result<std::vector<EndedRun>> runs_to_begin_with(SqlDatabase& database,
                                                 const std::vector<JobName>& jobs);
// How many of a job's newest runs those are, of those that were not idle too.
inline constexpr int runs_of_begin = 20;

struct EndedAsked {
  UtcMicros since;
  RunId behind;  // of those that ended at `since`, behind that one
  int limit = 1'000;
};
// Of any job, by their ends.
Result<std::vector<EndedRun>> runs_ended(SqlDatabase& database, const EndedAsked& asked);

struct OpenRun {
  RunId run;
  JobName job;
  RunKind kind = RunKind::run;
  UtcMicros started_at;
};
struct OpenNow {
  UtcMicros at;  // by the store's clock
  std::vector<OpenRun> runs;
  std::vector<FireRecord> fires;  // the oldest
};
// Of each at most `limit`.
Result<OpenNow> open_now(SqlDatabase& database, int limit);

// When the newest fire was that was taken of each of these jobs; nothing of those without one.
Result<std::map<JobName, UtcMicros>> newest_fires(SqlDatabase& database,
                                                  const std::vector<JobName>& jobs);

// The newest comparison of each of these jobs, where it failed and none by hand has proved since
// that all is equal.
struct FailedComparison {
  JobName job;
  UtcMicros fire;
  std::optional<UtcMicros> ended_at;
  std::string reason;
};
Result<std::vector<FailedComparison>> failed_comparisons(SqlDatabase& database,
                                                         const std::vector<JobName>& jobs);
// Jobs of which a comparison ended then or later.
Result<std::set<JobName>> compared_since(SqlDatabase& database, UtcMicros since);

// What a job read in an hour in which a run of its own window ended well.
struct HourRead {
  std::int64_t hour = 0;  // since 1970, in UTC, in which the runs began
  std::int64_t rows = 0;
};
struct HoursAsked {
  JobName job;
  UtcMicros from;          // runs that began then or later,
  UtcMicros ended_before;  // and ended before
};
// In their order. Hours in which runs found nothing are among them.
Result<std::vector<HourRead>> hours_read(SqlDatabase& database, const HoursAsked& asked);

// Whose turn it is to do what one of several processes does for all: the holder's until `ttl` from
// now, where nobody else has it, or who had it is silent or gone. True: it is the holder's.
struct TurnAsked {
  std::string what;
  std::string holder;  // this_process()
  std::chrono::milliseconds ttl{};
};
Result<bool> take_turn(SqlDatabase& database, const TurnAsked& asked);
// Idempotent; nothing happens where it is somebody else's.
Status give_turn_back(SqlDatabase& database, const TurnAsked& asked);

}  // namespace tidemark
