#include "schedule/run_signs.h"

namespace tidemark {

void RunSigns::on(const RunEvent& event) {
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = signs_.try_emplace(event.run);
  RunSign& sign = at->second;
  const bool moved = is_new || sign.step != event.step || sign.stream != event.stream.stream ||
                     sign.rows != event.rows || sign.bytes != event.bytes;
  if (moved) {
    const UtcMicros now = clock_.now_utc();
    const UtcMicros began = is_new ? now : sign.began_at;
    sign = {event.stream.job, began, event.stream.stream, event.step, event.rows, event.bytes, now};
  }
  if (is_new) notes_.erase(event.stream.job);
  if (event.step != RunStep::plan || event.message.empty()) return;
  std::vector<std::string>& notes = notes_[event.stream.job];
  if (notes.size() < notes_max) notes.push_back(event.message);
}

void RunSigns::forget(const RunId& run) {
  const std::lock_guard lock(mutex_);
  signs_.erase(run);
}

std::unordered_map<RunId, RunSign> RunSigns::signs() const {
  const std::lock_guard lock(mutex_);
  return signs_;
}

std::map<std::string, std::vector<JobName>> RunSigns::notes() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::vector<JobName>> found;
  for (const auto& [job, notes] : notes_) {
    for (const std::string& note : notes)
      found[note].push_back(job);
  }
  return found;
}

}  // namespace tidemark
