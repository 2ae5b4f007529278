// What a service does where several share a store: docs/adr/0017-several-servers.md.
#include <algorithm>
#include <utility>

#include "schedule/fire_rules.h"
#include "schedule/service.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// How often it is asked what ended elsewhere, and how far behind what is known: what ended may be
// visible a moment later than its time says.
constexpr milliseconds asks_every{1'000};
constexpr std::chrono::seconds asks_behind{60};
// A fire of a job that no server does is kept so long, for one whose files have it.
constexpr std::chrono::hours keeps_unknown{1};
constexpr std::chrono::seconds gives_away_for{5};

std::string role_of(const ServiceOptions& options) {
  if (options.schedules && options.works) return "all";
  return options.schedules ? "scheduler" : "worker";
}

}  // namespace

// Where servers share a store, by its clock, which goes on here as this machine's does that never
// jumps.
UtcMicros Service::time() const {
  if (!options_.shared) return parts_.clock.now_utc();
  const auto here = std::chrono::duration_cast<std::chrono::microseconds>(parts_.clock.monotonic());
  return UtcMicros(here.count() + ahead_us_);
}

ServerRecord Service::self(bool leaves) const {
  ServerRecord server;
  server.owner = options_.owner;
  server.role = role_of(options_);
  server.labels = options_.labels;
  server.places = options_.works ? options_.limits.running_max : 0;
  server.leaves = leaves;
  return server;
}

Status Service::say_that_it_lives(bool leaves) {
  const nanoseconds began = parts_.clock.monotonic();
  if (lived_ >= 0 && began - nanoseconds(lived_) < options_.lives_every) return {};
  // After a time in which the store did not answer, the others have as long to say that they live.
  const bool was_away = lived_ < 0 || began - nanoseconds(lived_) > options_.dead_after / 2;
  if (was_away) in_touch_since_ = began.count();
  const bool judges = began - nanoseconds(in_touch_since_) > options_.dead_after;
  TM_TRY(const ServerView view,
         parts_.store.server_lives(self(leaves),
                                   judges ? std::optional(options_.dead_after) : std::nullopt));
  const nanoseconds took = parts_.clock.monotonic() - began;
  // The store looked at its clock somewhere between.
  const bool is_sharp = took < options_.lives_every / 4;
  if (is_sharp || lived_ < 0) {
    const nanoseconds looked = began + took / 2;
    ahead_us_ =
        view.now.get() - std::chrono::duration_cast<std::chrono::microseconds>(looked).count();
  }
  lived_ = began.count();
  const std::lock_guard lock(mutex_);
  waiting_ = view.waiting;
  for (const FireRecord& fire : view.stop)
    stop_for(fire);
  if (view.freed > 0) {
    parts_.log.tell(LogLevel::warn, LogComponent::schedule,
                    std::to_string(view.freed) +
                        " fires of servers that gave no sign of life are for the others now");
  }
  return {};
}

Status Service::claim() {
  if (!options_.works) return {};
  FireClaim wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted.places = options_.limits.running_max - static_cast<int>(queue_.running()) -
                    static_cast<int>(queue_.waiting() - queue_.waiting_parts());
  }
  if (wanted.places <= 0) return {};
  wanted.owner = options_.owner;
  wanted.labels = options_.labels;
  wanted.pools = options_.limits.pools;
  wanted.takes = [this](const FireRecord& fire) { return may_run(fire); };
  auto claimed = parts_.store.claim_fires(wanted);
  if (!claimed.ok()) {
    unsure_ = true;
    return std::move(claimed).error();
  }
  for (FireRecord& fire : *claimed)
    adopt(std::move(fire));
  return {};
}

// Not those of jobs that its files do not have, or whose system does not answer here: another
// server may run them.
bool Service::may_run(const FireRecord& fire) {
  const nanoseconds at = parts_.clock.monotonic();
  const std::lock_guard lock(mutex_);
  const Job* const job = doer_of(fire.task);
  return job != nullptr && is_reachable(*job->spec, fire.half, at);
}

// With mutex_ held.
bool Service::is_reachable(const JobSpec& job, FireHalf half, nanoseconds at) const {
  const std::set<std::string> connections = asked_by(job, half);
  return std::none_of(connections.begin(), connections.end(), [&](const std::string& name) {
    const auto breaker = breakers_.find(name);
    return breaker != breakers_.end() && breaker->second.open_until(at).has_value();
  });
}

// A fire of a job that was edited while it waited here.
void Service::give_away(FireRecord fire) {
  fire.next_at = later(time(), gives_away_for);
  fire.reason = "a server that had it does not run this job";
  Status given = parts_.store.release_fire(fire);
  if (given.ok() || given.error().code == "store.stale") return;
  unsure_ = true;
  fail(std::move(given).error());
}

