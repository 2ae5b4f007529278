#include "schedule/due_queue.h"

#include <utility>

namespace tidemark {

void DueQueue::set(const JobName& job, JobTimes times, UtcMicros after) {
  const auto [at, made] = jobs_.insert_or_assign(job, Known{std::move(times), ++versions_});
  push(job, at->second, after);
}

void DueQueue::remove(const JobName& job) {
  jobs_.erase(job);
}

std::optional<UtcMicros> DueQueue::next() {
  drop_old();
  if (heap_.empty()) return std::nullopt;
  return heap_.top().due.begin;
}

std::vector<DueFire> DueQueue::take(UtcMicros now) {
  std::vector<DueFire> due;
  for (drop_old(); !heap_.empty() && heap_.top().due.begin <= now; drop_old()) {
    DueFire fire = heap_.top().due;
    heap_.pop();
    push(fire.job, jobs_.at(fire.job), fire.fire);
    due.push_back(std::move(fire));
  }
  return due;
}

void DueQueue::push(const JobName& job, const Known& known, UtcMicros after) {
  const auto fire = known.times.after(after);
  if (fire) heap_.push({{job, *fire, known.times.begin_of(job, *fire)}, known.version});
}

// Of jobs that were changed or taken out since.
void DueQueue::drop_old() {
  while (!heap_.empty()) {
    const auto known = jobs_.find(heap_.top().due.job);
    if (known != jobs_.end() && known->second.version == heap_.top().version) return;
    heap_.pop();
  }
}

}  // namespace tidemark
