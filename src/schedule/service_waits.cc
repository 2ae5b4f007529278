// Jobs of a service that come after others: what is known of those, and fires that wait for them at
// their time.
#include <algorithm>
#include <utility>

#include "schedule/fire_rules.h"
#include "schedule/service.h"

namespace tidemark {
namespace {

// Fires of a job in which its newest that ended is looked for.
constexpr int looked_back = 100;

// One that was begun once waits for nobody any more.
bool waits_for_window(const FireRecord& fire, const JobSpec& job) {
  return fire.task.what == FireTask::run && fire.half == FireHalf::extract && fire.attempts == 0 &&
         Windows::waits(job);
}

}  // namespace

// What is known of the fires of jobs that follow others, and of those that they follow.
Status Service::take_up_triggers() {
  std::vector<JobName> followers;
  std::set<JobName> followed;
  {
    const std::lock_guard lock(mutex_);
    followers = triggers_.followers();
    followed = triggers_.followed();
  }
  for (const JobName& job : followed) {
    TM_TRY(const std::vector<FireRecord> fires, parts_.store.list_fires(job, looked_back));
    const std::lock_guard lock(mutex_);
    for (const FireRecord& fire : fires) {
      if (counts_as_run(fire.state)) triggers_.ended(job, fire.fire, fire.state == FireState::done);
    }
  }
  for (const JobName& job : followers) {
    TM_TRY(const std::vector<FireRecord> last, parts_.store.list_fires(job, 1));
    if (last.empty()) continue;
    TM_TRY(const FireInputs inputs, parse_fire_inputs(last.front().inputs));
    const std::lock_guard lock(mutex_);
    triggers_.fired(job, last.front().fire, inputs);
  }
  return follow();
}

// With mutex_ held.
void Service::set_windows() {
  std::unordered_map<JobName, PlannedJob> planned;
  for (const auto& [name, job] : jobs_) {
    const auto times = job.times.find(FireTask::run);
    planned.emplace(
        name, PlannedJob{job.spec,
                         times == job.times.end() ? std::nullopt : std::optional(times->second)});
  }
  windows_.set(std::move(planned));
  for (auto& [key, follows] : held_)
    follows = windows_.follows(key.first.job, key.second);
}

// With mutex_ held: whether the fire, which is not queued then, waits for others. What it waits
// for is said with the next look.
bool Service::hold(FireRecord& fire) {
  const JobSpec& job = *jobs_.at(fire.task.job).spec;
  if (options_.shared) return false;  // see waits_for_others
  if (!waits_for_window(fire, job)) return false;
  auto follows = windows_.follows(job.name, fire.fire);
  if (Windows::missing(job, follows, triggers_).empty()) return false;
  const UtcMicros at = time();
  if (!fire.next_at) fire.next_at = windows_.waits_until(job.name, fire.fire, at);
  const bool is_late = fire.next_at && *fire.next_at <= at;
  if (is_late && job.schedule.after_late == AfterLate::run) return false;
  held_[{fire.task, fire.fire}] = std::move(follows);
  return true;
}

// The same where servers share the store, of a fire that was claimed: it is anybody's again for a
// moment, so that it has no place of a pool and no job while it waits. True: it is to be stored,
// for later or since it has waited long enough.
bool Service::waits_for_others(FireRecord& fire) {
  constexpr std::chrono::seconds asks_again_after{2};
  const JobSpec& job = *jobs_.at(fire.task.job).spec;
  if (!waits_for_window(fire, job)) return false;
  const auto missing = Windows::missing(job, windows_.follows(job.name, fire.fire), triggers_);
  if (missing.empty()) return false;
  const UtcMicros at = time();
  const auto until = windows_.waits_until(job.name, fire.fire, fire.fire);
  const std::string names = to_text(missing, job.schedule.after_any);
  if (!until || *until > at) {
    fire.state = FireState::waiting;
    fire.reason = "waits for " + names;
    fire.next_at = later(at, asks_again_after);
    return true;
  }
  if (job.schedule.after_late == AfterLate::run) return false;
  fire.state = FireState::skipped;
  fire.reason = "it waited long enough for " + names;
  return true;
}

// Those that may begin are queued, those that have waited long enough are settled, and of the
// others it is said what they wait for, once.
void Service::look_at_held() {
  std::vector<FireRecord> changed;
  std::vector<FireRecord> begun;
  {
    const std::lock_guard lock(mutex_);
    const UtcMicros at = time();
    for (auto held = held_.begin(); held != held_.end();) {
      const FireKey key = held->first;
      const auto open = open_.find(key);
      const auto job = jobs_.find(key.first.job);
      if (open == open_.end() || job == jobs_.end() || open->second.state != FireState::waiting) {
        held = held_.erase(held);  // another took its place, or its job is gone
        continue;
      }
      FireRecord& fire = open->second;
      const ScheduleSpec& schedule = job->second.spec->schedule;
      const auto missing = Windows::missing(*job->second.spec, held->second, triggers_);
      const std::string names = to_text(missing, schedule.after_any);
      const bool is_late = fire.next_at && *fire.next_at <= at;
      if (!missing.empty() && !is_late) {
        std::string reason = "waits for " + names;
        if (reason != fire.reason) {
          fire.reason = std::move(reason);
          changed.push_back(fire);
        }
        ++held;
        continue;
      }
      held = held_.erase(held);
      if (missing.empty() || schedule.after_late == AfterLate::run) {
        if (!missing.empty()) {
          fire.reason = "begins without " + names;
          begun.push_back(fire);
        }
        enter_again(key);
        continue;
      }
      fire.state = FireState::skipped;
      fire.reason = "it waited long enough for " + names;
      fire.next_at.reset();
      changed.push_back(fire);
      open_.erase(open);
    }
  }
  for (const FireRecord& fire : changed)
    store_and_tell(fire, std::nullopt);
  // What becomes of them is stored by who runs them, perhaps already.
  for (const FireRecord& fire : begun)
    tell(fire, std::nullopt);
}

}  // namespace tidemark
