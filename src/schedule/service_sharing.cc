// What a service does where several share a store: docs/adr/0017-several-servers.md.
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
constexpr std::chrono::minutes keeps_unknown{10};
constexpr std::chrono::seconds gives_away_for{5};

std::string role_of(const ServiceOptions& options) {
  if (options.schedules && options.works) return "all";
  return options.schedules ? "scheduler" : "worker";
}

}  // namespace

// By the clock of the store where that is not this machine's.
UtcMicros Service::time() const {
  return UtcMicros(parts_.clock.now_utc().get() + ahead_us_);
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
  TM_TRY(const ServerView view, parts_.store.server_lives(self(leaves), options_.dead_after));
  const nanoseconds took = parts_.clock.monotonic() - began;
  // The store looked at its clock somewhere between.
  const bool is_sharp = took < options_.lives_every / 4;
  if (is_sharp || lived_ < 0) {
    const UtcMicros here = later(parts_.clock.now_utc(), -took / 2);
    ahead_us_ = view.now.get() - here.get();
  }
  lived_ = began.count();
  const std::lock_guard lock(mutex_);
  waiting_ = view.waiting;
  for (const FireRecord& fire : view.stop)
    stop_for(fire);
  if (view.freed > 0 && parts_.say) {
    parts_.say(std::to_string(view.freed) +
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
                    static_cast<int>(queue_.waiting());
  }
  if (wanted.places <= 0) return {};
  wanted.owner = options_.owner;
  wanted.labels = options_.labels;
  wanted.pools = options_.limits.pools;
  TM_TRY(std::vector<FireRecord> claimed, parts_.store.claim_fires(wanted));
  for (FireRecord& fire : claimed)
    adopt(std::move(fire));
  return {};
}

bool Service::is_long_ago(const FireRecord& fire) const {
  return later(fire.fire, keeps_unknown) < time();
}

// A fire of a job that this server's files do not have, or not so.
void Service::give_away(FireRecord fire) {
  fire.next_at = later(time(), gives_away_for);
  fire.reason = "a server that had it does not run this job";
  Status given = parts_.store.release_fire(fire);
  if (!given.ok() && given.error().code != "store.stale") fail(std::move(given).error());
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
Status Service::know_last(const JobName& job, bool& is_open) {
  TM_TRY(const std::vector<FireRecord> last, parts_.store.list_fires(job, 1));
  is_open = !last.empty() && !has_ended(last.front().state);
  FireInputs inputs;
  if (!last.empty()) {
    TM_TRY(inputs, parse_fire_inputs(last.front().inputs));
  }
  const std::lock_guard lock(mutex_);
  triggers_.set_last(job, last.empty() ? UtcMicros(0) : last.front().fire, inputs);
  return {};
}

// The fire of a job that is to follow others, as all servers see it: nothing where another has
// taken it already, or where one goes on that leaves out what comes meanwhile.
Result<std::optional<Triggered>> Service::for_all(const JobName& job) {
  bool is_open = false;
  TM_CHECK(know_last(job, is_open));
  const std::lock_guard lock(mutex_);
  const auto known = jobs_.find(job);
  if (known == jobs_.end()) return std::optional<Triggered>();
  if (is_open && known->second.spec->schedule.overlap == Overlap::skip)
    return std::optional<Triggered>();
  return triggers_.take(job);
}

}  // namespace tidemark
