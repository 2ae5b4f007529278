// Backfill: runs windows of a job's past again, part by part.
//
// The parts are in the store before the first of them runs, so whoever comes after a crash runs
// those that are missing. A part is a run of its own, under the job's lease; it is done when that
// run is. What one of them loaded is known by its name in the target's ledger, so none is loaded
// twice. Live runs go first: between two parts the project is let go for whoever waits.
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
// Whether the parts behind it would fail in the same way.
bool stops_all(const StoredError& error);

// Runs one part, and notes in the store what became of it. REQUIRES that nobody else runs it.
Result<RunRecord> run_part(const RunnerParts& parts, Runner& runner, const RunId& id,
                           const JobSpec& job, const BackfillRecord& backfill, BackfillPart part,
                           bool in_quiet_hours, Cancel& cancel);
// What became of the parts whose process died, by their runs. After recover_runs().
Status settle_parts(Store& store, const BackfillRecord& backfill);

struct BackfillDrive {
  const Surroundings& around;
  std::filesystem::path project;
  std::chrono::milliseconds wait;  // for the project at the beginning
  bool in_quiet_hours = false;
  RunObserver& observer;
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
