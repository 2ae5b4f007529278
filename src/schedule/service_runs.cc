// The runs of a service: what a worker does with a fire, from its turn to its end.
#include <utility>

#include <fmt/format.h>

#include "schedule/fire_rules.h"
#include "schedule/retry.h"
#include "schedule/service.h"

namespace tidemark {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

// When a fire is tried again whose job somebody else has.
constexpr std::chrono::seconds owed_again_after{5};

// The quiet hours of its source began before it did.
bool was_put_off(const std::optional<Error>& error) {
  return error && is_quiet(error->code);
}

// Whether a run ended for a reason that is none of its job: somebody else runs the job, as a person
// by hand or a server that was silent; its lease was lost, as while the store was away; the stage
// is not there; the store took no writes; or it was stopped, and nobody had asked.
bool was_not_its_own(const std::optional<Error>& error, FireState state, const std::string& why) {
  if (!why.empty()) return false;
  if (state == FireState::cancelled) return true;
  return error &&
         (error->code == "run.leased" || error->code == "run.lease_lost" ||
          error->code == "stage.not_shared" || was_put_off(error) || is_the_stores(*error));
}

// Says nothing of the connections of a run.
std::optional<Error> was_stopped() {
  return internal_error("run.cancelled", "");
}

}  // namespace

void Service::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    std::optional<QueuedRun> next;
    while (!leaving_ && !(next = queue_.take()))
      changed_.wait(lock);
    if (leaving_) return;
    lock.unlock();
    begin(*next);
    lock.lock();
    queue_.ended(next->task.job);
    if (next->task.what == FireTask::backfill) parts_left_ = true;
    changed_.notify_all();
    lock.unlock();
    Status followed = follow();
    if (!followed.ok()) fail(std::move(followed).error());
    lock.lock();
  }
}

void Service::begin(const QueuedRun& next) {
  if (next.task.what == FireTask::backfill) return begin_part(next.task.job);
  Cancel cancel;
  FireRecord fire;
  RunId before;
  std::shared_ptr<const JobSpec> spec;
  const JobName& name = next.task.job;
  {
    const std::lock_guard lock(mutex_);
    const Job* const job = doer_of(next.task);
    const auto known = open_.find({next.task, next.fire});
    if (job == nullptr || known == open_.end() || leaving_) return;
    spec = job->spec;
    fire = known->second;
    const auto why = held_back(*spec, fire);
    if (why) {
      fire.reason = *why;
      put_back(fire);
    } else {
      fire.state = FireState::running;
      if (!is_in_halves(next.task)) fire.half = FireHalf::extract;  // of settings of before
      ++fire.attempts;
      note_delay(*job, fire);
      before = std::exchange(fire.run, RunId());
      fire.run = fire.half == FireHalf::load ? before : new_run_id(parts_.clock, parts_.randomness);
      fire.reason.clear();
      fire.next_at.reset();
      Running running{&cancel, std::nullopt, {}};
      if (spec->schedule.timeout && next.task.what == FireTask::run)
        running.deadline = parts_.clock.monotonic() + *spec->schedule.timeout;
      running_.emplace(name, running);
      known->second = fire;
    }
  }
  if (fire.state != FireState::running) return store_and_tell(fire, std::nullopt);
  Status stored = store(fire);
  if (!stored.ok()) return not_begun(std::move(fire), std::move(stored).error());
  tell(fire, std::nullopt);
  Outcome outcome = perform(*spec, fire, before, cancel);
  // Nothing was begun: what is known of the fire is the run of before.
  const std::string code = outcome.error ? outcome.error->code : "";
  if (code == "run.leased" || code == "stage.not_shared") fire.run = before;
  if (outcome.error && is_in_halves(fire.task) && !before.get().empty()) {
    const auto begun = parts_.store.get_run(fire.run);
    if (!begun.ok() && begun.error().code == "run.unknown") fire.run = before;
  }
  std::string why;
  {
    const std::lock_guard lock(mutex_);
    why = running_.at(name).why;
  }
  settle(*spec, fire, std::move(outcome), why);
  // Only now: who leaves waits for what runs until its end is stored.
  const std::lock_guard lock(mutex_);
  running_.erase(name);
  changed_.notify_all();
}

// Nothing begins without the store: the fire may be another's by now, or is tried again when the
// store answers.
void Service::not_begun(FireRecord fire, Error error) {
  const bool is_others = error.code == "store.stale";
  {
    const std::lock_guard lock(mutex_);
    const auto job = jobs_.find(fire.task.job);
    if (job != jobs_.end()) judge_connections(*job->second.spec, fire.half, was_stopped(), {});
    running_.erase(fire.task.job);
    const FireKey key{fire.task, fire.fire};
    if (is_others) {
      open_.erase(key);
    } else {
      FireRecord& known = open_.at(key);
      known.state = FireState::waiting;
      --known.attempts;
      retries_.emplace(later(time(), std::chrono::seconds(1)), key);
    }
  }
  if (!is_others) fail(std::move(error));
}

