#include "schedule/triggers.h"

#include <algorithm>
#include <utility>

namespace tidemark {

namespace {

bool is_newer(const FireInputs& before, const JobName& job, UtcMicros fire) {
  const auto known = before.find(job);
  return known == before.end() || fire > known->second;
}

}  // namespace

std::string to_text(const FireInputs& inputs) {
  std::string text;
  for (const auto& [job, fire] : inputs)
    text += (text.empty() ? "" : " ") + job.get() + "@" + to_text(fire);
  return text;
}

Result<FireInputs> parse_fire_inputs(const std::string& text) {
  FireInputs inputs;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string one = text.substr(at, end - at);
    const std::size_t mark = one.rfind('@');
    if (mark == std::string::npos)
      return internal_error("store.bad_value", "a fire has inputs that are none: " + text);
    TM_TRY(const UtcMicros fire, parse_utc(one.substr(mark + 1)));
    inputs[JobName(one.substr(0, mark))] = fire;
    at = end + 1;
  }
  return inputs;
}

bool Triggers::is_triggered(const JobSpec& job) {
  return job.enabled && !job.schedule.after.empty() && !job.schedule.every && !job.schedule.cron;
}

void Triggers::set(const std::vector<std::shared_ptr<const JobSpec>>& jobs) {
  jobs_.clear();
  with_after_.clear();
  for (const auto& job : jobs) {
    if (job->enabled && !job->schedule.after.empty()) with_after_.push_back(job);
    if (is_triggered(*job)) jobs_.emplace(job->name, job);
  }
}

std::vector<JobName> Triggers::followers() const {
  std::vector<JobName> names;
  for (const auto& [name, job] : jobs_)
    names.push_back(name);
  return names;
}

std::set<JobName> Triggers::followed() const {
  std::set<JobName> names;
  for (const auto& job : with_after_) {
    for (const Name& before : job->schedule.after)
      names.insert(JobName(before.value));
  }
  return names;
}

void Triggers::ended(const JobName& job, UtcMicros fire, bool well) {
  Newest& newest = newest_[job];
  newest.any = std::max(newest.any.value_or(fire), fire);
  if (well) newest.well = std::max(newest.well.value_or(fire), fire);
}

Triggers::Newest Triggers::newest(const JobName& job) const {
  const auto known = newest_.find(job);
  return known == newest_.end() ? Newest() : known->second;
}

void Triggers::fired(const JobName& job, UtcMicros fire, const FireInputs& inputs) {
  Last& last = last_[job];
  if (fire < last.fire) return;
  last = {fire, inputs};
}

void Triggers::set_last(const JobName& job, UtcMicros fire, const FireInputs& inputs) {
  last_[job] = {fire, inputs};
}

std::vector<Triggered> Triggers::take(const std::function<bool(const JobName&)>& waits) {
  std::vector<Triggered> triggered;
  for (const auto& [name, job] : jobs_) {
    auto next = follows(*job);
    if (!next || (waits && waits(name))) continue;
    fired(name, next->fire, next->inputs);
    triggered.push_back(*std::move(next));
  }
  return triggered;
}

std::optional<Triggered> Triggers::take(const JobName& job) {
  const auto known = jobs_.find(job);
  if (known == jobs_.end()) return std::nullopt;
  auto next = follows(*known->second);
  if (next) fired(job, next->fire, next->inputs);
  return next;
}

std::optional<Triggered> Triggers::follows(const JobSpec& job) {
  const Last& last = last_[job.name];
  Triggered next{job.name, last.fire, {}};
  std::size_t newer = 0;
  for (const Name& before : job.schedule.after) {
    const JobName name(before.value);
    const Newest& newest = newest_[name];
    const auto fire = job.schedule.after_failed == AfterFailed::run ? newest.any : newest.well;
    if (!fire) continue;
    newer += is_newer(last.inputs, name, *fire) ? 1 : 0;
    next.inputs[name] = *fire;
    next.fire = std::max(next.fire, *fire);
  }
  const std::size_t wanted = job.schedule.after_any ? 1 : job.schedule.after.size();
  if (newer < wanted) return std::nullopt;
  if (next.fire <= last.fire) next.fire = UtcMicros(last.fire.get() + 1);
  return next;
}

Triggers::Waiting Triggers::waiting(const JobName& job) const {
  Waiting found;
  const auto known = jobs_.find(job);
  if (known == jobs_.end()) return found;
  const auto last = last_.find(job);
  const FireInputs inputs = last == last_.end() ? FireInputs() : last->second.inputs;
  const ScheduleSpec& schedule = known->second->schedule;
  for (const Name& before : schedule.after) {
    const JobName name(before.value);
    const Newest had = newest(name);
    const auto fire = schedule.after_failed == AfterFailed::run ? had.any : had.well;
    if (fire && is_newer(inputs, name, *fire)) {
      found.is_begun = true;
      continue;
    }
    Lacking one{name, std::nullopt};
    if (had.any && is_newer(inputs, name, *had.any)) one.failed = had.any;
    found.lacking.push_back(std::move(one));
  }
  return found;
}

std::vector<JobName> Triggers::held_back_by(const JobName& failed) const {
  std::vector<JobName> held;
  for (const auto& job : with_after_) {
    const auto& before = job->schedule.after;
    const bool follows = std::any_of(before.begin(), before.end(),
                                     [&](const Name& one) { return one.value == failed.get(); });
    if (follows && job->schedule.after_failed == AfterFailed::wait) held.push_back(job->name);
  }
  std::sort(held.begin(), held.end());
  return held;
}

}  // namespace tidemark
