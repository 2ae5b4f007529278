#include "schedule/run_queue.h"

#include <utility>

#include "base/assert.h"

namespace tidemark {

RunQueue::Added RunQueue::add(QueuedRun run, Overlap overlap) {
  const JobName job = run.job;
  const bool runs = is_running(job);
  const bool busy = runs || waiting_of(job) > 0;
  if (busy && overlap == Overlap::skip) return Added::skipped;
  if (overlap == Overlap::cancel) forget(job);
  if (waiting_ >= limits_.waiting_max) return Added::full;
  Waiting& waiting = jobs_[job];
  waiting.runs.push_back(std::move(run));
  ++waiting_;
  if (!runs && !waiting.turn) line_up(job, waiting);
  return overlap == Overlap::cancel && runs ? Added::cancels : Added::queued;
}

std::optional<QueuedRun> RunQueue::take() {
  if (running_.size() >= static_cast<std::size_t>(limits_.running_max)) return std::nullopt;
  for (auto& [line, turns] : lines_) {
    if (!has_place(line.pool)) continue;
    const JobName job = turns.front();
    Waiting& waiting = jobs_.at(job);
    step_out(waiting);
    QueuedRun run = std::move(waiting.runs.front());
    waiting.runs.pop_front();
    --waiting_;
    if (waiting.runs.empty()) jobs_.erase(job);
    ++taken_[run.pool];
    running_.emplace(job, run.pool);
    return run;
  }
  return std::nullopt;
}

void RunQueue::ended(const JobName& job) {
  const auto running = running_.find(job);
  TM_ASSERT(running != running_.end());
  --taken_[running->second];
  running_.erase(running);
  const auto waiting = jobs_.find(job);
  if (waiting != jobs_.end()) line_up(job, waiting->second);
}

std::size_t RunQueue::forget(const JobName& job) {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return 0;
  const std::size_t count = found->second.runs.size();
  step_out(found->second);
  jobs_.erase(found);
  waiting_ -= count;
  return count;
}

std::size_t RunQueue::waiting_of(const JobName& job) const {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? 0 : found->second.runs.size();
}

// Behind all others of its line, so that jobs take turns.
void RunQueue::line_up(const JobName& job, Waiting& waiting) {
  const QueuedRun& first = waiting.runs.front();
  Turns& turns = lines_[{first.priority, first.pool}];
  waiting.turn = turns.insert(turns.end(), job);
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
