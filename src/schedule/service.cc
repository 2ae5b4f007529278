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
// How often a store that did not answer is asked again, and whether a full queue has a place.
constexpr milliseconds store_looks_every{1'000};
constexpr std::chrono::seconds full_looks_every{10};
// Fires of one transaction.
constexpr std::size_t taken_together = 200;

// Whether the run of a fire, which another had, says what became of it. One that was cancelled was
// so for a stop, or its fire would say why, so it is still owed; one that failed may be tried
// again.
bool settles(const RunRecord& run, FireState fire) {
  if (!run.ended_at || run.status() == RunStatus::cancelled) return false;
  const bool well = run.status() == RunStatus::success || run.status() == RunStatus::skipped;
  return well || fire == FireState::running;
}

ServiceOptions with_backfills(ServiceOptions options) {
  options.limits.pools.try_emplace(backfill_pool, 1);
  return options;
}

// Where servers share a store, what is claimed has a place of its pool.
QueueLimits limits_of_queue(const ServiceOptions& options) {
  QueueLimits limits = options.limits;
  if (options.shared) limits.pools.clear();
  return limits;
}

}  // namespace

Service::Service(const ServiceParts& parts, ServiceOptions options)
    : parts_(parts),
      options_(with_backfills(std::move(options))),
      queue_(limits_of_queue(options_)),
      looks_(parts_.change_sign) {}

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
  const bool watches = spec->enabled && spec->schedule.when;
  return times.contains(what) ||
         (what == FireTask::run && (watches || Triggers::is_triggered(*spec)));
}

const Service::Job* Service::doer_of(const Task& task) const {
  const auto job = jobs_.find(task.job);
  return job != jobs_.end() && job->second.does(task.what) ? &job->second : nullptr;
}

Result<Service::Job> Service::job_of(std::shared_ptr<const JobSpec> spec) const {
  Job job{std::move(spec), {}, {}};
  if (!job.spec->enabled) return job;
  if (parts_.reads) job.reads = parts_.reads(*job.spec);
  TM_TRY(auto runs, JobTimes::of(job.spec->schedule));
  if (runs) job.times.emplace(FireTask::run, *std::move(runs));
  if (job.spec->verify) {
    TM_TRY(auto compares, JobTimes::of(job.spec->verify->schedule));
    if (compares) job.times.emplace(FireTask::verify, *std::move(compares));
  }
  return job;
}

Status Service::set_jobs(const Jobs& jobs) {
  std::unordered_map<JobName, Job> edited;
  for (const auto& spec : jobs) {
    TM_TRY(Job job, job_of(spec));
    edited.emplace(spec->name, std::move(job));
  }
  if (options_.shared && lived_ < 0) TM_CHECK(say_that_it_lives(false));
  std::set<Task> taken_up;
  std::vector<JobName> watching;
  Jobs changed;
  std::vector<FireRecord> dropped;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, job] : edited) {
      const auto before = jobs_.find(name);
      const auto watches = [](const Job& one) {
        return one.spec->enabled && one.spec->schedule.when;
      };
      if (watches(job) && (before == jobs_.end() || !watches(before->second)))
        unwatched_.insert(name);
      // Its calendar stands in another file.
      const bool as_before = before != jobs_.end() &&
                             before->second.spec->content_hash == job.spec->content_hash &&
                             before->second.spec->schedule.off == job.spec->schedule.off;
      if (as_before || !options_.schedules) continue;
      changed.push_back(job.spec);
      for (const auto& [what, times] : job.times) {
        // One that is edited while it is served has missed nothing by its new times.
        const bool was_served = before != jobs_.end() && before->second.times.contains(what);
        due_.set({name, what}, times, time());
        if (!was_served) untaken_.emplace(name, what);
      }
    }
    for (const auto& [name, job] : jobs_) {
      const auto goes_on = edited.find(name);
      for (const auto& [what, times] : job.times) {
        if (goes_on == edited.end() || !goes_on->second.times.contains(what))
          due_.remove({name, what});
      }
    }
    jobs_ = edited;
    triggers_.set(jobs);
    set_watches(jobs);
    set_windows();
    let_go(dropped);
    // Also those of a call before that failed, as where the store did not answer.
    std::erase_if(untaken_, [this](const Task& task) {
      const auto job = jobs_.find(task.job);
      return job == jobs_.end() || !job->second.times.contains(task.what);
    });
    std::erase_if(unwatched_, [this](const JobName& name) { return !jobs_.contains(name); });
    taken_up = untaken_;
    watching.assign(unwatched_.begin(), unwatched_.end());
  }
  for (FireRecord& fire : dropped)
    let_go_of(std::move(fire));
  if (options_.shared) TM_CHECK(describe_anew(changed));
  for (const Task& task : taken_up)
    TM_CHECK(take_up(edited.at(task.job), task.what));
  TM_CHECK(take_up_watches(watching));
  TM_CHECK(take_up_triggers());
  const std::lock_guard lock(mutex_);
  for (const Task& task : taken_up)
    untaken_.erase(task);
  for (const JobName& job : watching)
    unwatched_.erase(job);
  changed_.notify_all();
  return {};
}

