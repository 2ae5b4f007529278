// The order in which `run --all` takes jobs. Pure.
#pragma once

#include <vector>

#include "base/result.h"
#include "spec/job_spec.h"

namespace tidemark {

// Enabled jobs, each after those it names in `after`, else by name. `spec.cycle` names the jobs of
// a cycle.
Result<std::vector<const JobSpec*>> order_jobs(const std::vector<JobSpec>& jobs);

}  // namespace tidemark
