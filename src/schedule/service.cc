#include "schedule/service.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "schedule/retry.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A stop is seen after this long.
constexpr milliseconds looks_every{200};
constexpr std::chrono::hours forgets_every{1};
// Runs go first.
constexpr std::int64_t verify_priority = std::numeric_limits<std::int64_t>::min();
// Fires of a job in which its newest that ended is looked for.
constexpr int looked_back = 100;
constexpr const char* before_it = "the one before it had not ended";

UtcMicros later(UtcMicros at, nanoseconds by) {
  return UtcMicros(at.get() + std::chrono::duration_cast<std::chrono::microseconds>(by).count());
}

Error error_of(const StoredError& stored) {
  Error error = internal_error(stored.code, stored.message, stored.retry, stored.hint);
  for (const Fault fault : {Fault::user, Fault::source, Fault::target, Fault::internal}) {
    if (to_string(fault) == stored.fault) error.fault = fault;
  }
  return error;
}

constexpr const char* gone = "the job is gone, or does this by itself no more";

// A comparison that was missed is made once: the next one proves as much.
Missed missed_of(const JobSpec& job, FireTask what) {
  return what == FireTask::run ? job.schedule.missed : Missed::once;
}

Overlap overlap_of(const JobSpec& job, FireTask what) {
  return what == FireTask::run ? job.schedule.overlap : Overlap::skip;
}

// What jobs that come after follow: a run that came to an end. One that was left out or cancelled
// is as none.
bool counts_as_run(FireState state) {
  return state == FireState::done || state == FireState::failed || state == FireState::blocked;
}

std::set<std::string> connections_of(const JobSpec& job) {
  return {job.from.connection.value, job.to.connection.value};
}

std::string held_back_text(const std::vector<JobName>& jobs) {
  std::string names;
  for (const JobName& job : jobs)
    names += (names.empty() ? "" : ", ") + job.get();
  return names.empty() ? "" : "; held back: " + names;
}

FireState state_after(const RunRecord& record) {
  switch (record.status()) {
    case RunStatus::success:
    case RunStatus::skipped:
      return FireState::done;
    case RunStatus::blocked:
      return FireState::blocked;
    case RunStatus::cancelled:
      return FireState::cancelled;
    case RunStatus::failed:
    case RunStatus::running:  // a COMMIT that cannot be resolved now
      return FireState::failed;
  }
  return FireState::failed;
}

}  // namespace

Service::Service(const ServiceParts& parts, ServiceOptions options)
    : parts_(parts), options_(std::move(options)), queue_(options_.limits) {}

Service::~Service() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
    for (auto& [job, running] : running_)
      running.cancel->request();
    changed_.notify_all();
  }
  for (std::thread& worker : workers_)
    worker.join();
}

bool Service::Job::does(FireTask what) const {
  return times.contains(what) || (what == FireTask::run && Triggers::is_triggered(*spec));
}

Result<Service::Job> Service::job_of(std::shared_ptr<const JobSpec> spec) {
  Job job{std::move(spec), {}};
  if (!job.spec->enabled) return job;
  TM_TRY(auto runs, JobTimes::of(job.spec->schedule));
  if (runs) job.times.emplace(FireTask::run, *std::move(runs));
  if (job.spec->verify) {
    TM_TRY(auto compares, JobTimes::of(job.spec->verify->schedule));
    if (compares) job.times.emplace(FireTask::verify, *std::move(compares));
  }
  return job;
}

