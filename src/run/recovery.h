// Recovery: ends the runs that a process left behind when it died, so that the history is true.
//
// Called by the project's owner before its first run, while no run goes on. What the target's
// ledger has is done, whatever the dead process had noted; everything else failed, and its next
// run begins again.
#pragma once

#include <vector>

#include "base/cancel.h"
#include "run/runner.h"

namespace tidemark {

// Idempotent. A run whose target cannot be asked now stays as it is, for the next time.
Status end_abandoned_runs(const RunnerParts& parts, const std::vector<JobSpec>& jobs,
                          Cancel& cancel);

}  // namespace tidemark