// With mutex_ held: a fire that is for later. Where servers share the store it is anybody's then.
void Service::put_back(const FireRecord& fire) {
  const FireKey key{fire.task, fire.fire};
  if (options_.shared) {
    open_.erase(key);
    return;
  }
  open_[key] = fire;
  if (fire.state == FireState::retry_wait) retries_.emplace(*fire.next_at, key);
}

Service::Outcome Service::perform(const JobSpec& job, FireRecord& fire, const RunId& before,
                                  Cancel& cancel) {
  if (fire.task.what == FireTask::verify) {
    Status compared = parts_.verify(job, cancel);
    if (compared.ok()) return {};
    return {std::nullopt, std::move(compared).error()};
  }
  if (is_in_halves(fire.task)) return perform_half(job, fire, before, cancel);
  auto ran = parts_.run(job, fire.run, cancel);
  if (!ran.ok()) return {std::nullopt, std::move(ran).error()};
  return {*std::move(ran), std::nullopt};
}

// With mutex_ held. A connection that does not answer holds its jobs; they wait for their turn.
std::optional<std::string> Service::held_back(const JobSpec& job, FireRecord& fire) {
  // A stage that is sealed is loaded in any hours.
  const bool reads = fire.half == FireHalf::extract;
  if (const auto put_off = reads && parts_.put_off ? parts_.put_off(job, time()) : std::nullopt) {
    fire.state = FireState::retry_wait;
    fire.next_at = put_off->until;
    return put_off->why;
  }
  const nanoseconds at = parts_.clock.monotonic();
  std::vector<Breaker*> asked;
  for (const std::string& name : asked_by(job, fire.half)) {
    Breaker& breaker = breakers_.try_emplace(name, options_.breaker).first->second;
    if (breaker.let_through(at)) {
      asked.push_back(&breaker);
      continue;
    }
    for (Breaker* one : asked)
      one->gave_up();
    const auto until = breaker.open_until(at);
    fire.state = FireState::retry_wait;
    // Another server may reach it; this one claims none of its jobs until then.
    const bool waits_here = until && !options_.shared;
    fire.next_at = later(time(), waits_here ? *until - at : nanoseconds(std::chrono::seconds(1)));
    return "connection `" + name + "` is given a rest: " + breaker.why();
  }
  return std::nullopt;
}

// With mutex_ held: what its steps and rules read is read by either half.
std::set<std::string> Service::asked_by(const JobSpec& job, FireHalf half) const {
  std::set<std::string> names = connections_of(job, half);
  const auto known = jobs_.find(job.name);
  if (known != jobs_.end()) names.insert(known->second.reads.begin(), known->second.reads.end());
  return names;
}

// The connection for whose sake a run failed; empty: for none's. An error tells whether a system
// that was read or one that was loaded is at fault, and of several that were read it may be any.
std::string Service::who_failed(const JobSpec& job, const std::optional<Error>& error) {
  if (!error || (error->fault != Fault::source && error->fault != Fault::target)) return {};
  std::set<std::string> others;
  {
    const std::lock_guard lock(mutex_);
    const auto known = jobs_.find(job.name);
    if (known != jobs_.end()) others = known->second.reads;
  }
  others.erase(job.from.connection.value);
  others.erase(job.to.connection.value);
  const bool may_be_another = error->retry != Retry::never && parts_.answers;
  for (const std::string& name : others) {
    Cancel cancel;
    if (may_be_another && !parts_.answers(name, cancel)) return name;
  }
  return error->fault == Fault::source ? job.from.connection.value : job.to.connection.value;
}

void Service::judge_connections(const JobSpec& job, FireHalf half,
                                const std::optional<Error>& error, const std::string& whose) {
  const nanoseconds at = parts_.clock.monotonic();
  for (const std::string& name : asked_by(job, half)) {
    Breaker& breaker = breakers_.try_emplace(name, options_.breaker).first->second;
    const bool was_closed = breaker.state(at) == Breaker::State::closed;
    if (!error) {
      breaker.succeeded();
    } else if (name == whose) {
      breaker.failed(*error, at);
    } else {
      breaker.gave_up();
    }
    const bool is_closed = breaker.state(at) == Breaker::State::closed;
    if (is_closed != was_closed)
      parts_.log.tell(LogLevel::debug, LogComponent::schedule,
                      "connection `" + name + (is_closed ? "` rests no more" : "` is given a rest"),
                      {{"why", breaker.why()}});
  }
}

