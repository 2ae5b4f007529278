#include "alert/rules.h"

#include <algorithm>
#include <limits>

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// The end of a run is a time within its transaction, which becomes visible later: those that ended
// a moment ago are read again.
constexpr std::chrono::seconds overlap{10};
constexpr std::chrono::seconds turn_renewed_after{10};
constexpr milliseconds stop_seen_after{100};
constexpr int ended_at_a_time = 2'000;
// More are open only where nothing is taken any more, which is told of the oldest.
constexpr int open_max = 10'000;
// Ten weeks of an hourly job take some 70 KB.
constexpr std::size_t volumes_max = 2'000;
constexpr std::size_t volumes_at_a_time = 20;  // of one look
constexpr std::size_t begun_at_a_time = 20;
constexpr const char* turn_name = "alerts";
const UtcMicros never(std::numeric_limits<std::int64_t>::max());

Result<UtcMicros> time_of(SqlDatabase& store) {
  UtcMicros at{};
  TM_CHECK(store.read([&](SqlSession& session) -> Status {
    TM_TRY(at, session.now());
    return {};
  }));
  return at;
}

}  // namespace

AlertRules::AlertRules(const AlertRulesParts& parts, const AlertRulesSpec& rules,
                       AlertRulesOptions options)
    : parts_(parts),
      rules_(rules),
      options_(std::move(options)),
      server_rules_(options_.name, rules) {}

AlertRules::~AlertRules() = default;

void AlertRules::set_jobs(const Service::Jobs& jobs) {
  const std::lock_guard lock(mutex_);
  edited_ = jobs;
  is_soon_ = true;
  changed_.notify_all();
}

void AlertRules::ended(const RunEnd&) {
  look_soon();
}

void AlertRules::note(const ServiceNote& note) {
  if (has_ended(note.state)) look_soon();
}

void AlertRules::look_soon() {
  const std::lock_guard lock(mutex_);
  is_soon_ = true;
  changed_.notify_all();
}

void AlertRules::look_until(const Cancel& stop) {
  std::set<std::string> said;
  std::optional<nanoseconds> looked;
  while (!stop.requested()) {
    {
      std::unique_lock lock(mutex_);
      const auto since = [&] { return parts_.clock.monotonic() - looked.value_or(nanoseconds(0)); };
      const bool is_due =
          !looked || since() >= options_.look_every || (is_soon_ && since() >= options_.look_soon);
      if (!is_due) {
        changed_.wait_for(lock, stop_seen_after);
        continue;
      }
      is_soon_ = false;
    }
    const Status found = look(stop);
    if (stop.requested()) break;
    looked = parts_.clock.monotonic();
    if (found.ok()) {
      said.clear();
    } else if (said.insert(found.error().code).second) {
      parts_.log.tell_error(LogLevel::warn, LogComponent::alert, "alerts are not looked at",
                            found.error());
    }
  }
  if (!turn_until_) return;
  // Where the store does not answer it ends by itself.
  [[maybe_unused]] const Status given =
      give_turn_back(parts_.store, {turn_name, options_.server, options_.turn});
}

Status AlertRules::look(const Cancel& stop) {
  take_up_jobs();
  const Status server = look_at_server();
  TM_CHECK(look_at_project(stop));
  return server;
}

void AlertRules::take_up_jobs() {
  std::optional<Service::Jobs> edited;
  {
    const std::lock_guard lock(mutex_);
    edited.swap(edited_);
  }
  if (!edited) return;
  const UtcMicros now = parts_.clock.now_utc();
  std::map<JobName, Watched> jobs;
  for (const auto& spec : *edited) {
    if (!spec->enabled) continue;
    Watched job{spec, std::nullopt, now, std::nullopt, std::nullopt};
    // Of a schedule that cannot be read the service says it.
    auto times = JobTimes::of(spec->schedule);
    if (times.ok()) job.times = *std::move(times);
    const auto before = jobs_.find(spec->name);
    const bool is_as_before = before != jobs_.end() &&
                              before->second.spec->content_hash == spec->content_hash &&
                              before->second.spec->schedule.off == spec->schedule.off;
    if (is_as_before) {
      job.known_since = before->second.known_since;
      job.newest_fire = before->second.newest_fire;
    } else {
      forget(spec->name);
    }
    jobs.emplace(spec->name, std::move(job));
  }
  jobs_ = std::move(jobs);
  std::erase_if(memory_, [&](const auto& one) { return !jobs_.contains(one.first); });
  std::erase_if(volumes_, [&](const auto& one) { return !jobs_.contains(one.first); });
  std::erase_if(volumes_to_learn_, [&](const JobName& one) { return !jobs_.contains(one); });
}

void AlertRules::forget(const JobName& job) {
  memory_.erase(job);
  volumes_.erase(job);
}