Status Service::set_jobs(const Jobs& jobs) {
  std::unordered_map<JobName, Job> now;
  for (const auto& spec : jobs) {
    TM_TRY(Job job, job_of(spec));
    now.emplace(spec->name, std::move(job));
  }
  std::vector<Task> taken_up;
  std::vector<FireRecord> dropped;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, job] : now) {
      const auto before = jobs_.find(name);
      const bool as_before =
          before != jobs_.end() && before->second.spec->content_hash == job.spec->content_hash;
      if (as_before) continue;
      for (const auto& [what, times] : job.times) {
        // One that is edited while it is served has missed nothing by its new times.
        const bool was_served = before != jobs_.end() && before->second.times.contains(what);
        if (was_served) {
          due_.set({name, what}, times, parts_.clock.now_utc());
        } else {
          taken_up.emplace_back(name, what);
        }
      }
    }
    for (const auto& [name, job] : jobs_) {
      const auto goes_on = now.find(name);
      for (const auto& [what, times] : job.times) {
        if (goes_on == now.end() || !goes_on->second.does(what)) due_.remove({name, what});
      }
    }
    jobs_ = now;
    triggers_.set(jobs);
    let_go(dropped);
  }
  for (const FireRecord& fire : dropped)
    store_and_tell(fire, std::nullopt);
  for (const Task& task : taken_up)
    TM_CHECK(take_up(now.at(task.job), task.what));
  TM_CHECK(take_up_triggers());
  changed_.notify_all();
  return {};
}

// With mutex_ held: what waits of tasks that nobody does by itself any more.
void Service::let_go(std::vector<FireRecord>& dropped) {
  for (auto fire = open_.begin(); fire != open_.end();) {
    const Task& task = fire->first.first;
    const auto job = jobs_.find(task.job);
    const bool goes_on = job != jobs_.end() && job->second.does(task.what);
    if (goes_on || fire->second.state == FireState::running) {
      ++fire;
      continue;
    }
    queue_.forget(task);
    fire->second.state = FireState::cancelled;
    fire->second.reason = gone;
    dropped.push_back(fire->second);
    fire = open_.erase(fire);
  }
}

// What was missed since its last fire, and from now on what is due.
Status Service::take_up(const Job& job, FireTask what) {
  const Task task(job.spec->name, what);
  const JobTimes& times = job.times.at(what);
  const UtcMicros now = parts_.clock.now_utc();
  TM_TRY(const std::vector<FireRecord> last, parts_.store.list_fires(task, 1));
  std::vector<UtcMicros> missed;
  if (!last.empty()) missed = times.missed(last.front().fire, now, missed_of(*job.spec, what));
  for (const UtcMicros fire : missed)
    TM_CHECK(take({task, fire, fire}));
  const std::lock_guard lock(mutex_);
  due_.set(task, times, now);
  return {};
}

// Of a process before this one.
Status Service::take_open_fires() {
  TM_TRY(std::vector<FireRecord> fires, parts_.store.open_fires());
  for (FireRecord& fire : fires) {
    fire.owner = options_.owner;
    std::optional<RunRecord> ran;
    if (fire.state == FireState::running && fire.task.what == FireTask::run) {
      auto history = parts_.store.get_run(fire.run);
      if (history.ok() && history->run.ended_at) ran = std::move(history->run);
    }
    std::unique_lock lock(mutex_);
    const FireKey key{fire.task, fire.fire};
    if (open_.contains(key)) continue;  // taken a moment ago
    const auto job = jobs_.find(fire.task.job);
    if (job == jobs_.end() || !job->second.does(fire.task.what)) {
      lock.unlock();
      fire.state = FireState::cancelled;
      fire.reason = gone;
      store_and_tell(fire, std::nullopt);
      continue;
    }
    open_[key] = fire;
    if (ran) {
      const std::shared_ptr<const JobSpec> spec = job->second.spec;
      lock.unlock();
      settle(*spec, fire, {std::move(ran), std::nullopt}, {});
    } else if (fire.state == FireState::retry_wait && fire.next_at) {
      retries_.emplace(*fire.next_at, key);
    } else {
      fire.state = FireState::waiting;
      enter(fire, Overlap::queue);
    }
  }
  return {};
}

