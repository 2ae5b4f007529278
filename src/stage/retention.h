// Retention: which stages of a stream may go, and why the others stay.
//
// Pure: it knows what stands on disk, what the target's ledger, the store and the quarantine say,
// and the time; it asks nobody and removes nothing.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/named.h"
#include "env/clock.h"
#include "stage/stage_folders.h"

namespace tidemark {

// Who still wants windows of one stream.
struct StageClaims {
  // Whether the project has a file for the job; where it has none no ledger can be asked, and a
  // person says by name that the stages may go.
  enum class JobFile { present, gone, given_up };
  JobFile job_file = JobFile::present;
  // The number of the last window in the target: 0 before the first; nothing when the target could
  // not be asked.
  std::optional<Seq> loaded;
  std::map<Seq, RunId> unfinished;  // windows of runs without an end
  std::map<Seq, RunId> blocked;     // windows of runs that wait for a person
  std::set<Seq> refused;            // windows that open rows of the quarantine came from
};

enum class StageReason {
  // Kept, the strongest reason first.
  unfinished_run,
  job_gone,
  target_unknown,
  not_loaded,
  blocked_run,
  open_refused_rows,
  newest,
  kept_forever,
  young,
  // Removable.
  old,
  given_up,  // its job has no file any more, and a person named it
  left_by_a_dead_run,
  half_removed,
};

std::string_view to_string(StageReason reason);
bool is_kept(StageReason reason);

struct StageVerdict {
  StageReason reason = StageReason::target_unknown;
  RunId run;        // of unfinished_run and blocked_run
  UtcMicros until;  // of young: when it may go
  friend bool operator==(const StageVerdict&, const StageVerdict&) = default;
};

// One verdict for each folder. `folders` are those of one stream, oldest first by (seq, fence);
// some of them may be left out, but not the newest one that is readable. A stage is never taken for
// older than one of a lower number, so a clock that fell back while it was sealed does not age it.
std::vector<StageVerdict> judge_stages(const std::vector<StageFolder>& folders,
                                       const StageClaims& claims,
                                       std::optional<std::chrono::milliseconds> keep,
                                       UtcMicros now);

// For people: `its window is not loaded yet`.
std::string describe(const StageVerdict& verdict);

}  // namespace tidemark