// A service that is stuck may hold up who asks it for more than that.
Status AlertRules::look_at_server() {
  const UtcMicros now = parts_.clock.now_utc();
  const nanoseconds monotonic = parts_.clock.monotonic();
  std::vector<Alert> found;
  if (const auto stuck = server_rules_.find_stuck(parts_.stepped_at(), now, monotonic)) {
    found = of_server_;
    found.push_back(*stuck);
  } else {
    found = of_server_ = server_rules_.find(parts_.sight(), now, monotonic);
  }
  return parts_.board.holds(AlertScope::server, found);
}

Status AlertRules::look_at_project(const Cancel& stop) {
  TM_TRY(const bool has_turn, take_turn());
  if (!has_turn) {
    memory_.clear();
    return {};
  }
  TM_CHECK(learn(stop));
  TM_TRY(const JobsOpen open, find_open());
  TM_CHECK(look_at_fires(open));
  judge_volumes(open);
  std::vector<Alert> found;
  for (const auto& [name, job] : jobs_)
    find_all_of(job, open, found);
  // Another may have it by now, and know more.
  if (turn_until_ && parts_.clock.monotonic() >= *turn_until_) return {};
  return parts_.board.holds(AlertScope::project, found);
}

Result<bool> AlertRules::take_turn() {
  if (!options_.shared) return true;
  const nanoseconds now = parts_.clock.monotonic();
  if (turn_until_ && now < *turn_until_ - options_.turn + turn_renewed_after) return true;
  TM_TRY(const bool is_mine,
         tidemark::take_turn(parts_.store, {turn_name, options_.server, options_.turn}));
  turn_until_ = is_mine ? std::optional(now + options_.turn) : std::nullopt;
  return is_mine;
}

Status AlertRules::learn(const Cancel& stop) {
  TM_TRY(const UtcMicros now, time_of(parts_.store));
  // By a clock that went back what ends next would be of before.
  if (now < ended_until_) memory_.clear();
  if (memory_.empty()) {
    ended_until_ = now;
    ended_lately_.clear();
    different_.clear();
    volumes_.clear();
    volumes_to_learn_.clear();
  }
  const UtcMicros since(ended_until_.get() - std::chrono::microseconds(overlap).count());
  Begun begun;
  Status learned = learn_all(now, since, stop, begun);
  if (learned.ok()) return learned;
  // Of these not all is known.
  for (const JobName& job : begun.memories)
    forget(job);
  for (const JobName& job : begun.volumes) {
    volumes_.erase(job);
    volumes_to_learn_.insert(job);
  }
  return learned;
}

Status AlertRules::learn_all(UtcMicros now, UtcMicros since, const Cancel& stop, Begun& begun) {
  TM_CHECK(learn_begins(since, stop, begun));
  TM_CHECK(learn_volumes(now, since, stop, begun));
  EndedAsked asked{since, RunId(), ended_at_a_time};
  while (true) {
    TM_CHECK(stop.check());
    TM_TRY(const std::vector<EndedRun> runs, runs_ended(parts_.store, asked));
    for (const EndedRun& run : runs) {
      const bool is_known = !ended_lately_.emplace(run.ended_at, run.run).second;
      learn(run, is_known, begun);
    }
    if (!runs.empty()) {
      asked.since = runs.back().ended_at;
      asked.behind = runs.back().run;
    }
    if (std::ssize(runs) < ended_at_a_time) break;
  }
  // What ends from now on ends at `now` or later.
  ended_until_ = std::max(now, asked.since);
  const UtcMicros kept(ended_until_.get() - std::chrono::microseconds(overlap).count());
  ended_lately_.erase(ended_lately_.begin(), ended_lately_.lower_bound({kept, RunId()}));
  return {};
}

// What is known by an earlier look is new to a job that begins at this one.
void AlertRules::learn(const EndedRun& run, bool is_known, const Begun& begun) {
  const auto memory = memory_.find(run.job);
  if (memory != memory_.end() && (!is_known || begun.memories.contains(run.job)))
    memory->second.ended(run);
  const auto volume = volumes_.find(run.job);
  if (volume != volumes_.end() && (!is_known || begun.volumes.contains(run.job)) &&
      run.kind == RunKind::run && run.is_well())
    volume->second.read({hour_of(run.started_at), run.rows_read});
}

// Of jobs that are new here. What ended at `since` or later is read with what ended lately.
Status AlertRules::learn_begins(UtcMicros since, const Cancel& stop, Begun& begun) {
  std::vector<JobName> unknown;
  for (const auto& [name, job] : jobs_) {
    if (!memory_.contains(name)) unknown.push_back(name);
  }
  TM_CHECK(learn_comparisons(since, unknown));
  std::vector<JobName> some;
  for (std::size_t at = 0; at < unknown.size(); at += some.size()) {
    TM_CHECK(stop.check());
    const auto from = unknown.begin() + static_cast<std::ptrdiff_t>(at);
    some.assign(from,
                from + static_cast<std::ptrdiff_t>(std::min(begun_at_a_time, unknown.size() - at)));
    TM_TRY(const std::vector<EndedRun> runs, runs_to_begin_with(parts_.store, some));
    begun.memories.insert(some.begin(), some.end());
    volumes_to_learn_.insert(some.begin(), some.end());
    for (const JobName& name : some)
      memory_.try_emplace(name);
    for (const EndedRun& run : runs) {
      if (run.ended_at < since) memory_.at(run.job).ended(run);
    }
  }
  return {};
}