Status Service::serve(const Cancel& stop) {
  TM_CHECK(take_open_fires());
  TM_CHECK(follow());
  for (int number = 0; number < options_.limits.running_max; ++number)
    workers_.emplace_back([this] { work(); });
  while (!stop.requested()) {
    TM_CHECK(look());
    std::unique_lock lock(mutex_);
    if (error_) break;
    changed_.wait_for(lock, std::min<nanoseconds>(until_next(), looks_every));
  }
  std::unique_lock lock(mutex_);
  leaving_ = true;
  changed_.notify_all();
  const nanoseconds end = parts_.clock.monotonic() + options_.drain;
  while (!running_.empty() && parts_.clock.monotonic() < end && !error_)
    changed_.wait_for(lock, looks_every);
  for (auto& [job, running] : running_)
    running.cancel->request();
  while (!running_.empty())
    changed_.wait_for(lock, looks_every);
  if (error_) return *error_;
  return {};
}

nanoseconds Service::until_next() {
  const UtcMicros now = parts_.clock.now_utc();
  std::optional<UtcMicros> next = due_.next();
  if (!retries_.empty() && (!next || retries_.begin()->first < *next))
    next = retries_.begin()->first;
  if (!next) return looks_every;
  return std::chrono::microseconds(std::max<std::int64_t>(0, next->get() - now.get()));
}

Status Service::forget_old() {
  const nanoseconds now = parts_.clock.monotonic();
  if (forgot_ && now - *forgot_ < forgets_every) return {};
  forgot_ = now;
  const UtcMicros before = later(parts_.clock.now_utc(), -nanoseconds(options_.keep));
  TM_TRY([[maybe_unused]] const std::int64_t forgotten, parts_.store.forget_fires(before));
  return {};
}

Status Service::look() {
  TM_CHECK(forget_old());
  const UtcMicros now = parts_.clock.now_utc();
  std::vector<DueFire> due;
  {
    const std::lock_guard lock(mutex_);
    due = without_missed(due_.take(now), now);
    retry_now(now);
    stop_overdue();
  }
  for (const DueFire& fire : due)
    TM_CHECK(take(fire));
  return {};
}

// Of fires that are late, as after a stop of the machine, those that their job wants.
std::vector<DueFire> Service::without_missed(std::vector<DueFire> due, UtcMicros now) const {
  const std::int64_t late_us = std::chrono::microseconds(options_.late).count();
  std::unordered_map<Task, UtcMicros> last_late;
  for (const DueFire& fire : due) {
    if (now.get() - fire.begin.get() > late_us) last_late[fire.task] = fire.fire;
  }
  if (last_late.empty()) return due;
  std::erase_if(due, [&](const DueFire& fire) {
    if (now.get() - fire.begin.get() <= late_us) return false;
    const auto job = jobs_.find(fire.task.job);
    if (job == jobs_.end()) return true;
    switch (missed_of(*job->second.spec, fire.task.what)) {
      case Missed::skip:
        return true;
      case Missed::once:
        return fire.fire != last_late.at(fire.task);
      case Missed::all:
        return false;
    }
    return false;
  });
  return due;
}

// Taken in the store first: from then on it is this service's, whatever happens.
Status Service::take(const DueFire& due, const FireInputs& inputs) {
  FireRecord fire = new_fire(due.task, due.fire, options_.owner);
  fire.inputs = to_text(inputs);
  Overlap overlap = Overlap::skip;
  {
    const std::lock_guard lock(mutex_);
    const auto job = jobs_.find(due.task.job);
    if (job == jobs_.end()) return {};
    overlap = overlap_of(*job->second.spec, due.task.what);
    if (!inputs.empty() && overlap == Overlap::skip) overlap = Overlap::queue;
    if (overlap == Overlap::skip && queue_.is_busy(due.task)) {
      fire.state = FireState::skipped;
      fire.reason = before_it;
    }
  }
  TM_TRY(const bool taken, parts_.store.take_fire(fire));
  if (!taken) return {};
  if (fire.state == FireState::skipped) {
    tell(fire, std::nullopt);
    return {};
  }
  {
    const std::lock_guard lock(mutex_);
    const auto job = jobs_.find(due.task.job);  // its file may have been removed meanwhile
    const bool goes_on = job != jobs_.end() && job->second.does(due.task.what);
    fire.reason = goes_on ? enter(fire, overlap) : gone;
    fire.state = goes_on ? FireState::skipped : FireState::cancelled;
  }
  if (fire.reason.empty()) return {};
  store_and_tell(fire, std::nullopt);
  return {};
}

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

