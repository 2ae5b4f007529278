// From when to when a job runs by itself, and which of its times come first then.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "drivers/zone/zone.h"
#include "spec/cron.h"
#include "spec/job_parts.h"

namespace tidemark {

namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t day_s = 86'400;
constexpr std::size_t shown_max = 3;

// What the clock of the zone shows then, in seconds.
std::int64_t wall_of(const DayOrMoment& limit, const Zone& zone) {
  if (limit.day) return *limit.day * day_s;
  const std::int64_t second = limit.moment.get() / second_us;
  return second + zone.offset(second);
}

// The first times from `wall` on, as that clock shows them.
std::vector<std::int64_t> first_times(const ScheduleSpec& schedule, const Zone& zone,
                                      std::int64_t wall) {
  std::vector<std::int64_t> times;
  if (schedule.every && schedule.every->count() > 0) {
    const std::int64_t distance = std::max<std::int64_t>(1, schedule.every->count() / 1000);
    std::int64_t second = (zone.shows(wall) + distance - 1) / distance * distance;
    for (; times.size() < shown_max; second += distance)
      times.push_back(second + zone.offset(second));
  }
  const auto cron = schedule.cron ? Cron::parse(schedule.cron->value)
                                  : Result<Cron>(user_error("spec.cron", "there is none"));
  while (cron.ok() && times.size() < shown_max) {
    const auto next = cron->next(times.empty() ? wall : times.back() + 1);
    if (!next) break;
    times.push_back(*next);
  }
  return times;
}

std::string shown(std::int64_t wall) {
  std::string text = to_text(UtcMicros(wall * second_us)).substr(0, 19);
  text[text.find('T')] = ' ';
  return text;
}

}  // namespace

void check_limits(const ScheduleSpec& schedule, Location at, ReadContext& context) {
  if (!schedule.starts || !schedule.ends) return;
  const std::string name = schedule.timezone ? schedule.timezone->value : "UTC";
  const auto zone = Zone::find(name);
  if (!zone.ok()) return;  // it has a fault of its own
  const std::int64_t from = wall_of(*schedule.starts, *zone);
  const std::int64_t end = wall_of(*schedule.ends, *zone);
  const std::vector<std::int64_t> times = first_times(schedule, *zone, from);
  const bool turned = end <= from;
  if (!turned && (times.empty() || times.front() < end)) return;
  std::string list;
  for (const std::int64_t time : times)
    list += (list.empty() ? "" : ", ") + shown(time);
  context.fault(at,
                turned ? "`ends` is not after `starts`, so the job never runs"
                       : "no time of the job lies between `starts` and `ends`, so it never runs",
                list.empty() ? "write an `ends` that is later"
                             : "from `starts` on its times would be " + list + " (" + name +
                                   "): write an `ends` that is later than one of them");
}

}  // namespace tidemark
