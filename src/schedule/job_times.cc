#include "schedule/job_times.h"

#include <algorithm>

namespace tidemark {
namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t day_s = 86'400;
// Days that are left out end; where none does in so many fires there is no more.
constexpr int left_out_max = 1'000'000;

std::int64_t floor_div(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

// FNV-1a and a last mix: every bit of the text moves every bit of the number.
std::uint64_t spread(const std::string& text, std::int64_t number) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto take = [&](std::uint64_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const char c : text)
    take(static_cast<unsigned char>(c));
  for (int byte = 0; byte < 8; ++byte)
    take(static_cast<std::uint64_t>(number) >> (8 * byte) & 0xff);
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93;
  return hash ^ hash >> 32;
}

}  // namespace

bool DaysOff::has(UtcMicros at) const {
  if (days.empty()) return false;
  const std::int64_t second = floor_div(at.get(), second_us);
  const std::int64_t wall = second + (zone ? zone->offset(second) : 0);
  return days.contains(floor_div(wall, day_s));
}

Result<std::optional<JobTimes>> JobTimes::of(const ScheduleSpec& schedule) {
  TM_TRY(const std::optional<FireTimes> fires, FireTimes::of(schedule));
  if (!fires) return std::optional<JobTimes>();
  TM_TRY(const Zone zone, Zone::find(schedule.timezone ? schedule.timezone->value : "UTC"));
  const auto moment = [&](const std::optional<DayOrMoment>& limit) -> std::optional<UtcMicros> {
    if (!limit || !limit->day) return limit ? std::optional(limit->moment) : std::nullopt;
    return UtcMicros(zone.shows(*limit->day * day_s) * second_us);
  };
  JobTimes times{*fires};
  times.starts = moment(schedule.starts);
  times.ends = moment(schedule.ends);
  times.off.zone = zone;
  times.off.days.insert(schedule.days_off.begin(), schedule.days_off.end());
  times.jitter = schedule.jitter;
  return std::optional(std::move(times));
}

std::optional<UtcMicros> JobTimes::after(UtcMicros at) const {
  if (starts && at < *starts) at = UtcMicros(starts->get() - 1);
  auto fire = fires.after(at);
  for (int left_out = 0; fire && off.has(*fire); ++left_out) {
    if (left_out == left_out_max || (ends && *fire >= *ends)) return std::nullopt;
    fire = fires.after(*fire);
  }
  if (fire && ends && *fire >= *ends) return std::nullopt;
  return fire;
}

UtcMicros JobTimes::begin_of(const JobName& job, UtcMicros fire) const {
  const std::int64_t width = std::chrono::microseconds(jitter).count();
  if (width <= 0) return fire;
  const std::uint64_t part = spread(job.get(), fire.get()) % static_cast<std::uint64_t>(width);
  return UtcMicros(fire.get() + static_cast<std::int64_t>(part));
}

std::vector<UtcMicros> JobTimes::missed(UtcMicros last, UtcMicros now, Missed policy) const {
  std::vector<UtcMicros> found;
  if (policy == Missed::skip) return found;
  for (auto fire = after(last); fire && *fire <= now; fire = after(*fire)) {
    if (policy == Missed::once) found.clear();
    found.push_back(*fire);
    if (found.size() > 2 * missed_max)
      found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(missed_max));
  }
  if (found.size() > missed_max)
    found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(missed_max));
  return found;
}

}  // namespace tidemark
