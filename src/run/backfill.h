// Backfill: runs windows of a job's past again, part by part.
//
// The parts are in the store before the first of them runs, so whoever comes after a crash runs
// those that are missing. A part is a run of its own, under the job's lease; it is done when that
// run is. What one of them loaded is known by its name in the target's ledger, so none is loaded
// twice. Live runs go first: between two parts the project is let go for whoever waits, and where
// the lease of the job is wanted no part begins.
//
// A command drives a backfill here; those that are detached are driven by services, with the same
// functions (src/schedule/service_backfills.cc).
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "run/backfill_plan.h"
#include "run/runner.h"
#include "run/workspace.h"
#include "store/records.h"

namespace tidemark {

// Of a backfill's parts, in its order.
std::optional<BackfillPart> next_part(const std::vector<BackfillPart>& parts, PartOrder order);
// How long those that wait will take, by those that are done; nothing before the first.
std::optional<std::int64_t> ms_left(const std::vector<BackfillPart>& parts);
// Whether what ended with this error was left alone for the quiet hours of its source: it may begin
// when they end.
bool is_quiet(std::string_view code);
// Whether the parts behind it would fail in the same way.
bool stops_all(const StoredError& error);

// Runs one part, and notes in the store what became of it. REQUIRES that nobody else runs it.
Result<RunRecord> run_part(const RunnerParts& parts, Runner& runner, const RunId& id,
                           const JobSpec& job, const BackfillRecord& backfill, BackfillPart part,
                           Cancel& cancel);
// What became of the parts whose process died, by their runs. After recover_runs().
// `backfill.unsettled` where that cannot be known yet.
Status settle_parts(Store& store, const BackfillRecord& backfill);

// A part that was run.
struct PartEnd {
  BackfillPart part;  // as it is stored
  RunRecord run;
};
// Settles what died, and runs the next part of a backfill; nothing where none waits. As run_part.
Result<std::optional<PartEnd>> run_next_part(const RunnerParts& parts, const JobSpec& job,
                                             const BackfillRecord& backfill, Cancel& cancel);

// How often a part was tried in a row.
struct PartTries {
  std::int64_t part = 0;
  int tries = 0;
};
enum class AfterPart {
  next,    // the others go on
  again,   // it waits, since a later try may end better
  failed,  // all would fail as it did: the backfill has failed
};
// What follows from the end of a part; stored when this returns.
Result<AfterPart> judge_part(Store& store, const BackfillRecord& backfill, const PartEnd& end,
                             int tries_max, PartTries& tries);
// What becomes of a backfill none of whose parts waits any more. Where it is done each of `behind`
// is taken; those that were.
Result<std::vector<FireRecord>> end_backfill(Store& store, const BackfillRecord& backfill,
                                             const std::vector<FireRecord>& behind);
// The worst that ended a part that failed; nothing where none did.
Result<std::optional<StoredError>> worst_error(Store& store,
                                               const std::vector<BackfillPart>& parts);

struct BackfillDrive {
  const Surroundings& around;
  std::filesystem::path project;
  std::chrono::milliseconds wait;  // for the project at the beginning
  RunObserver& observer;
  // A fire for each of the project's jobs that runs when it is done, for finish_backfill.
  std::function<std::vector<FireRecord>(const std::vector<JobSpec>&, const BackfillRecord&)> behind;
  // After each part.
  std::function<void(const BackfillRecord&, const std::vector<BackfillPart>&, std::int64_t number)>
      ended;
};

struct BackfillEnd {
  BackfillRecord record;
  std::optional<StoredError> error;  // the worst of the parts that were run now
};

// Runs what waits of a backfill that is `running`, to its end or until somebody pauses or cancels
// it; `cancel` pauses it. Blocking; the caller owns nothing of the project meanwhile.
Result<BackfillEnd> drive_backfill(const BackfillDrive& drive, const BackfillId& id,
                                   Cancel& cancel);

}  // namespace tidemark
