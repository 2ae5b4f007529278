// JobTimes: the fires of one job: its schedule, from when to when it holds, which days it leaves
// out, and how its runs are spread.
//
// All of it follows from the job's file, so every server says the same. A plain value, any thread.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <vector>

#include "base/named.h"
#include "schedule/fire_times.h"
#include "spec/job_spec.h"

namespace tidemark {

struct JobTimes {
  static constexpr std::size_t missed_max = 1'000;

  // Nothing where the job does not run by itself; errors as FireTimes::of.
  static Result<std::optional<JobTimes>> of(const ScheduleSpec& schedule);

  FireTimes fires;
  std::optional<UtcMicros> starts;  // none before
  std::optional<UtcMicros> ends;    // none at or after
  DaysOff off;
  OnDayOff on_day_off = OnDayOff::skip;
  std::optional<Zone> zone;  // of the days; nothing: UTC
  std::chrono::milliseconds jitter{0};

  std::optional<UtcMicros> after(UtcMicros at) const;
  // The newest one at `at` or before; nothing where there is none in the ten years before.
  std::optional<UtcMicros> until(UtcMicros at) const;
  // A moment within `jitter` of the fire, the same for the same job and fire.
  UtcMicros begin_of(const JobName& job, UtcMicros fire) const;
  // The fires after `last` and up to `now` that are still to be run; of `all` the newest
  // missed_max.
  std::vector<UtcMicros> missed(UtcMicros last, UtcMicros now, Missed policy) const;

 private:
  std::int64_t wall(UtcMicros at) const;  // in seconds
  UtcMicros shows(std::int64_t wall) const;
  std::optional<UtcMicros> workday_after(UtcMicros at) const;
  std::optional<UtcMicros> moved_after(UtcMicros at) const;
  std::optional<UtcMicros> moved_from(std::int64_t day, std::int64_t to, UtcMicros at) const;
};

}  // namespace tidemark
