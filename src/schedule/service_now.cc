// What a service says of itself to who looks on.
#include <algorithm>

#include "schedule/fire_rules.h"
#include "schedule/service.h"

namespace tidemark {
namespace {

std::string at_what(const FireRecord& fire) {
  const std::string of = " of " + to_text(fire.fire);
  if (fire.state == FireState::running) return of + ", which runs";
  if (fire.state == FireState::retry_wait) return of + ", which is tried again";
  return of + ", which waits";
}

}  // namespace

// With mutex_ held, at the first attempt. What was due before this service was there is not late by
// its doing.
void Service::note_delay(const Job& job, const FireRecord& fire) {
  if (fire.attempts != 1 || fire.half == FireHalf::load || !serves_since_) return;
  const auto times = job.times.find(fire.task.what);
  const UtcMicros due =
      times == job.times.end() ? fire.fire : times->second.begin_of(fire.task.job, fire.fire);
  if (due < *serves_since_) return;
  const UtcMicros now = time();
  const std::chrono::milliseconds delay((now.get() - due.get()) / 1000);
  delays_.add(now, delay);
  if (parts_.delayed) parts_.delayed(delay);
}

// With mutex_ held: the oldest.
const FireRecord* Service::open_fire_of(const JobName& job) const {
  const auto fire = open_.lower_bound({Task(job), UtcMicros(0)});
  return fire != open_.end() && fire->first.first == Task(job) ? &fire->second : nullptr;
}

// With mutex_ held: for whom a job waits that follows others; empty: for nobody, or only for their
// times.
std::string Service::awaited_by(const JobName& follower) const {
  if (open_fire_of(follower) != nullptr) return {};
  const Triggers::Waiting waiting = triggers_.waiting(follower);
  bool says = waiting.is_begun;
  std::string text;
  for (const Triggers::Lacking& one : waiting.lacking) {
    const FireRecord* const open = open_fire_of(one.job);
    says = says || open != nullptr || one.failed;
    text += (text.empty() ? "" : "; ") + one.job.get();
    if (open != nullptr) {
      text += at_what(*open);
    } else if (one.failed) {
      text += " of " + to_text(*one.failed) + ", which failed";
    }
  }
  return says ? text : std::string();
}

ServiceNow Service::now() {
  const std::lock_guard lock(mutex_);
  const UtcMicros utc = time();
  const std::chrono::nanoseconds monotonic = parts_.clock.monotonic();
  ServiceNow found{serves_since_, delays_.last_hour(utc), {}, watches_.unseen(), {}};
  for (const JobName& job : triggers_.followers()) {
    std::string awaited = awaited_by(job);
    if (!awaited.empty()) found.followers.emplace_back(job, std::move(awaited));
  }
  std::sort(found.followers.begin(), found.followers.end());
  for (const auto& [connection, breaker] : breakers_) {
    const auto until = breaker.open_until(monotonic);
    if (until) found.resting.push_back({connection, later(utc, *until - monotonic), breaker.why()});
  }
  return found;
}

std::optional<std::chrono::nanoseconds> Service::stepped_at() const {
  const std::int64_t stepped = stepped_;
  return stepped < 0 ? std::nullopt : std::optional(std::chrono::nanoseconds(stepped));
}

bool Service::cancel(const RunId& run, const std::string& why) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, fire] : open_) {
    if (fire.run != run || fire.state != FireState::running) continue;
    const auto running = running_.find(fire.task.job);
    if (running == running_.end()) return false;
    if (running->second.why.empty()) running->second.why = why;
    running->second.cancel->request();
    return true;
  }
  return false;
}

}  // namespace tidemark
