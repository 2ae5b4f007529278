// Parts of backfills that a service runs: in places that nothing else wants, one after the other.
//
// Which backfills there are stands in the store. A part waits in the queue with the lowest priority
// of all; when it gets a place its backfill is claimed, for this part alone.
#include <algorithm>
#include <utility>

#include "schedule/fire_rules.h"
#include "schedule/fires_behind.h"
#include "schedule/service.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::chrono::seconds asks_every{1};
// After an error that may pass: 1 s, 2 s, 4 s, ..., in all some ten minutes.
constexpr int tries_max = 10;
constexpr std::chrono::seconds rests_max{300};

nanoseconds rest_after(int tries) {
  return std::min<nanoseconds>(std::chrono::seconds(1) * (1 << std::clamp(tries - 1, 0, 16)),
                               rests_max);
}

}  // namespace

// Backfills whose next part may have a place here.
Status Service::offer_backfills() {
  if (!parts_.backfill || !options_.works) return {};
  const nanoseconds at = parts_.clock.monotonic();
  const bool again = parts_left_.exchange(false);
  if (!again && backfills_asked_ && at - *backfills_asked_ < asks_every) return {};
  backfills_asked_ = at;
  TM_TRY(const std::vector<BackfillRecord> open, parts_.store.detached_backfills());
  std::vector<const BackfillRecord*> unknown;
  {
    const std::lock_guard lock(mutex_);
    for (const BackfillRecord& backfill : open) {
      if (!jobs_.contains(backfill.job)) unknown.push_back(&backfill);
      offer(backfill, at);
    }
    changed_.notify_all();
  }
  // The files of another server may have the job.
  for (const BackfillRecord* const backfill : unknown) {
    if (options_.shared) break;
    const std::string why = "its job is not in the project";
    TM_TRY(const bool moved, parts_.store.move_backfill(backfill->id, {BackfillState::running},
                                                        BackfillState::failed, why));
    if (moved) say_of(LogLevel::error, *backfill, "failed: " + why);
  }
  return {};
}

// With mutex_ held.
void Service::offer(const BackfillRecord& backfill, nanoseconds at) {
  const Task task(backfill.job, FireTask::backfill);
  const auto job = jobs_.find(backfill.job);
  if (job == jobs_.end() || queue_.is_busy(task)) return;
  const auto& label = job->second.spec->schedule.label;
  if (label && !options_.labels.contains(label->value)) return;
  const auto rest = backfill_rests_.find(backfill.job);
  // A person may say meanwhile that it is to run in quiet hours too.
  const bool rests = rest != backfill_rests_.end() && at < rest->second.until;
  if (rests && !(rest->second.is_quiet && backfill.in_quiet_hours)) return;
  if (!is_reachable(*job->second.spec, FireHalf::extract, at)) return;
  queue_.add({task, backfill.created_at, backfill_priority, backfill_pool});
}

// A worker's: the part has a place.
void Service::begin_part(const JobName& name) {
  Cancel cancel;
  std::shared_ptr<const JobSpec> spec;
  {
    const std::lock_guard lock(mutex_);
    const auto job = jobs_.find(name);
    if (job == jobs_.end() || leaving_) return;
    spec = job->second.spec;
    running_.emplace(name, Running{&cancel, std::nullopt, {}});
  }
  auto rest = run_part_of(*spec, cancel);
  const bool is_quiet = parts_.put_off && parts_.put_off(*spec, time());
  {
    const std::lock_guard lock(mutex_);
    running_.erase(name);
    backfill_rests_[name] = {parts_.clock.monotonic() + (rest.ok() ? *rest : asks_every), is_quiet};
    changed_.notify_all();
  }
  if (!rest.ok()) fail(std::move(rest).error());
}

// How long the job's backfills rest then.
Result<nanoseconds> Service::run_part_of(const JobSpec& job, Cancel& cancel) {
  TM_TRY(const std::optional<BackfillRecord> backfill,
         parts_.store.claim_backfill(
             {job.name, options_.owner, places_of_backfills(), options_.shared}));
  if (!backfill) return nanoseconds(asks_every);
  auto rest = run_part_of(job, *backfill, cancel);
  const Status released = parts_.store.release_backfill(*backfill);
  if (!rest.ok() && rest.error().code == "store.stale") return nanoseconds(asks_every);
  // Where the store does not answer the next claim of this service finds its own.
  if (rest.ok() && !released.ok()) return released.error();
  return rest;
}

