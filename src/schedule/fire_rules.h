// What becomes of fires, by their job's words and their run's end. Pure; for this folder only.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "spec/job_spec.h"
#include "store/records.h"

namespace tidemark {

// Why a fire ended without a run, for people.
inline constexpr const char* job_is_gone = "the job is gone, or does this by itself no more";
inline constexpr const char* queue_is_full = "more runs wait than may";

inline constexpr std::int64_t backfill_priority = std::numeric_limits<std::int64_t>::min();

UtcMicros later(UtcMicros at, std::chrono::nanoseconds by);
// A comparison that was missed is made once: the next one proves as much.
Missed missed_of(const JobSpec& job, FireTask what);
OnOpen on_open_of(const JobSpec& job, FireTask what);
// What whoever claims a fire at its half has to know of its job.
void describe(FireRecord& fire, const JobSpec& job);
// What jobs that come after follow: a run that came to an end. One that was left out or cancelled
// is as none.
bool counts_as_run(FireState state);
FireState state_after(const RunRecord& record);
// The store is full, or takes no writes: somebody will mend that, and until then it is as one that
// does not answer.
bool is_the_stores(const Error& error);
// Those that it asks; a plan asks the target too.
std::set<std::string> connections_of(const JobSpec& job, FireHalf half);
// `; held back: a, b`, or nothing.
std::string held_back_text(const std::vector<JobName>& jobs);

}  // namespace tidemark
