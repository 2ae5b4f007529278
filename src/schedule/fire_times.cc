#include "schedule/fire_times.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace tidemark {
namespace {

constexpr std::int64_t second_us = 1'000'000;
// No two clocks are further apart.
constexpr std::int64_t offsets_apart_s = 2 * 86'400;

std::int64_t floor_div(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

}  // namespace

std::string zone_name(const ScheduleSpec& schedule) {
  return schedule.timezone ? schedule.timezone->value : "UTC";
}

FireTimes FireTimes::every(std::chrono::milliseconds distance) {
  TM_ASSERT(distance.count() > 0);
  FireTimes times;
  times.distance_us_ = std::chrono::microseconds(distance).count();
  return times;
}

FireTimes FireTimes::cron(Cron cron, Zone zone) {
  FireTimes times;
  times.cron_ = std::move(cron);
  times.zone_ = std::move(zone);
  return times;
}

std::optional<FireTimes> FireTimes::on_the_wall() const {
  auto utc = Zone::find("UTC");
  if (!cron_ || !utc.ok()) return std::nullopt;
  return cron(*cron_, *std::move(utc));
}

Result<std::optional<FireTimes>> FireTimes::of(const ScheduleSpec& schedule) {
  if (schedule.every) return std::optional(every(*schedule.every));
  if (!schedule.cron) return std::optional<FireTimes>();
  TM_TRY(Cron times, Cron::parse(schedule.cron->value));
  TM_TRY(Zone zone, Zone::find(zone_name(schedule)));
  return std::optional(cron(std::move(times), std::move(zone)));
}

std::optional<UtcMicros> FireTimes::after(UtcMicros at) const {
  if (distance_us_ > 0) return UtcMicros((floor_div(at.get(), distance_us_) + 1) * distance_us_);
  const auto second = cron_after(floor_div(at.get(), second_us));
  if (!second) return std::nullopt;
  return UtcMicros(*second * second_us);
}

// Between two settings of the clock it runs evenly: one such stretch after the other is looked at.
std::optional<std::int64_t> FireTimes::cron_after(std::int64_t second) const {
  std::int64_t from = second + 1;
  while (true) {
    const std::int64_t offset = zone_->offset(from);
    std::int64_t wall = from + offset;
    const auto begin = cron_->goes_by_elapsed_time() ? std::nullopt : zone_->change_until(from);
    if (begin) {
      // What the clock would have shown now had it not been set.
      const std::int64_t unset = *begin + zone_->offset(*begin - 1);
      const auto left_out = from == *begin ? cron_->next(unset) : std::nullopt;
      if (left_out && *left_out < *begin + offset) return *begin;
      wall = std::max(wall, unset);  // it has shown those before
    }
    const auto named = cron_->next(wall);
    if (!named) return std::nullopt;
    const auto end = zone_->change_after(from);
    if (!end || *named - offset < *end) return *named - offset;
    // What the clock shows again may be named there; nothing else is until shortly before.
    from = begin ? std::max(*end, *named - offsets_apart_s) : *end;
  }
}

}  // namespace tidemark
