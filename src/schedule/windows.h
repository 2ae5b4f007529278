// Windows: which fires of the jobs before it a fire waits for, where its job has both `after` and
// times of its own.
//
// Such a job runs at its times, and for the same window as those before it: its fire at T follows,
// of each of them, the newest fire that is at T or before. It may begin once that one, or a later
// one, has ended as `failed` asks. One thread at a time; nothing blocks.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/named.h"
#include "schedule/job_times.h"
#include "schedule/triggers.h"
#include "spec/job_spec.h"

namespace tidemark {

struct Awaited {
  JobName job;
  UtcMicros fire;
  bool failed = false;  // for good, as far as it has run
  friend bool operator==(const Awaited&, const Awaited&) = default;
};
// `orders of 2026-12-24T02:00:00.000000Z, which failed, and customers of ...`; `any`: `or`.
std::string to_text(const std::vector<Awaited>& awaited, bool any);

struct PlannedJob {
  std::shared_ptr<const JobSpec> spec;
  std::optional<JobTimes> times;  // of its runs
};

class Windows {
 public:
  // Whether the job's fires wait for those of others.
  static bool waits(const JobSpec& job);

  // In the place of those before.
  void set(std::unordered_map<JobName, PlannedJob> jobs) { jobs_ = std::move(jobs); }
  // What a fire of the job follows. Jobs that never run by themselves are not waited for.
  std::vector<Awaited> follows(const JobName& job, UtcMicros fire) const;
  // Those of `follows` that have not come, while it waits; nothing: it may begin.
  static std::vector<Awaited> missing(const JobSpec& job, const std::vector<Awaited>& follows,
                                      const Triggers& ended);
  // When a fire that is taken at `now` has waited long enough; nothing: never.
  std::optional<UtcMicros> waits_until(const JobName& job, UtcMicros fire, UtcMicros now) const;

 private:
  using Known = std::map<JobName, std::optional<UtcMicros>>;
  std::optional<UtcMicros> newest_until(const JobName& job, UtcMicros at, Known& known) const;

  std::unordered_map<JobName, PlannedJob> jobs_;
};

}  // namespace tidemark