// Each takes a while, and what holds of a job otherwise is not to wait for it.
Status AlertRules::learn_volumes(UtcMicros now, UtcMicros since, const Cancel& stop, Begun& begun) {
  while (!volumes_to_learn_.empty() && begun.volumes.size() < volumes_at_a_time) {
    TM_CHECK(stop.check());
    const JobName job = *volumes_to_learn_.begin();
    TM_CHECK(learn_volume(job, now, since));
    volumes_to_learn_.erase(job);
    if (volumes_.contains(job)) begun.volumes.insert(job);
  }
  return {};
}

Status AlertRules::learn_volume(const JobName& job, UtcMicros now, UtcMicros ended_before) {
  const JobSpec& spec = *jobs_.at(job).spec;
  volumes_.erase(job);
  if (rules_.volume.off || !runs_by_itself(spec) || volumes_.size() >= volumes_max) return {};
  std::optional<Zone> zone;
  if (spec.schedule.timezone) {
    TM_TRY(zone, Zone::find(spec.schedule.timezone->value));
  }
  const std::chrono::microseconds back(VolumeRule::history);
  TM_TRY(const std::vector<HourRead> hours,
         hours_read(parts_.store, {job, UtcMicros(now.get() - back.count()), ended_before}));
  VolumeRule& volume =
      volumes_.try_emplace(job, VolumeRule(std::move(zone), spec.schedule.off)).first->second;
  for (const HourRead& hour : hours)
    volume.read(hour);
  return {};
}

// An hour is over when all that began in it has ended, and nothing of it can come any more.
void AlertRules::judge_volumes(const JobsOpen& open) {
  for (auto& [job, volume] : volumes_) {
    UtcMicros until(open.at.get() - std::chrono::microseconds(overlap).count());
    const auto run = open.runs.find(job);
    if (run != open.runs.end()) until = std::min(until, run->second.started_at);
    volume.pass(until);
  }
}

// A comparison by hand makes good what one before it found, so those that failed are asked for
// again.
Status AlertRules::learn_comparisons(UtcMicros since, const std::vector<JobName>& begun) {
  TM_TRY(std::set<JobName> asked, compared_since(parts_.store, since));
  asked.insert(begun.begin(), begun.end());
  for (const auto& [name, comparison] : different_)
    asked.insert(name);
  std::erase_if(asked, [&](const JobName& name) {
    const auto job = jobs_.find(name);
    return job == jobs_.end() || !job->second.spec->verify;
  });
  TM_TRY(const std::vector<FailedComparison> failed,
         failed_comparisons(parts_.store, {asked.begin(), asked.end()}));
  different_.clear();
  for (const FailedComparison& one : failed)
    different_.insert_or_assign(one.job, one);
  return {};
}

Result<JobsOpen> AlertRules::find_open() {
  TM_TRY(OpenNow open, open_now(parts_.store, open_max));
  JobsOpen found{open.at, {}, {}};
  for (OpenRun& run : open.runs)
    found.runs.insert_or_assign(run.job, run);
  for (FireRecord& fire : open.fires) {
    if (fire.task.what == FireTask::run) found.fires[fire.task.job].push_back(std::move(fire));
  }
  return found;
}

// Which fires were to be taken and were not is asked only of jobs of which one would be late by
// now.
Status AlertRules::look_at_fires(const JobsOpen& open) {
  std::vector<JobName> asked;
  for (auto& [name, job] : jobs_) {
    // What such a job missed it does not want.
    if (!job.times || job.spec->schedule.missed == Missed::skip) continue;
    if (!job.late_at) job.late_at = next_late(job);
    if (*job.late_at <= open.at) asked.push_back(name);
  }
  TM_TRY(const auto fires, newest_fires(parts_.store, asked));
  for (const JobName& name : asked) {
    Watched& job = jobs_.at(name);
    const auto newest = fires.find(name);
    if (newest != fires.end()) job.newest_fire = newest->second;
    job.late_at = next_late(job);
  }
  return {};
}

UtcMicros AlertRules::next_late(const Watched& job) const {
  const UtcMicros behind = std::max(job.newest_fire.value_or(job.known_since), job.known_since);
  const auto next = job.times->after(behind);
  if (!next) return never;
  const UtcMicros begin = job.times->begin_of(job.spec->name, *next);
  return UtcMicros(begin.get() + std::chrono::microseconds(start_within(*job.spec)).count());
}

}  // namespace tidemark
