// Recovery: takes the runs that a process left behind forward, from what is durable.
//
// Called by the project's owner: of all jobs before its first run, of one job before that job's
// runs. For each unfinished run whose process is gone, or whose lease has ended: the job's lease is
// taken, the fence in the target's ledger is raised, the ledger is asked what is in. What it has is
// done. The rest goes on from its sealed stages, or is planned and read again.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/cancel.h"
#include "run/runner.h"

namespace tidemark {

struct LeftJob {
  std::optional<JobSpec> job;  // with which the run was begun; nothing where nobody knows
  std::string why_not;         // it is not gone on with; empty: it is
};

struct RecoveryOptions {
  // Whether a run of this job is to go on now. The others wait at `retry_wait` for who runs their
  // job: a person who starts one job does not want to wait for the reads of all.
  std::function<bool(const JobName&)> go_on;
  std::function<LeftJob(const RunRecord&)> job_of;
  std::optional<JobName> only = {};  // the runs of one job; the others stay as they are
};

// The runs that were ended or gone on with, as they now stand. Idempotent. A run that another
// process has the lease of, or whose target cannot be asked now, stays as it is, for the next time.
Result<std::vector<RunRecord>> recover_runs(const RunnerParts& parts,
                                            const RecoveryOptions& options, Cancel& cancel);

// Goes on with that one run, as it now stands: ended or, as `how` says, open. `run.leased` where
// somebody else has its job; the target's error where it cannot be asked now.
Result<RunRecord> go_on_with(const RunnerParts& parts, const RunId& run,
                             const std::function<LeftJob(const RunRecord&)>& job_of,
                             const GoOn& how, Cancel& cancel);

}  // namespace tidemark