// With mutex_ held: what waits of tasks that nobody does by itself any more.
void Service::let_go(std::vector<FireRecord>& dropped) {
  for (auto fire = open_.begin(); fire != open_.end();) {
    const Task& task = fire->first.first;
    if (doer_of(task) != nullptr || fire->second.state == FireState::running) {
      ++fire;
      continue;
    }
    queue_.forget(task);
    dropped.push_back(fire->second);
    fire = open_.erase(fire);
  }
}

// A fire of a task that this service does not do. Another server's files may have it.
void Service::let_go_of(FireRecord fire) {
  if (options_.shared) return give_away(std::move(fire));
  fire.state = FireState::cancelled;
  fire.reason = job_is_gone;
  store_and_tell(fire, std::nullopt);
}

// What was missed since its last fire, and from then on what is due. What is not older than `late`,
// or still waits for its jitter, is late and not missed.
Status Service::take_up(const Job& job, FireTask what) {
  const Task task(job.spec->name, what);
  const JobTimes& times = job.times.at(what);
  const UtcMicros at = time();
  TM_TRY(const std::vector<FireRecord> last, parts_.store.list_fires(task, 1));
  UtcMicros from = at;
  if (!last.empty()) {
    const UtcMicros missed_until = later(at, -(options_.late + times.jitter));
    for (const UtcMicros fire :
         times.missed(last.front().fire, missed_until, missed_of(*job.spec, what)))
      TM_CHECK(take({{{task, fire, fire}, Owed::yes, {}}}));
    from = std::max(last.front().fire, missed_until);
  }
  const std::lock_guard lock(mutex_);
  due_.set(task, times, from);
  return {};
}

// Of a process before this one, which owned the project as this one does.
Status Service::take_open_fires() {
  TM_CHECK(parts_.store.adopt_fires(options_.owner));
  TM_TRY(std::vector<FireRecord> fires, parts_.store.open_fires());
  for (FireRecord& fire : fires)
    adopt(std::move(fire));
  return {};
}

// A fire that another had: what waited waits again, what ran is looked up.
void Service::adopt(FireRecord fire) {
  std::optional<RunRecord> ran;
  if (!fire.run.get().empty() && fire.task.what == FireTask::run) {
    auto history = parts_.store.get_run(fire.run);
    if (!history.ok() && history.error().code != "run.unknown") {
      unsure_ = true;
      return fail(std::move(history).error());
    }
    if (history.ok() && settles(history->run, fire.state)) ran = std::move(history->run);
  }
  std::unique_lock lock(mutex_);
  if (options_.shared) fire.next_at.reset();  // it said when it could be claimed
  const FireKey key{fire.task, fire.fire};
  if (open_.contains(key)) return;  // taken a moment ago
  const Job* const job = doer_of(fire.task);
  if (job == nullptr) {
    lock.unlock();
    return let_go_of(std::move(fire));
  }
  const std::string said = fire.reason;
  if (!ran && options_.shared && waits_for_others(fire)) {
    lock.unlock();
    keep(fire);
    if (fire.reason != said) tell(fire, std::nullopt);
    return;
  }
  open_[key] = fire;
  if (ran) {
    const std::shared_ptr<const JobSpec> spec = job->spec;
    lock.unlock();
    settle(*spec, fire, {std::move(ran), std::nullopt}, {});
  } else if (fire.state == FireState::retry_wait && fire.next_at && !options_.shared) {
    retries_.emplace(*fire.next_at, key);
  } else {
    open_[key].state = FireState::waiting;
    enter_again(key);
  }
}

