#include "schedule/service.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "schedule/fire_rules.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A stop is seen after this long.
constexpr milliseconds looks_every{200};
constexpr std::chrono::hours forgets_every{1};
// How often a store that did not answer is asked again, and whether a full queue has a place.
constexpr milliseconds store_looks_every{1'000};
constexpr std::chrono::seconds full_looks_every{10};
const UtcMicros first_fire{std::numeric_limits<std::int64_t>::min()};
// Runs go first.
constexpr std::int64_t verify_priority = std::numeric_limits<std::int64_t>::min();
// Fires of a job in which its newest that ended is looked for.
constexpr int looked_back = 100;

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
      // Its calendar stands in another file.
      const bool as_before = before != jobs_.end() &&
                             before->second.spec->content_hash == job.spec->content_hash &&
                             before->second.spec->schedule.off == job.spec->schedule.off;
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
        if (goes_on == now.end() || !goes_on->second.times.contains(what))
          due_.remove({name, what});
      }
    }
    jobs_ = now;
    triggers_.set(jobs);
    set_windows();
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
    fire->second.reason = job_is_gone;
    dropped.push_back(fire->second);
    fire = open_.erase(fire);
  }
}

// What was missed since its last fire, and from then on what is due. What is not older than `late`,
// or still waits for its jitter, is late and not missed.
Status Service::take_up(const Job& job, FireTask what) {
  const Task task(job.spec->name, what);
  const JobTimes& times = job.times.at(what);
  const UtcMicros now = parts_.clock.now_utc();
  TM_TRY(const std::vector<FireRecord> last, parts_.store.list_fires(task, 1));
  UtcMicros from = now;
  if (!last.empty()) {
    const UtcMicros missed_until = later(now, -(options_.late + times.jitter));
    for (const UtcMicros fire :
         times.missed(last.front().fire, missed_until, missed_of(*job.spec, what)))
      TM_CHECK(take({task, fire, fire}, Owed::yes));
    from = std::max(last.front().fire, missed_until);
  }
  const std::lock_guard lock(mutex_);
  due_.set(task, times, from);
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
      // One that was cancelled was so for a stop, or its fire would say why: it is still owed.
      const bool ended =
          history.ok() && history->run.ended_at && history->run.status() != RunStatus::cancelled;
      if (ended) ran = std::move(history->run);
    }
    std::unique_lock lock(mutex_);
    const FireKey key{fire.task, fire.fire};
    if (open_.contains(key)) continue;  // taken a moment ago
    const auto job = jobs_.find(fire.task.job);
    if (job == jobs_.end() || !job->second.does(fire.task.what)) {
      lock.unlock();
      fire.state = FireState::cancelled;
      fire.reason = job_is_gone;
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
      enter_again(key);
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
    Status looked = look();
    if (!looked.ok()) fail(std::move(looked).error());
    std::unique_lock lock(mutex_);
    if (error_) break;
    changed_.wait_for(lock, store_is_away_ ? store_looks_every
                                           : std::min<nanoseconds>(until_next(), looks_every));
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
  const UtcMicros now = parts_.clock.now_utc();
  {
    const std::lock_guard lock(mutex_);
    for (DueFire& fire : without_missed(due_.take(now), now))
      to_take_.push_back(std::move(fire));
    retry_now(now);
    stop_overdue();
  }
  // In their order, and again with the next look where the store does not answer.
  TM_CHECK(store_again());
  look_at_held();
  for (; !to_take_.empty(); to_take_.pop_front()) {
    const bool late = later(to_take_.front().begin, options_.late) < now;
    TM_CHECK(take(to_take_.front(), late ? Owed::yes : Owed::no));
  }
  TM_CHECK(forget_old());
  const std::lock_guard lock(mutex_);
  if (std::exchange(store_is_away_, false) && parts_.say) parts_.say("the store answers again");
  return {};
}

