// FireTimes: when a job runs by itself.
//
// `every` means the multiples of a distance since 1970-01-01T00:00:00Z, so that every server and
// every start of one says the same times: `1h` is each full hour. `cron` names times of a clock on
// the wall of a zone. Where that clock is set, a time of day (`30 2 * * *`) that it leaves out is
// the moment in which it is set, and one that it shows twice is the first; what goes by elapsed
// time (`*/10 * * * *`, `0 */2 * * *`) happens whenever the clock shows it, so neither at times
// left out nor once at those shown twice. A plain value, any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "drivers/zone/zone.h"
#include "env/clock.h"
#include "spec/cron.h"
#include "spec/job_spec.h"

namespace tidemark {

// The zone of a job's `cron`, by its name.
std::string zone_name(const ScheduleSpec& schedule);

class FireTimes {
 public:
  // REQUIRES a distance above 0, of some years at most.
  static FireTimes every(std::chrono::milliseconds distance);
  static FireTimes cron(Cron cron, Zone zone);
  // Nothing where the job has neither; `env.no_zone`, or `spec.cron` for a text that was not
  // checked.
  static Result<std::optional<FireTimes>> of(const ScheduleSpec& schedule);

  // What the wall shows at the times of `cron`, as if it were UTC: none is left out or shown twice.
  // Nothing of `every`, which knows no wall.
  std::optional<FireTimes> on_the_wall() const;

  // The first one after `at`; nothing where there is none in the next fifty years.
  std::optional<UtcMicros> after(UtcMicros at) const;

 private:
  FireTimes() = default;
  std::optional<std::int64_t> cron_after(std::int64_t second) const;

  std::int64_t distance_us_ = 0;  // 0: cron
  std::optional<Cron> cron_;
  std::optional<Zone> zone_;
};

}  // namespace tidemark
