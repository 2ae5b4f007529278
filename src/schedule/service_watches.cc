// Fires of a service for what has changed: docs/schedule.md, `when`.
#include <algorithm>
#include <utility>

#include "schedule/fire_rules.h"
#include "schedule/service.h"

namespace tidemark {
namespace {

std::string names_of(const std::vector<JobName>& jobs) {
  std::string names;
  for (const JobName& job : jobs)
    names += (names.empty() ? "" : ", ") + job.get();
  return names;
}

const SeenChange* find(const std::vector<SeenChange>& list, const JobName& job) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const SeenChange& one) { return one.job == job; });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

// With mutex_ held: those of the jobs that may run here, since only these servers need reach what
// their jobs watch.
void Service::set_watches(const Jobs& jobs) {
  Jobs watching;
  for (const auto& job : jobs) {
    const auto& label = job->schedule.label;
    const bool here = !label || options_.labels.contains(label->value);
    if (!options_.shared || (options_.works && here)) watching.push_back(job);
  }
  watches_.set(watching);
}

// A job whose last fire was let go of, as while its file was away, has not followed what it was
// for.
Status Service::take_up_watches(const std::vector<JobName>& jobs) {
  for (const JobName& job : jobs) {
    TM_TRY(const std::vector<FireRecord> last, parts_.store.list_fires(job, 1));
    if (last.empty() || last.front().state != FireState::cancelled ||
        last.front().reason != job_is_gone)
      continue;
    TM_TRY(const std::vector<SeenChange> known, parts_.store.seen_changes({job}));
    if (known.empty() || known.front().sign.empty()) continue;
    SeenChange none = known.front();
    none.sign.clear();
    TM_TRY([[maybe_unused]] const bool noted, parts_.store.note_change(none, known.front()));
  }
  return {};
}

// Asks what is due, and does what the answers say.
Status Service::watch() {
  std::vector<Look> due;
  {
    const std::lock_guard lock(mutex_);
    due = watches_.due(parts_.clock.monotonic());
  }
  // What the store's failure keeps from being seen is looked at again.
  Status failed;
  const auto look_again = [&](const std::string& watched, Status why) {
    if (failed.ok()) failed = std::move(why);
    const std::lock_guard lock(mutex_);
    watches_.put_off(watched, parts_.clock.monotonic());
  };
  for (const Look& look : due) {
    Status asked = failed.ok() ? ask(look) : failed;
    if (!asked.ok()) look_again(to_text(look.when), std::move(asked));
  }
  if (!failed.ok()) return failed;
  for (Looks::Answer& answer : looks_.take()) {
    const std::string watched = answer.watched;
    Status done = answered(std::move(answer));
    if (!done.ok()) look_again(watched, std::move(done));
  }
  return failed;
}

Status Service::ask(const Look& look) {
  // Before, so that nobody counts as away for what the store takes to answer.
  const UtcMicros at = time();
  TM_TRY(std::vector<SeenChange> known, parts_.store.seen_changes(look.jobs));
  if (look.when.kind == Watched::dataset) {
    TM_TRY(std::string loads, parts_.store.loads_of(look.when.loaded_by));
    return answered({to_text(look.when), std::move(loads), std::move(known), at});
  }
  looks_.ask(look.when, std::move(known), at);
  return {};
}

Status Service::answered(Looks::Answer answer) {
  const bool untold = !answer.sign.ok() && answer.sign.error().code == "source.no_change_sign";
  std::vector<std::shared_ptr<const JobSpec>> jobs;
  std::string said;
  std::string sign;
  {
    const std::lock_guard lock(mutex_);
    const auto now = parts_.clock.monotonic();
    const std::vector<JobName> names = watches_.jobs_of(answer.watched);
    for (const JobName& name : names) {
      const auto job = jobs_.find(name);
      if (job != jobs_.end() && doer_of(name) != nullptr) jobs.push_back(job->second.spec);
    }
    if (jobs.empty()) return {};  // nobody watches it any more
    const bool could_not = !watches_.why_not(answer.watched).empty();
    if (answer.sign.ok() || untold) {
      // Of an untold one each job has its own, by its `check`.
      sign = untold ? untold_sign(*jobs.front()->schedule.when, time()) : *answer.sign;
      watches_.seen(answer.watched, sign, now);
    }
    if (!answer.sign.ok()) {
      watches_.failed(answer.watched, answer.sign.error(), now);
      if (!could_not) said = "what " + names_of(names) + " watches cannot be looked at";
    } else if (could_not)
      said = "what " + names_of(names) + " watches can be looked at again";
  }
  if (!said.empty() && answer.sign.ok()) {
    parts_.log.tell(LogLevel::info, LogComponent::schedule, said);
  } else if (!said.empty()) {
    parts_.log.tell_error(LogLevel::warn, LogComponent::schedule, said, answer.sign.error());
  }
  if (!answer.sign.ok() && !untold) return {};
  for (const auto& job : jobs) {
    if (untold) sign = untold_sign(*job->schedule.when, time());
    TM_CHECK(follow_change(*job, find(answer.known, job->name), sign, answer.asked_at));
  }
  return {};
}

Status Service::follow_change(const JobSpec& job, const SeenChange* known, const std::string& sign,
                              UtcMicros asked_at) {
  const UtcMicros at = time();
  if (known != nullptr && Watches::says_that_it_looks(job, *known, asked_at, at)) {
    TM_TRY([[maybe_unused]] const bool noted,
           parts_.store.note_change({known->job, known->watched, known->sign, at}, *known));
  }
  TM_TRY(const bool may_run, may_run_at(job.schedule, at));
  if (!may_run) return {};
  const std::optional<SeenChange> before = known == nullptr ? std::nullopt : std::optional(*known);
  const SeenChange now{job.name, to_text(*job.schedule.when), sign, at};
  std::optional<FireOffer> offer;
  {
    const std::lock_guard lock(mutex_);
    switch (watches_.follow(job, before, sign, asked_at, parts_.clock.monotonic())) {
      case Follow::nothing:
        return {};
      case Follow::note:
        break;
      case Follow::fire:
        offer = offer_of({{job.name, at, at}, Owed::no, {}});
        // Where the queue is full it is followed a little later.
        if (!offer || offer->fire.state != FireState::waiting) return {};
        break;
    }
  }
  if (!offer) {
    TM_TRY([[maybe_unused]] const bool noted, parts_.store.note_change(now, before));
    return {};
  }
  auto answer = parts_.store.take_change(*offer, now, before);
  if (!answer.ok()) {
    unsure_ = true;
    return std::move(answer).error();
  }
  return taken(offer->fire, *std::move(answer));
}

}  // namespace tidemark