Status Service::serve(const Cancel& stop) {
  {
    const std::lock_guard lock(mutex_);
    serves_since_ = time();
  }
  if (!options_.shared) TM_CHECK(take_open_fires());
  TM_CHECK(follow());
  for (int number = 0; options_.works && number < options_.limits.running_max; ++number)
    workers_.emplace_back([this] { work(); });
  while (!stop.requested()) {
    stepped_ = parts_.clock.monotonic().count();
    Status looked = look();
    if (!looked.ok()) fail(std::move(looked).error());
    std::unique_lock lock(mutex_);
    if (error_) break;
    changed_.wait_for(lock, store_is_away_ ? store_looks_every
                                           : std::min<nanoseconds>(until_next(), looks_every));
  }
  stepped_ = -1;
  std::unique_lock lock(mutex_);
  leaving_ = true;
  changed_.notify_all();
  wait_for_runs(lock, parts_.clock.monotonic() + options_.drain);
  for (auto& [job, running] : running_)
    running.cancel->request();
  wait_for_runs(lock, std::nullopt);
  if (error_) return *error_;
  lock.unlock();
  // Where the store does not answer the others see that it is silent.
  if (options_.shared) [[maybe_unused]]
    const Status left = parts_.store.server_leaves(options_.owner);
  return {};
}

void Service::wait_for_runs(std::unique_lock<std::mutex>& lock, std::optional<nanoseconds> end) {
  while (!running_.empty() && (!end || (parts_.clock.monotonic() < *end && !error_))) {
    changed_.wait_for(lock, looks_every);
    if (!options_.shared) continue;
    lock.unlock();
    Status lives = say_that_it_lives(true);
    if (!lives.ok()) fail(std::move(lives).error());
    lock.lock();
  }
}

nanoseconds Service::until_next() {
  std::optional<UtcMicros> next = due_.next();
  if (!retries_.empty() && (!next || retries_.begin()->first < *next))
    next = retries_.begin()->first;
  if (!next) return looks_every;
  return std::chrono::microseconds(std::max<std::int64_t>(0, next->get() - time().get()));
}

Status Service::look() {
  if (options_.shared) TM_CHECK(say_that_it_lives(false));
  const UtcMicros at = time();
  {
    const std::lock_guard lock(mutex_);
    for (DueFire& fire : without_missed(due_.take(at), at))
      to_take_.push_back(std::move(fire));
    retry_now(at);
    stop_overdue();
  }
  // In their order, and again with the next look where the store does not answer.
  TM_CHECK(store_again());
  if (unsure_.exchange(false)) TM_CHECK(find_own());
  if (follow_anew_.exchange(false)) TM_CHECK(follow_as_stored());
  look_at_held();
  TM_CHECK(watch());
  TM_CHECK(take_due(at));
  if (options_.shared) {
    TM_CHECK(learn_what_ended());
    TM_CHECK(claim());
  }
  TM_CHECK(offer_backfills());  // behind all that may begin now
  TM_CHECK(forget_old());
  bool is_back = false;
  {
    const std::lock_guard lock(mutex_);
    is_back = std::exchange(store_is_away_, false);
  }
  if (is_back) parts_.log.tell(LogLevel::info, LogComponent::schedule, "the store answers again");
  return {};
}

// Fires that are this service's without its knowing, as where the answer to a claim was lost.
Status Service::find_own() {
  auto open = parts_.store.open_fires();
  if (!open.ok()) {
    unsure_ = true;
    return std::move(open).error();
  }
  for (FireRecord& fire : *open) {
    if (fire.owner == options_.owner) adopt(std::move(fire));
  }
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
    Status stored = store(fire);
    if (!stored.ok() && stored.error().code != "store.stale") return stored;
    const std::lock_guard lock(mutex_);
    unstored_.pop_front();
  }
}

