#include "schedule/run_queue.h"

#include <initializer_list>
#include <utility>

#include "base/assert.h"

namespace tidemark {
namespace {

constexpr std::initializer_list<FireTask> all_tasks{FireTask::run, FireTask::verify,
                                                    FireTask::backfill};

}  // namespace

bool RunQueue::add(QueuedRun run) {
  if (is_full()) return false;
  const Task task = run.task;
  Waiting& waiting = tasks_[task];
  waiting.runs.push_back(std::move(run));
  count(task.what, 1);
  if (!is_running(task.job) && !waiting.turn) line_up(task, waiting);
  return true;
}

std::optional<QueuedRun> RunQueue::take() {
  if (running_.size() >= static_cast<std::size_t>(limits_.running_max)) return std::nullopt;
  for (auto& [line, turns] : lines_) {
    if (!has_place(line.pool)) continue;
    const Task task = turns.front();
    Waiting& waiting = tasks_.at(task);
    step_out(waiting);
    QueuedRun run = std::move(waiting.runs.front());
    waiting.runs.pop_front();
    count(task.what, -1);
    if (waiting.runs.empty()) tasks_.erase(task);
    ++taken_[run.pool];
    running_.emplace(task.job, run);
    for (const FireTask what : all_tasks) {
      const auto other = tasks_.find({task.job, what});
      if (other != tasks_.end()) step_out(other->second);
    }
    return run;
  }
  return std::nullopt;
}

void RunQueue::ended(const JobName& job) {
  const auto running = running_.find(job);
  TM_ASSERT(running != running_.end());
  --taken_[running->second.pool];
  running_.erase(running);
  for (const FireTask what : all_tasks) {
    const auto waiting = tasks_.find({job, what});
    if (waiting != tasks_.end()) line_up(waiting->first, waiting->second);
  }
}

std::size_t RunQueue::forget(const Task& task) {
  const auto found = tasks_.find(task);
  if (found == tasks_.end()) return 0;
  const std::size_t forgotten = found->second.runs.size();
  step_out(found->second);
  tasks_.erase(found);
  count(task.what, -static_cast<std::ptrdiff_t>(forgotten));
  return forgotten;
}

void RunQueue::count(FireTask what, std::ptrdiff_t more) {
  waiting_ += static_cast<std::size_t>(more);
  if (what == FireTask::backfill) waiting_parts_ += static_cast<std::size_t>(more);
}

bool RunQueue::is_running(const Task& task) const {
  const auto running = running_.find(task.job);
  return running != running_.end() && running->second.task == task;
}

std::size_t RunQueue::waiting_of(const Task& task) const {
  const auto found = tasks_.find(task);
  return found == tasks_.end() ? 0 : found->second.runs.size();
}

// Behind all others of its line, so that tasks take turns.
void RunQueue::line_up(const Task& task, Waiting& waiting) {
  const QueuedRun& first = waiting.runs.front();
  Turns& turns = lines_[{first.priority, first.pool}];
  waiting.turn = turns.insert(turns.end(), task);
}

void RunQueue::step_out(Waiting& waiting) {
  if (!waiting.turn) return;
  const QueuedRun& first = waiting.runs.front();
  const auto line = lines_.find({first.priority, first.pool});
  line->second.erase(*waiting.turn);
  if (line->second.empty()) lines_.erase(line);
  waiting.turn.reset();
}

bool RunQueue::has_place(const std::string& pool) const {
  const auto limit = limits_.pools.find(pool);
  if (limit == limits_.pools.end()) return true;
  const auto taken = taken_.find(pool);
  return taken == taken_.end() || taken->second < limit->second;
}

}  // namespace tidemark
