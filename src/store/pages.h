// Pages of what the store knows, for who looks on over the network: it is asked often, so each
// reads by an index and no more than it gives back. Each is one snapshot; blocking; any thread. The
// tables are of this version.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark {

// The newest run of each of these jobs, without streams; nothing of a job that never ran.
Result<std::map<JobName, RunRecord>> newest_runs(SqlDatabase& database,
                                                 const std::vector<JobName>& jobs);

struct RunsAsked {
  std::optional<JobName> job;
  std::optional<RunStatus> status;
  int limit = 100;
  // Behind the run of that id and beginning, which may be forgotten by now.
  std::optional<std::pair<UtcMicros, RunId>> behind;
};

// Newest first, without streams.
Result<std::vector<RunRecord>> page_of_runs(SqlDatabase& database, const RunsAsked& asked);

struct EventsAsked {
  RunId run;
  std::int64_t after = 0;  // later ones only
  int limit = 1'000;
};
struct EventsFound {
  RunRecord run;                    // as it was then; with streams where it has ended
  std::vector<EventRecord> events;  // in their order
};
// `run.unknown` where there is none.
Result<EventsFound> events_after(SqlDatabase& database, const EventsAsked& asked);

// Without streams; `run.unknown`.
Result<RunRecord> one_run(SqlDatabase& database, const RunId& run);
// With events.
Result<RunHistory> whole_run(SqlDatabase& database, const RunId& run);

// Of a job, as the store has it for people; nothing where nothing is loaded.
Result<std::optional<std::string>> last_watermark(SqlDatabase& database, const JobName& job);

}  // namespace tidemark