// Of fires that are late, as after a stop of the machine, those that their job wants.
std::vector<DueFire> Service::without_missed(std::vector<DueFire> due, UtcMicros at) const {
  const std::int64_t late_us = std::chrono::microseconds(options_.late).count();
  std::unordered_map<Task, UtcMicros> last_late;
  for (const DueFire& fire : due) {
    if (at.get() - fire.begin.get() > late_us) last_late[fire.task] = fire.fire;
  }
  if (last_late.empty()) return due;
  std::erase_if(due, [&](const DueFire& fire) {
    if (at.get() - fire.begin.get() <= late_us) return false;
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

// In one transaction where many are due at one time.
Status Service::take_due(UtcMicros at) {
  while (!to_take_.empty()) {
    const std::size_t count = std::min(taken_together, to_take_.size());
    std::vector<Taking> some;
    for (std::size_t number = 0; number < count; ++number) {
      const bool late = later(to_take_[number].begin, options_.late) < at;
      some.push_back({to_take_[number], late ? Owed::yes : Owed::no, {}});
    }
    TM_CHECK(take(some));
    to_take_.erase(to_take_.begin(), to_take_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return {};
}

// Taken in the store first: from then on they are this service's, or anybody's, whatever happens.
Status Service::take(const std::vector<Taking>& fires) {
  std::vector<FireOffer> offers;
  {
    const std::lock_guard lock(mutex_);
    for (const Taking& one : fires) {
      if (auto offer = offer_of(one)) offers.push_back(*std::move(offer));
    }
  }
  if (offers.empty()) return {};
  TM_TRY(std::vector<FireAnswer> answers, parts_.store.take_fires(offers));
  for (std::size_t number = 0; number < offers.size(); ++number)
    TM_CHECK(taken(offers[number].fire, std::move(answers[number])));
  return {};
}

// With mutex_ held; nothing where the job is gone.
std::optional<FireOffer> Service::offer_of(const Taking& one) const {
  const auto job = jobs_.find(one.due.task.job);
  if (job == jobs_.end()) return std::nullopt;
  const JobSpec& spec = *job->second.spec;
  FireOffer offer{new_fire(one.due.task, one.due.fire, options_.shared ? "" : options_.owner),
                  on_open_of(spec, one.due.task.what)};
  offer.fire.inputs = to_text(one.inputs);
  const bool each = missed_of(spec, one.due.task.what) == Missed::all;
  if (offer.on_open == OnOpen::skip && (!one.inputs.empty() || (one.owed == Owed::yes && each)))
    offer.on_open = OnOpen::queue;
  // One that waits for others does so until its next time, which takes its place then.
  const bool makes_place = options_.shared && Windows::waits(spec) && !spec.schedule.after_wait &&
                           spec.schedule.after_late == AfterLate::skip;
  if (offer.on_open == OnOpen::skip && makes_place && one.due.task.what == FireTask::run)
    offer.on_open = OnOpen::instead;
  describe(offer.fire, spec);
  // Also those that wait for an attempt, for others before them, or run.
  if (open_.size() >= options_.limits.waiting_max ||
      waiting_ >= static_cast<std::int64_t>(options_.limits.waiting_max)) {
    offer.fire.state = FireState::skipped;
    offer.fire.reason = queue_is_full;
  }
  return offer;
}

// What the store said of a fire that was offered.
Status Service::taken(const FireRecord& offered, FireAnswer answer) {
  const Task& task = offered.task;
  if (!answer.taken && options_.shared && !offered.inputs.empty()) {
    // Another took it meanwhile, perhaps for less than this one knows of.
    TM_TRY([[maybe_unused]] const bool is_open, know_last(task.job));
  }
  if (!answer.taken) return {};
  FireRecord fire = std::move(answer.fire);
  const bool was_left_out = fire.state == FireState::skipped;
  {
    const std::lock_guard lock(mutex_);
    let_aside(task, answer.aside);
    if (answer.stop) stop_for(*answer.stop);
    if (!was_left_out && !options_.shared) {
      if (doer_of(task) == nullptr) {  // its file may have been removed meanwhile
        fire.state = FireState::cancelled;
        fire.reason = job_is_gone;
      } else if (!enter(fire)) {
        fire.state = FireState::skipped;
        fire.reason = queue_is_full;
      }
    }
  }
  for (const FireRecord& one : answer.aside)
    tell(one, std::nullopt);
  if (was_left_out) {
    tell(fire, std::nullopt);
  } else if (has_ended(fire.state)) {
    store_and_tell(fire, std::nullopt);
  }
  return {};
}

// With mutex_ held: those of a task in whose place a later one has come.
void Service::let_aside(const Task& task, const std::vector<FireRecord>& aside) {
  if (!aside.empty()) queue_.forget(task);
  for (const FireRecord& one : aside) {
    const auto fire = open_.find({one.task, one.fire});
    // One that began in this moment finds in the store that it may not.
    if (fire != open_.end() && fire->second.state != FireState::running) open_.erase(fire);
    if (one.state == FireState::failed && task.what == FireTask::run)
      triggers_.ended(task.job, one.fire, false);
  }
}

// With mutex_ held.
void Service::stop_for(const FireRecord& fire) {
  const auto running = running_.find(fire.task.job);
  const auto known = open_.find({fire.task, fire.fire});
  if (running == running_.end() || known == open_.end()) return;  // elsewhere, or it ends just now
  if (!running->second.why.empty()) return;
  running->second.why = fire.reason;
  running->second.cancel->request();
}

// Takes the fires of jobs that follow what has ended. One that is busy, and leaves out what comes
// meanwhile, follows when it has ended: what came may be in none of what it reads now.
Status Service::follow() {
  if (!options_.schedules) return {};
  Status followed = take_followers();
  // What was to be taken counts as taken here, and is not.
  if (!followed.ok()) follow_anew_ = true;
  return followed;
}

Status Service::follow_as_stored() {
  std::vector<JobName> followers;
  {
    const std::lock_guard lock(mutex_);
    followers = triggers_.followers();
  }
  for (const JobName& job : followers) {
    auto known = know_last(job);
    if (known.ok()) continue;
    follow_anew_ = true;
    return std::move(known).error();
  }
  return follow();
}

Status Service::take_followers() {
  std::vector<Triggered> next;
  {
    const std::lock_guard lock(mutex_);
    next = triggers_.take([this](const JobName& job) {
      const auto known = jobs_.find(job);
      return known != jobs_.end() && queue_.is_busy(job) &&
             known->second.spec->schedule.overlap == Overlap::skip;
    });
  }
  for (const Triggered& one : next) {
    std::optional<Triggered> due = one;
    if (options_.shared) {
      TM_TRY(due, for_all(one.job));
    }
    if (due) TM_CHECK(take({{{due->job, due->fire, due->fire}, Owed::yes, due->inputs}}));
  }
  return {};
}

// With mutex_ held: false where the queue is full.
bool Service::enter(FireRecord fire) {
  const FireKey key{fire.task, fire.fire};
  if (hold(fire)) {
    open_[key] = std::move(fire);
    return true;
  }
  if (!queue_.add({fire.task, fire.fire, fire.priority, fire.pool})) return false;
  open_[key] = std::move(fire);
  changed_.notify_all();
  return true;
}

void Service::retry_now(UtcMicros at) {
  while (!retries_.empty() && retries_.begin()->first <= at) {
    const FireKey key = retries_.begin()->second;
    retries_.erase(retries_.begin());
    const auto fire = open_.find(key);
    if (fire != open_.end() && fire->second.state != FireState::running) enter_again(key);
  }
}

// With mutex_ held: a fire that is owed. Where the queue is full it comes again a little later.
void Service::enter_again(const FireKey& key) {
  const Job* const job = doer_of(key.first);
  if (job == nullptr) return;
  FireRecord fire = open_.at(key);
  describe(fire, *job->spec);  // its job may have been edited since
  if (!enter(std::move(fire))) retries_.emplace(later(time(), full_looks_every), key);
}

void Service::stop_overdue() {
  const nanoseconds at = parts_.clock.monotonic();
  for (auto& [job, running] : running_) {
    if (!running.deadline || at < *running.deadline || !running.why.empty()) continue;
    running.why = "it took longer than its `timeout`";
    running.cancel->request();
  }
}

}  // namespace tidemark
