// The halves of a run, which servers claim apart: docs/adr/0019-two-halves.md.
#include <utility>

#include "schedule/fire_rules.h"
#include "schedule/retry.h"
#include "schedule/service.h"

namespace tidemark {

bool Service::is_in_halves(const Task& task) const {
  return task.what == FireTask::run && parts_.run_half != nullptr;
}

Service::Outcome Service::perform_half(const JobSpec& job, FireRecord& fire, const RunId& before,
                                       Cancel& cancel) {
  HandOver hand_over;
  hand_over.loads_here = [&](const RunId& run) { return loads_here(job, fire, run); };
  hand_over.tries_again = [&](const Error& error) {
    return tries_load_again(job, fire, error, cancel);
  };
  auto ran = parts_.run_half(job, {fire.half, fire.run, before}, hand_over, cancel);
  if (!ran.ok()) return {std::nullopt, std::move(ran).error()};
  return {*std::move(ran), std::nullopt};
}

// Who extracted has what it needs at hand, so it loads too where it may and its pool has a place.
Result<bool> Service::loads_here(const JobSpec& job, FireRecord& fire, const RunId& run) {
  if (fire.half == FireHalf::load) return true;
  FireRecord loads = fire;
  loads.half = FireHalf::load;
  loads.run = run;
  loads.attempts = 1;
  describe(loads, job);
  if (!loads.label.empty() && !options_.labels.contains(loads.label)) return false;
  {
    const std::lock_guard lock(mutex_);
    if (leaving_) return false;
  }
  const auto has_place = parts_.store.begin_load(loads, options_.limits.pools);
  // The fire is another's by now, as after a long stop: so is the load.
  if (!has_place.ok() && has_place.error().code == "store.stale") return false;
  if (!has_place.ok()) return has_place.error();
  if (!*has_place) return false;
  fire = loads;
  const std::lock_guard lock(mutex_);
  open_[{fire.task, fire.fire}] = fire;
  // From here on only the target is asked.
  const std::string& source = job.from.connection.value;
  if (source != job.to.connection.value)
    breakers_.try_emplace(source, options_.breaker).first->second.succeeded();
  if (job.schedule.timeout)
    running_.at(job.name).deadline = parts_.clock.monotonic() + *job.schedule.timeout;
  return true;
}

bool Service::tries_load_again(const JobSpec& job, const FireRecord& fire, const Error& error,
                               const Cancel& cancel) {
  if (fire.half != FireHalf::load) return false;
  const std::lock_guard lock(mutex_);
  // Who is to leave leaves the load to others.
  if (cancel.requested()) return leaving_ && running_.at(job.name).why.empty();
  const std::chrono::milliseconds since((time().get() - fire.fire.get()) / 1000);
  return may_be_retried(job.schedule.retries, error, static_cast<int>(fire.attempts), since);
}

// A fire whose run is staged is to be loaded; one whose load came to nothing, and whose run has
// ended, begins anew. True: it is for whoever loads it, and that counts its own attempts.
bool Service::comes_to_other_half(const JobSpec& job, FireRecord& fire,
                                  const Outcome& outcome) const {
  if (!is_in_halves(fire.task) || !outcome.record) return false;
  const RunRecord& record = *outcome.record;
  const FireHalf before = fire.half;
  fire.half = waits_for_load(record) ? FireHalf::load : FireHalf::extract;
  if (fire.half == before) return false;
  describe(fire, job);
  if (fire.half == FireHalf::extract) {
    if (!record.error || record.error->code != "run.no_stage") return false;
    fire.state = FireState::waiting;
    fire.attempts = 0;
    return true;
  }
  fire.run = record.run;
  fire.state = FireState::waiting;
  fire.attempts = 0;
  fire.reason = "it is staged, and waits for a server to load it";
  return true;
}

}  // namespace tidemark