// Takes the fires of jobs that follow what has ended. One that is busy, and leaves out what comes
// meanwhile, follows when it has ended: what came may be in none of what it reads now.
Status Service::follow() {
  std::vector<Triggered> next;
  {
    const std::lock_guard lock(mutex_);
    next = triggers_.take([this](const JobName& job) {
      const auto known = jobs_.find(job);
      return known != jobs_.end() && queue_.is_busy(job) &&
             known->second.spec->schedule.overlap == Overlap::skip;
    });
  }
  for (const Triggered& one : next)
    TM_CHECK(take({one.job, one.fire, one.fire}, one.inputs));
  return {};
}

std::string Service::enter(FireRecord fire, Overlap overlap) {
  const FireKey key{fire.task, fire.fire};
  const ScheduleSpec& schedule = jobs_.at(fire.task.job).spec->schedule;
  const bool runs = fire.task.what == FireTask::run;
  const auto added = queue_.add({fire.task, fire.fire, runs ? schedule.priority : verify_priority,
                                 schedule.pool ? schedule.pool->value : ""},
                                overlap);
  switch (added) {
    case RunQueue::Added::skipped:
      open_.erase(key);
      return before_it;
    case RunQueue::Added::full:
      open_.erase(key);
      return "more runs wait than may";
    case RunQueue::Added::cancels: {
      const auto running = running_.find(fire.task.job);
      if (running == running_.end()) break;  // it begins, or ends, in this moment
      running->second.why = "the run of " + to_text(fire.fire) + " takes its place";
      running->second.cancel->request();
      break;
    }
    case RunQueue::Added::queued:
      break;
  }
  open_[key] = std::move(fire);
  changed_.notify_all();
  return {};
}

void Service::retry_now(UtcMicros now) {
  while (!retries_.empty() && retries_.begin()->first <= now) {
    const FireKey key = retries_.begin()->second;
    retries_.erase(retries_.begin());
    const auto fire = open_.find(key);
    if (fire != open_.end() && jobs_.contains(key.first.job)) enter(fire->second, Overlap::queue);
  }
}

void Service::stop_overdue() {
  const nanoseconds now = parts_.clock.monotonic();
  for (auto& [job, running] : running_) {
    if (!running.deadline || now < *running.deadline || !running.why.empty()) continue;
    running.why = "it took longer than its `timeout`";
    running.cancel->request();
  }
}

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
    changed_.notify_all();
    lock.unlock();
    Status followed = follow();
    if (!followed.ok()) fail(std::move(followed).error());
    lock.lock();
  }
}

void Service::begin(const QueuedRun& next) {
  Cancel cancel;
  FireRecord fire;
  std::shared_ptr<const JobSpec> spec;
  const JobName& name = next.task.job;
  {
    const std::lock_guard lock(mutex_);
    const auto job = jobs_.find(name);
    const auto known = open_.find({next.task, next.fire});
    if (job == jobs_.end() || known == open_.end()) return;
    spec = job->second.spec;
    fire = known->second;
    if (const auto why = held_back(*spec, fire)) {
      fire.reason = *why;
    } else {
      fire.state = FireState::running;
      ++fire.attempts;
      fire.run = new_run_id(parts_.clock, parts_.randomness);
      fire.reason.clear();
      fire.next_at.reset();
      Running running{&cancel, std::nullopt, {}};
      if (spec->schedule.timeout && next.task.what == FireTask::run)
        running.deadline = parts_.clock.monotonic() + *spec->schedule.timeout;
      running_.emplace(name, running);
    }
    known->second = fire;
  }
  store_and_tell(fire, std::nullopt);
  if (fire.state != FireState::running) return;
  Outcome outcome = perform(*spec, fire, cancel);
  std::string why;
  {
    const std::lock_guard lock(mutex_);
    why = running_.at(name).why;
    running_.erase(name);
  }
  settle(*spec, fire, std::move(outcome), why);
}

