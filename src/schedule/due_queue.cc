#include "schedule/due_queue.h"

#include <utility>

namespace tidemark {

void DueQueue::set(const Task& task, JobTimes times, UtcMicros after) {
  const auto [at, made] = tasks_.insert_or_assign(task, Known{std::move(times), ++versions_});
  push(task, at->second, after);
}

void DueQueue::remove(const Task& task) {
  tasks_.erase(task);
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
    push(fire.task, tasks_.at(fire.task), fire.fire);
    due.push_back(std::move(fire));
  }
  return due;
}

void DueQueue::push(const Task& task, const Known& known, UtcMicros after) {
  const auto fire = known.times.after(after);
  if (fire) heap_.push({{task, *fire, known.times.begin_of(task.job, *fire)}, known.version});
}

// Of tasks that were changed or taken out since.
void DueQueue::drop_old() {
  while (!heap_.empty()) {
    const auto known = tasks_.find(heap_.top().due.task);
    if (known != tasks_.end() && known->second.version == heap_.top().version) return;
    heap_.pop();
  }
}

}  // namespace tidemark
