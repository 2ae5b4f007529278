// ServedJobs: the jobs of the project as the service has them at this moment, by name, with their
// next fires. Owned by who serves, who exchanges them all at once; any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "env/clock.h"
#include "schedule/job_times.h"
#include "spec/job_spec.h"

namespace tidemark {

class ServedJob {
 public:
  ServedJob(std::shared_ptr<const JobSpec> spec, std::optional<JobTimes> times)
      : spec_(std::move(spec)), times_(std::move(times)) {}
  const JobSpec& spec() const { return *spec_; }
  // The first fire after now; nothing where it has no times, or is not enabled.
  std::optional<UtcMicros> next_fire(UtcMicros now) const;

 private:
  std::shared_ptr<const JobSpec> spec_;  // shared with the service
  std::optional<JobTimes> times_;
  // The last answer holds from when it was asked until it has passed. Guarded by mutex_.
  mutable std::mutex mutex_;
  mutable UtcMicros asked_at_{0};
  mutable UtcMicros next_{0};
};

// In the order of their names' bytes.
using JobTable = std::map<std::string, std::unique_ptr<const ServedJob>>;

class ServedJobs {
 public:
  // A job whose times cannot be told has none here; the service says why.
  void set(const std::vector<std::shared_ptr<const JobSpec>>& jobs);
  std::shared_ptr<const JobTable> now() const;

 private:
  mutable std::mutex mutex_;
  // Shared by those who read it while it is exchanged.
  std::shared_ptr<const JobTable> table_ = std::make_shared<const JobTable>();
};

// For people: `shop public.orders`, `every 1h`. Empty where it does not run by itself.
std::string source_text(const JobSpec& job);
std::string schedule_text(const ScheduleSpec& schedule);

}  // namespace tidemark