void Service::settle(const JobSpec& job, FireRecord fire, Outcome outcome, const std::string& why) {
  const auto& [record, broke] = outcome;
  std::optional<Error> error = broke;
  fire.state = FireState::done;
  if (record) {
    fire.state = state_after(*record);
    if (record->error) error = error_of(*record->error);
  } else if (error) {
    fire.state = error->code == "run.cancelled" ? FireState::cancelled : FireState::failed;
  }
  if (error) fire.reason = error->message;
  const FireHalf half = fire.half;
  const bool is_staged = is_in_halves(fire.task) && record && waits_for_load(*record);
  if (is_staged && error && error->code == "run.cancelled") fire.state = FireState::cancelled;
  const bool changes_hands = comes_to_other_half(job, fire, outcome);
  const bool stopped = fire.state == FireState::cancelled;
  const std::string whose = stopped || was_put_off(error) ? "" : who_failed(job, error);
  bool stays = false;
  {
    const std::lock_guard lock(mutex_);
    // What was stopped, or did not ask, says nothing of them.
    judge_connections(job, half, stopped || was_put_off(error) ? was_stopped() : error, whose);
    if (changes_hands) {
      stays = true;
    } else if (stopped && why.empty() && leaving_) {
      // The next start goes on with it.
      fire.state = FireState::waiting;
      --fire.attempts;
      stays = true;
    } else if (stopped) {
      fire.state = why.starts_with("it took") ? FireState::failed : FireState::cancelled;
      if (!why.empty()) fire.reason = why;
    }
    const bool goes_on = doer_of(fire.task) != nullptr;
    if (!stays && was_not_its_own(error, fire.state, why) && goes_on) {
      // Owed as before: no attempt was made, or not to its end.
      --fire.attempts;
      fire.state = FireState::retry_wait;
      fire.next_at = later(time(), owed_again_after);
      stays = true;
    } else if (!stays && fire.state == FireState::failed && error && !stopped && goes_on) {
      const UtcMicros at = time();
      const milliseconds since((at.get() - fire.fire.get()) / 1000);
      auto pause = pause_before_retry(job.schedule.retries, *error, static_cast<int>(fire.attempts),
                                      since, parts_.randomness);
      if (!pause && is_staged) pause = milliseconds(0);  // its run was left open for it
      // Nobody could ask the target, so its run is staged still.
      if (!pause && half == FireHalf::load && !record) pause = job.schedule.retries.pause_max;
      if (pause) {
        fire.state = FireState::retry_wait;
        fire.next_at = later(at, *pause);
        stays = true;
      }
    }
    if (stays) {
      put_back(fire);
    } else {
      open_.erase({fire.task, fire.fire});
      if (fire.task.what == FireTask::run && counts_as_run(fire.state)) {
        const bool well = fire.state == FireState::done;
        triggers_.ended(fire.task.job, fire.fire, well);
        if (!well) fire.reason += held_back_text(triggers_.held_back_by(fire.task.job));
      }
    }
    changed_.notify_all();
  }
  store_and_tell(fire, std::move(outcome.record));
}

// One that is for later is anybody's from then on, where servers share the store.
Status Service::store(const FireRecord& fire) {
  bool stays = true;
  if (options_.shared && !has_ended(fire.state)) {
    const std::lock_guard lock(mutex_);
    stays = open_.contains({fire.task, fire.fire});
  }
  return stays ? parts_.store.update_fire(fire) : parts_.store.release_fire(fire);
}

void Service::store_and_tell(const FireRecord& fire, std::optional<RunRecord> record) {
  keep(fire);
  tell(fire, std::move(record));
}

void Service::keep(const FireRecord& fire) {
  Status stored = store(fire);
  // Stale: it has ended, as when its job was removed meanwhile, or another server has it.
  if (!stored.ok() && stored.error().code != "store.stale") {
    const std::lock_guard lock(mutex_);
    unstored_.push_back(fire);
  }
  if (!stored.ok() && stored.error().code != "store.stale") fail(std::move(stored).error());
}

void Service::tell(const FireRecord& fire, std::optional<RunRecord> record) {
  const LogScope scope({fire.run.get(), fire.task.job.get(), {}});
  const bool needs_somebody = fire.state == FireState::failed || fire.state == FireState::blocked;
  parts_.log.tell(
      needs_somebody ? LogLevel::error : LogLevel::debug, LogComponent::schedule,
      fmt::format("{} {}", to_string(fire.task.what), to_string(fire.state)),
      {{"fire", to_text(fire.fire)}, {"attempts", fire.attempts}, {"why", fire.reason}});
  const std::lock_guard lock(tell_mutex_);
  parts_.tell({fire.task, fire.fire, fire.state, fire.reason, std::move(record)});
}

// A store that is away is waited for; what happens meanwhile is kept here.
void Service::fail(Error error) {
  if (error.retry == Retry::never && !is_the_stores(error)) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    changed_.notify_all();
    return;
  }
  bool was_away = false;
  {
    const std::lock_guard lock(mutex_);
    was_away = std::exchange(store_is_away_, true);
    changed_.notify_all();
  }
  // Not with the lock held: who reads the log may be slow.
  if (!was_away)
    parts_.log.tell_error(LogLevel::warn, LogComponent::schedule,
                          "the store does not answer, so nothing begins until it does", error);
}

}  // namespace tidemark
