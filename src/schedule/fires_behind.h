// The jobs that come after one whose backfill is done, and the fire that each gets for it. Pure.
#pragma once

#include <string>
#include <vector>

#include "spec/job_spec.h"
#include "store/records.h"

namespace tidemark {

// Those of `jobs` that follow the job directly and run by themselves. What comes after them follows
// them as always.
std::vector<const JobSpec*> followers_of(const std::vector<const JobSpec*>& jobs,
                                         const JobName& before);
// For Store::finish_backfill: none where the backfill is to be followed by nobody. `owner`: who has
// them; empty: anybody.
std::vector<FireRecord> fires_behind(const std::vector<const JobSpec*>& jobs,
                                     const BackfillRecord& backfill, const std::string& owner);

}  // namespace tidemark
