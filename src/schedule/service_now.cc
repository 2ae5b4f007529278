// What a service says of itself to who looks on.
#include "schedule/fire_rules.h"
#include "schedule/service.h"

namespace tidemark {

// With mutex_ held, at the first attempt. What was due before this service was there is not late by
// its doing.
void Service::note_delay(const Job& job, const FireRecord& fire) {
  if (fire.attempts != 1 || fire.half == FireHalf::load || !serves_since_) return;
  const auto times = job.times.find(fire.task.what);
  const UtcMicros due =
      times == job.times.end() ? fire.fire : times->second.begin_of(fire.task.job, fire.fire);
  if (due < *serves_since_) return;
  const UtcMicros now = time();
  delays_.add(now, std::chrono::milliseconds((now.get() - due.get()) / 1000));
}

ServiceNow Service::now() {
  const std::lock_guard lock(mutex_);
  const UtcMicros utc = time();
  const std::chrono::nanoseconds monotonic = parts_.clock.monotonic();
  ServiceNow found{serves_since_, delays_.last_hour(utc), {}, watches_.unseen()};
  for (const auto& [connection, breaker] : breakers_) {
    const auto until = breaker.open_until(monotonic);
    if (until) found.resting.push_back({connection, later(utc, *until - monotonic), breaker.why()});
  }
  return found;
}

bool Service::cancel(const RunId& run, const std::string& why) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, fire] : open_) {
    if (fire.run != run) continue;
    const auto running = running_.find(fire.task.job);
    if (running == running_.end()) return false;
    if (running->second.why.empty()) running->second.why = why;
    running->second.cancel->request();
    return true;
  }
  return false;
}

}  // namespace tidemark