// What could not be stored when it happened.
Status Service::store_again() {
  while (true) {
    FireRecord fire;
    {
      const std::lock_guard lock(mutex_);
      if (unstored_.empty()) return {};
      fire = unstored_.front();
    }
    Status stored = parts_.store.update_fire(fire);
    if (!stored.ok() && stored.error().code != "store.stale") return stored;
    const std::lock_guard lock(mutex_);
    unstored_.pop_front();
  }
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
Status Service::take(const DueFire& due, Owed owed, const FireInputs& inputs) {
  FireRecord fire = new_fire(due.task, due.fire, options_.owner);
  fire.inputs = to_text(inputs);
  Overlap overlap = Overlap::skip;
  {
    const std::lock_guard lock(mutex_);
    const auto job = jobs_.find(due.task.job);
    if (job == jobs_.end()) return {};
    overlap = overlap_of(*job->second.spec, due.task.what);
    const bool each = missed_of(*job->second.spec, due.task.what) == Missed::all;
    if (overlap == Overlap::skip && (!inputs.empty() || (owed == Owed::yes && each)))
      overlap = Overlap::queue;
    if (overlap == Overlap::skip && (queue_.is_busy(due.task) || is_held(due.task))) {
      fire.state = FireState::skipped;
      fire.reason = before_has_not_ended;
    }
  }
  TM_TRY(const bool taken, parts_.store.take_fire(fire));
  if (!taken) return {};
  if (fire.state == FireState::skipped) {
    tell(fire, std::nullopt);
    return {};
  }
  std::vector<FireRecord> ended;
  {
    const std::lock_guard lock(mutex_);
    const auto job = jobs_.find(due.task.job);  // its file may have been removed meanwhile
    const bool goes_on = job != jobs_.end() && job->second.does(due.task.what);
    if (goes_on) ended = put_aside(due.task, overlap);
    fire.reason = goes_on ? enter(fire, overlap) : job_is_gone;
    fire.state = goes_on ? FireState::skipped : FireState::cancelled;
    if (!fire.reason.empty()) ended.push_back(fire);
  }
  for (const FireRecord& one : ended)
    store_and_tell(one, std::nullopt);
  return {};
}

// With mutex_ held: the fires of a task in whose place a later one comes. One that waits for its
// next attempt is the past of a task that leaves out what overlaps: the later one is its attempt.
std::vector<FireRecord> Service::put_aside(const Task& task, Overlap overlap) {
  std::vector<FireRecord> aside;
  if (overlap == Overlap::queue) return aside;
  for (auto fire = open_.lower_bound({task, first_fire});
       fire != open_.end() && fire->first.first == task;) {
    FireRecord& one = fire->second;
    const bool waits_for_attempt = one.state == FireState::retry_wait;
    const bool waits = one.state == FireState::waiting && overlap == Overlap::cancel;
    if (!waits_for_attempt && !waits) {
      ++fire;
      continue;
    }
    const bool failed = waits_for_attempt && one.attempts > 0;
    one.state = failed ? FireState::failed : FireState::skipped;
    one.reason = one.reason.empty() ? place_was_taken : one.reason + "; " + place_was_taken;
    one.next_at.reset();
    if (failed && task.what == FireTask::run) triggers_.ended(task.job, one.fire, false);
    aside.push_back(one);
    fire = open_.erase(fire);
  }
  return aside;
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
    TM_CHECK(take({one.job, one.fire, one.fire}, Owed::yes, one.inputs));
  return {};
}

std::string Service::enter(FireRecord fire, Overlap overlap) {
  const FireKey key{fire.task, fire.fire};
  if (hold(fire)) {
    open_[key] = std::move(fire);
    return {};
  }
  const ScheduleSpec& schedule = jobs_.at(fire.task.job).spec->schedule;
  const bool runs = fire.task.what == FireTask::run;
  const auto added = queue_.add({fire.task, fire.fire, runs ? schedule.priority : verify_priority,
                                 schedule.pool ? schedule.pool->value : ""},
                                overlap);
  switch (added) {
    case RunQueue::Added::skipped:
      return before_has_not_ended;
    case RunQueue::Added::full:
      return queue_is_full;
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
    if (fire != open_.end() && fire->second.state == FireState::retry_wait) enter_again(key);
  }
}

// With mutex_ held: a fire that is owed. Where the queue is full it comes again a little later.
void Service::enter_again(const FireKey& key) {
  const auto job = jobs_.find(key.first.job);
  if (job == jobs_.end() || !job->second.does(key.first.what)) return;
  if (!enter(open_.at(key), Overlap::queue).empty())
    retries_.emplace(later(parts_.clock.now_utc(), full_looks_every), key);
}

void Service::stop_overdue() {
  const nanoseconds now = parts_.clock.monotonic();
  for (auto& [job, running] : running_) {
    if (!running.deadline || now < *running.deadline || !running.why.empty()) continue;
    running.why = "it took longer than its `timeout`";
    running.cancel->request();
  }
}

}  // namespace tidemark
