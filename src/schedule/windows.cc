#include "schedule/windows.h"

#include <algorithm>

#include "schedule/fire_rules.h"

namespace tidemark {

std::string to_text(const std::vector<Awaited>& awaited, bool any) {
  std::string text;
  for (std::size_t at = 0; at < awaited.size(); ++at) {
    const bool last = at + 1 == awaited.size();
    if (at > 0) text += !last ? ", " : any ? " or " : " and ";
    text += awaited[at].job.get() + " of " + to_text(awaited[at].fire);
    if (awaited[at].failed) text += last ? ", which failed" : ", which failed,";
  }
  return text;
}

bool Windows::waits(const JobSpec& job) {
  return job.enabled && !job.schedule.after.empty() && !Triggers::is_triggered(job);
}

std::vector<Awaited> Windows::follows(const JobName& job, UtcMicros fire) const {
  std::vector<Awaited> found;
  const auto planned = jobs_.find(job);
  if (planned == jobs_.end() || !waits(*planned->second.spec)) return found;
  Known known;
  for (const Name& before : planned->second.spec->schedule.after) {
    const JobName name(before.value);
    if (const auto newest = newest_until(name, fire, known)) found.push_back({name, *newest});
  }
  return found;
}

// One without times of its own has the times of those that it follows: it has run for each of them
// up to the oldest of their newest, and for any of them up to the newest.
std::optional<UtcMicros> Windows::newest_until(const JobName& job, UtcMicros at,
                                               Known& known) const {
  const auto seen = known.find(job);
  if (seen != known.end()) return seen->second;
  const auto planned = jobs_.find(job);
  if (planned == jobs_.end() || !planned->second.spec->enabled) return std::nullopt;
  const ScheduleSpec& schedule = planned->second.spec->schedule;
  std::optional<UtcMicros> newest;
  if (planned->second.times) {
    newest = planned->second.times->until(at);
  } else {
    for (const Name& before : schedule.after) {
      const auto one = newest_until(JobName(before.value), at, known);
      if (!one) continue;
      if (!newest) newest = one;
      newest = schedule.after_any ? std::max(*newest, *one) : std::min(*newest, *one);
    }
  }
  known[job] = newest;
  return newest;
}

std::vector<Awaited> Windows::missing(const JobSpec& job, const std::vector<Awaited>& follows,
                                      const Triggers& ended) {
  std::vector<Awaited> found;
  for (Awaited one : follows) {
    const Triggers::Newest newest = ended.newest(one.job);
    const bool any = newest.any && *newest.any >= one.fire;
    const bool well = newest.well && *newest.well >= one.fire;
    const bool came = job.schedule.after_failed == AfterFailed::run ? any : well;
    if (came && job.schedule.after_any) return {};
    one.failed = any && !well;
    if (!came) found.push_back(std::move(one));
  }
  return found;
}

// One that is taken late, after a stop, waits no shorter for that.
std::optional<UtcMicros> Windows::waits_until(const JobName& job, UtcMicros fire,
                                              UtcMicros now) const {
  const auto planned = jobs_.find(job);
  if (planned == jobs_.end() || !planned->second.times) return std::nullopt;
  const UtcMicros begin = std::max(fire, now);
  const auto& wait = planned->second.spec->schedule.after_wait;
  if (wait) return later(begin, *wait);
  const auto next = planned->second.times->after(begin);
  // Behind the last one its rhythm goes on, or it would wait for ever.
  return next ? next : planned->second.times->fires.after(begin);
}

}  // namespace tidemark