// The run of a fire that was to be loaded, and whose job is gone: it would stay open for ever. Its
// stage stays as one whose job's file is gone. False: somebody is at it.
Result<bool> Service::end_staged(const FireRecord& fire) {
  if (fire.half != FireHalf::load || fire.run.get().empty()) return true;
  auto history = parts_.store.get_run(fire.run);
  if (!history.ok() && history.error().code == "run.unknown") return true;
  if (!history.ok()) return std::move(history).error();
  if (!waits_for_load(history->run)) return true;
  Fence newest(0);
  for (const StreamRecord& stream : history->run.streams) {
    newest = std::max(newest, stream.mark.fence);
    // What may be loaded is for recovery to find out, once the job is back.
    const RunState state = stream.mark.state;
    if (state == RunState::loading || state == RunState::commit_unknown ||
        state == RunState::committed)
      return false;
  }
  constexpr std::chrono::seconds for_this{10};
  const auto token = parts_.store.claim(
      {fire.task.job, fire.run, options_.owner, std::chrono::milliseconds(for_this), newest, true});
  if (!token.ok() && token.error().code == "run.leased") return false;
  if (!token.ok()) return token.error();
  auto taken = parts_.store.take_over(fire.run, *token);
  if (!taken.ok() && taken.error().code == "store.stale") return false;
  TM_TRY(const RunRecord run, std::move(taken));
  const Error gone = internal_error(
      "run.job_gone", "its job is gone, so what it staged is not loaded", Retry::never,
      "its stage is kept: with the job's file back, `tidemark replay " + fire.run.get() +
          "` loads it; `tidemark stage clean " + fire.task.job.get() + "` removes it");
  RunFinish finish{fire.run, RunState::cancelled, gone, std::nullopt, {}, gone.message};
  std::vector<RunState> states;
  for (const StreamRecord& stream : run.streams) {
    states.push_back(is_final(stream.mark.state) ? stream.mark.state : RunState::cancelled);
    if (is_final(stream.mark.state)) continue;
    Transition last;
    last.run = fire.run;
    last.stream = stream.stream;
    last.expected = stream.mark;
    last.to = RunState::cancelled;
    last.error = gone;
    last.message = gone.message;
    finish.last_steps.push_back(std::move(last));
  }
  finish.outcome = worst_of(states);
  const Status finished = parts_.store.finish_run(finish);
  if (finished.ok()) return true;
  // Somebody else was quicker, or it stands otherwise than it was read: the next look tells.
  if (finished.error().code != "store.stale" && finished.error().code != "store.illegal_transition")
    return finished.error();
  return false;
}

// Fires of jobs that nobody runs any more, as far as this server's files say: those that were for
// anybody for long.
Status Service::forget_unknown() {
  TM_TRY(std::vector<FireRecord> open, parts_.store.open_fires());
  for (FireRecord& fire : open) {
    bool is_known = true;
    bool is_gone = false;
    {
      const std::lock_guard lock(mutex_);
      is_known = doer_of(fire.task) != nullptr;
      is_gone = !jobs_.contains(fire.task.job);
    }
    if (is_known || !fire.owner.empty() || later(fire.fire, keeps_unknown) > time()) continue;
    // Of one that is only paused the stage is loaded when it goes on.
    if (is_gone) {
      TM_TRY(const bool is_settled, end_staged(fire));
      if (!is_settled) continue;
    }
    fire.state = FireState::cancelled;
    fire.reason = job_is_gone;
    const Status ended = parts_.store.update_fire(fire);
    if (ended.ok()) tell(fire, std::nullopt);
    if (!ended.ok() && ended.error().code != "store.stale") return ended.error();
  }
  return {};
}

// What those that wait for a server to claim them say of their jobs, which were edited.
Status Service::describe_anew(const Jobs& jobs) {
  std::vector<FireRecord> told;
  for (const auto& job : jobs) {
    for (const auto& [what, half] :
         {std::pair(FireTask::run, FireHalf::extract), std::pair(FireTask::run, FireHalf::load),
          std::pair(FireTask::verify, FireHalf::extract)}) {
      FireRecord fire = new_fire({job->name, what}, UtcMicros(0), "");
      fire.half = half;
      describe(fire, *job);
      told.push_back(std::move(fire));
    }
  }
  return told.empty() ? Status() : parts_.store.describe_fires(told);
}

// For jobs that come after others, which may have run anywhere.
Status Service::learn_what_ended() {
  const nanoseconds at = parts_.clock.monotonic();
  if (at - asked_ < asks_every) return {};
  asked_ = at;
  std::set<JobName> followed;
  {
    const std::lock_guard lock(mutex_);
    followed = triggers_.followed();
  }
  if (followed.empty()) return {};
  const UtcMicros since = ended_until_ == UtcMicros(0) ? time() : ended_until_;
  TM_TRY(const std::vector<FireRecord> ended, parts_.store.ended_fires(later(since, -asks_behind)));
  ended_until_ = time();
  {
    const std::lock_guard lock(mutex_);
    for (const FireRecord& fire : ended) {
      if (followed.contains(fire.task.job))
        triggers_.ended(fire.task.job, fire.fire, fire.state == FireState::done);
    }
  }
  return follow();
}

// What a job's newest fire, whoever took it, was for: in the place of what is known here.
// Whether it goes on.
Result<bool> Service::know_last(const JobName& job) {
  TM_TRY(const std::vector<FireRecord> last, parts_.store.list_fires(job, 1));
  FireInputs inputs;
  if (!last.empty()) {
    TM_TRY(inputs, parse_fire_inputs(last.front().inputs));
  }
  const std::lock_guard lock(mutex_);
  triggers_.set_last(job, last.empty() ? UtcMicros(0) : last.front().fire, inputs);
  return !last.empty() && !has_ended(last.front().state);
}

// The fire of a job that is to follow others, as all servers see it: nothing where another has
// taken it already, or where one goes on that leaves out what comes meanwhile.
Result<std::optional<Triggered>> Service::for_all(const JobName& job) {
  TM_TRY(const bool is_open, know_last(job));
  const std::lock_guard lock(mutex_);
  const auto known = jobs_.find(job);
  if (known == jobs_.end()) return std::optional<Triggered>();
  if (is_open && known->second.spec->schedule.overlap == Overlap::skip)
    return std::optional<Triggered>();
  return triggers_.take(job);
}

}  // namespace tidemark