Result<nanoseconds> Service::run_part_of(const JobSpec& job, const BackfillRecord& backfill,
                                         Cancel& cancel) {
  Store& store = parts_.store;
  PartTries tries;
  {
    const std::lock_guard lock(mutex_);
    tries = part_tries_[backfill.id];
  }
  auto ran = parts_.backfill(job, backfill, cancel);
  if (!ran.ok()) {
    const std::string& code = ran.error().code;
    // Somebody else has the job, or what became of a part cannot be known yet.
    const bool waits = code == "run.leased" || code == "run.lease_lost" ||
                       code == "backfill.unsettled" || code == "run.cancelled" ||
                       code == "stage.not_shared";
    if (waits) return nanoseconds(asks_every);
    if (code.starts_with("store.")) return std::move(ran).error();
    if (ran.error().retry != Retry::never) return nanoseconds(rests_max);
    TM_TRY([[maybe_unused]] const bool moved,
           store.move_backfill(backfill.id, {BackfillState::running}, BackfillState::failed,
                               ran.error().message));
    say_of(LogLevel::error, backfill, "failed: " + ran.error().message);
    return nanoseconds(0);
  }
  if (!*ran) {
    TM_CHECK(end(backfill));
    return nanoseconds(0);
  }
  const PartEnd& end = **ran;
  const bool was_put_off = end.run.error && is_quiet(end.run.error->code);
  AfterPart after = AfterPart::again;
  if (was_put_off) {
    BackfillPart waits = end.part;
    waits.state = PartState::waiting;
    TM_CHECK(store.update_part(backfill, waits));
  } else {
    TM_TRY(after, judge_part(store, backfill, end, tries_max, tries));
  }
  {
    const std::lock_guard lock(mutex_);
    if (after == AfterPart::again) {
      part_tries_[backfill.id] = tries;
    } else {
      part_tries_.erase(backfill.id);
    }
  }
  std::string text = "part " + std::to_string(end.part.number) + ": ";
  text += end.part.state == PartState::done ? std::to_string(end.part.rows) + " rows"
                                            : std::string(to_string(end.run.status()));
  if (end.run.error) text += ": " + end.run.error->message;
  if (after == AfterPart::failed) text += "; all would fail so, and the backfill has failed";
  say_of(after == AfterPart::failed ? LogLevel::error : LogLevel::info, backfill, text);
  if (after != AfterPart::again) return nanoseconds(0);
  return was_put_off ? until_it_may_begin(job) : rest_after(tries.tries);
}

// Only a part that has to ask the source is put off: what is in the stage is read in any hours.
nanoseconds Service::until_it_may_begin(const JobSpec& job) {
  const UtcMicros at = time();
  const auto put_off = parts_.put_off ? parts_.put_off(job, at) : std::nullopt;
  if (!put_off) return asks_every;
  return std::max<nanoseconds>(std::chrono::microseconds(put_off->until.get() - at.get()),
                               asks_every);
}

// None of its parts waits any more. What runs behind it is taken with its end, and is this
// service's at once where it is alone.
Status Service::end(const BackfillRecord& backfill) {
  std::vector<FireRecord> behind;
  {
    const std::lock_guard lock(mutex_);
    part_tries_.erase(backfill.id);
    std::vector<const JobSpec*> jobs;
    for (const auto& [name, job] : jobs_)
      jobs.push_back(job.spec.get());
    behind = fires_behind(jobs, backfill, options_.shared ? "" : options_.owner);
  }
  TM_TRY(std::vector<FireRecord> taken, end_backfill(parts_.store, backfill, behind));
  TM_TRY(const BackfillRecord now, parts_.store.find_backfill(backfill.id));
  say_of(now.state == BackfillState::failed ? LogLevel::error : LogLevel::info, backfill,
         std::string(to_string(now.state)) + (now.note.empty() ? "" : ": " + now.note));
  for (FireRecord& fire : taken) {
    tell(fire, std::nullopt);
    if (options_.shared) continue;
    TM_TRY(const FireInputs inputs, parse_fire_inputs(fire.inputs));
    {
      const std::lock_guard lock(mutex_);
      triggers_.fired(fire.task.job, fire.fire, inputs);
    }
    adopt(std::move(fire));
  }
  return {};
}

int Service::places_of_backfills() const {
  const auto places = options_.limits.pools.find(backfill_pool);
  return places == options_.limits.pools.end() ? 1 : places->second;
}

void Service::say_of(LogLevel level, const BackfillRecord& backfill, const std::string& text) {
  const LogScope scope({{}, backfill.job.get(), {}});
  parts_.log.tell(level, LogComponent::schedule,
                  "backfill " + backfill.id.get() + " of " + backfill.job.get() + ", " + text);
}

}  // namespace tidemark
