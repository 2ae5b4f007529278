// VolumeRule: whether a job reads as many rows as it does at such a time: its runs put together by
// hours, each judged when it is over.
//
// An hour counts in which a run of the job's own window ended well; where the service stood still
// there is none, and a day off of the job is none. What it knows follows from the runs of the last
// ten weeks, so made anew of them it is what it was. A plain value; one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "alert/volume.h"
#include "drivers/zone/zone.h"
#include "env/clock.h"
#include "spec/job_spec.h"
#include "store/alert_facts.h"

namespace tidemark {

// An hour with far more or fewer rows than were expected, or one of several with some more or
// fewer.
struct VolumeAnomaly {
  UtcMicros since;        // the begin of the first in a row of such hours
  std::int64_t hour = 0;  // since 1970, in UTC: the newest of them
  std::int64_t rows = 0;
  VolumeVerdict verdict;
};

class VolumeRule {
 public:
  static constexpr std::chrono::hours history = std::chrono::hours(24 * 70);

  // `zone`: of the job's hours and days; nothing: UTC.
  VolumeRule(std::optional<Zone> zone, DaysOff off)
      : zone_(std::move(zone)), off_(std::move(off)) {}

  // What was read in an hour; more of one that is known is added to it. Hours that were judged stay
  // as they were.
  void read(const HourRead& read);
  // Judges the hours that are over.
  void pass(UtcMicros now);
  // Nothing: the last hour that counts was as it was to be, or too little is known.
  const std::optional<VolumeAnomaly>& anomaly() const { return anomaly_; }

 private:
  void judge(const HourRead& read);

  std::optional<Zone> zone_;
  DaysOff off_;
  VolumeHistory history_;
  std::map<std::int64_t, std::int64_t> hours_;  // to be judged, with their rows
  std::optional<std::int64_t> judged_;          // in UTC
  std::optional<std::int64_t> judged_wall_;
  int usual_in_a_row_ = 0;  // hours that were each as it was to be
  std::optional<VolumeAnomaly> anomaly_;
};

// The hour in which a run counts.
std::int64_t hour_of(UtcMicros at);
UtcMicros begin_of_hour(std::int64_t hour);

}  // namespace tidemark
