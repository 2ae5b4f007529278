#include "schedule/job_times.h"

#include <algorithm>

namespace tidemark {
namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t day_s = 86'400;
// Where so many days in a row bring no fire there is no more.
constexpr std::int64_t days_looked_max = 50 * 366;
// The longest stretch of days off over which a fire is moved.
constexpr std::int64_t days_moved_max = 366;

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
  times.zone = zone;
  times.off = schedule.off;
  times.on_day_off = schedule.on_day_off;
  times.jitter = schedule.jitter;
  return std::optional(std::move(times));
}

std::int64_t JobTimes::wall(UtcMicros at) const {
  const std::int64_t second = floor_div(at.get(), second_us);
  return second + (zone ? zone->offset(second) : 0);
}

UtcMicros JobTimes::shows(std::int64_t wall) const {
  return UtcMicros((zone ? zone->shows(wall) : wall) * second_us);
}

std::optional<UtcMicros> JobTimes::after(UtcMicros at) const {
  if (starts && at < *starts) at = UtcMicros(starts->get() - 1);
  std::optional<UtcMicros> fire;
  if (!off.any()) {
    fire = fires.after(at);
  } else {
    fire = on_day_off == OnDayOff::skip ? workday_after(at) : moved_after(at);
  }
  if (fire && ends && *fire >= *ends) return std::nullopt;
  return fire;
}

// From a fire on a day off on to the next day, so that a short `every` costs no more than a long.
std::optional<UtcMicros> JobTimes::workday_after(UtcMicros at) const {
  auto fire = fires.after(at);
  for (std::int64_t looked = 0; fire && off.has(floor_div(wall(*fire), day_s)); ++looked) {
    if (looked == days_looked_max || (ends && *fire >= *ends)) return std::nullopt;
    const UtcMicros next_day = shows((floor_div(wall(*fire), day_s) + 1) * day_s);
    fire = fires.after(std::max(*fire, UtcMicros(next_day.get() - 1)));
  }
  return fire;
}

// A day's fires are its own and those of the days off before it.
std::optional<UtcMicros> JobTimes::moved_after(UtcMicros at) const {
  const std::int64_t first = floor_div(wall(at), day_s);
  for (std::int64_t day = first; day < first + days_looked_max; ++day) {
    if (off.has(day)) continue;
    if (ends && shows(day * day_s) >= *ends) return std::nullopt;
    std::optional<UtcMicros> found = moved_from(day, day, at);
    for (std::int64_t from = day - 1; off.has(from) && from >= day - days_moved_max; --from) {
      const auto moved = moved_from(from, day, at);
      if (moved && (!found || *moved < *found)) found = moved;
    }
    if (found) return found;
  }
  return std::nullopt;
}

// The first fire of day `day` that is after `at` when it comes on day `to`, at that time of the
// wall: of a `cron` that it names, also where the clock did not show it on `day`.
std::optional<UtcMicros> JobTimes::moved_from(std::int64_t day, std::int64_t to,
                                              UtcMicros at) const {
  const std::int64_t shift = (to - day) * day_s;
  const std::int64_t begin = std::max(day * day_s, wall(at) - shift);
  const std::optional<FireTimes> named = shift == 0 ? std::nullopt : fires.on_the_wall();
  const FireTimes& times = named ? *named : fires;
  const auto wall_of = [&](UtcMicros fire) {
    return named ? floor_div(fire.get(), second_us) : wall(fire);
  };
  const UtcMicros first = named ? UtcMicros(begin * second_us) : shows(begin);
  for (auto fire = times.after(UtcMicros(first.get() - 1)); fire; fire = times.after(*fire)) {
    const std::int64_t shown = wall_of(*fire);
    if (floor_div(shown, day_s) > day) return std::nullopt;
    const UtcMicros moved = shift == 0 ? *fire : shows(shown + shift);
    if (moved > at && floor_div(shown, day_s) == day) return moved;
  }
  return std::nullopt;
}

std::optional<UtcMicros> JobTimes::until(UtcMicros at) const {
  constexpr std::int64_t looked_max_us = 10 * 366 * day_s * second_us;
  for (std::int64_t back = second_us; back < looked_max_us; back *= 2) {
    auto fire = after(UtcMicros(at.get() - back));
    if (!fire || *fire > at) continue;
    for (auto next = after(*fire); next && *next <= at; next = after(*next))
      fire = next;
    return fire;
  }
  return std::nullopt;
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