Service::Outcome Service::perform(const JobSpec& job, const FireRecord& fire, Cancel& cancel) {
  if (fire.task.what == FireTask::verify) {
    Status compared = parts_.verify(job, cancel);
    if (compared.ok()) return {};
    return {std::nullopt, std::move(compared).error()};
  }
  auto ran = parts_.run(job, fire.run, cancel);
  if (!ran.ok()) return {std::nullopt, std::move(ran).error()};
  return {*std::move(ran), std::nullopt};
}

// With mutex_ held. A connection that does not answer holds its jobs; they wait for their turn.
std::optional<std::string> Service::held_back(const JobSpec& job, FireRecord& fire) {
  const nanoseconds now = parts_.clock.monotonic();
  std::vector<Breaker*> asked;
  for (const std::string& name : connections_of(job)) {
    Breaker& breaker = breakers_.try_emplace(name, options_.breaker).first->second;
    if (breaker.let_through(now)) {
      asked.push_back(&breaker);
      continue;
    }
    for (Breaker* one : asked)
      one->gave_up();
    const auto until = breaker.open_until(now);
    fire.state = FireState::retry_wait;
    fire.next_at =
        later(parts_.clock.now_utc(), until ? *until - now : nanoseconds(std::chrono::seconds(1)));
    retries_.emplace(*fire.next_at, FireKey{fire.task, fire.fire});
    return "connection `" + name + "` is given a rest: " + breaker.why();
  }
  return std::nullopt;
}

void Service::judge_connections(const JobSpec& job, const std::optional<Error>& error) {
  const nanoseconds now = parts_.clock.monotonic();
  for (const std::string& name : connections_of(job)) {
    Breaker& breaker = breakers_.try_emplace(name, options_.breaker).first->second;
    const bool its_own =
        error && ((error->fault == Fault::source && name == job.from.connection.value) ||
                  (error->fault == Fault::target && name == job.to.connection.value));
    if (!error) {
      breaker.succeeded();
    } else if (its_own) {
      breaker.failed(*error, now);
    } else {
      breaker.gave_up();
    }
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
  const bool stopped = fire.state == FireState::cancelled;
  bool stays = false;
  {
    const std::lock_guard lock(mutex_);
    // What was stopped says nothing of them.
    judge_connections(job, stopped ? std::optional(internal_error("run.cancelled", "")) : error);
    if (stopped && why.empty() && leaving_) {
      // The next start goes on with it.
      fire.state = FireState::waiting;
      --fire.attempts;
      stays = true;
    } else if (stopped) {
      fire.state = why.starts_with("it took") ? FireState::failed : FireState::cancelled;
      if (!why.empty()) fire.reason = why;
    }
    if (fire.state == FireState::failed && error && !stopped) {
      const UtcMicros now = parts_.clock.now_utc();
      const milliseconds since((now.get() - fire.fire.get()) / 1000);
      const auto pause = pause_before_retry(
          job.schedule.retries, *error, static_cast<int>(fire.attempts), since, parts_.randomness);
      if (pause) {
        fire.state = FireState::retry_wait;
        fire.next_at = later(now, *pause);
        retries_.emplace(*fire.next_at, FireKey{fire.task, fire.fire});
        stays = true;
      }
    }
    if (stays) {
      open_[{fire.task, fire.fire}] = fire;
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

void Service::store_and_tell(const FireRecord& fire, std::optional<RunRecord> record) {
  Status stored = parts_.store.update_fire(fire);
  if (!stored.ok()) fail(std::move(stored).error());
  tell(fire, std::move(record));
}

void Service::tell(const FireRecord& fire, std::optional<RunRecord> record) {
  const std::lock_guard lock(tell_mutex_);
  parts_.tell({fire.task, fire.fire, fire.state, fire.reason, std::move(record)});
}

void Service::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
  changed_.notify_all();
}

}  // namespace tidemark
