#include "alert/job_memory.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace tidemark {
namespace {

constexpr std::size_t durations_min = 5;

// Nobody was asked, so it says nothing of its job.
bool was_put_off(const EndedRun& run) {
  return run.state == RunState::cancelled || run.code == "blocked.quiet_hours";
}

// It brings the job's target up to where its source is; others mend a part of it.
bool is_own(const EndedRun& run) {
  return run.kind == RunKind::run || run.kind == RunKind::full;
}

}  // namespace

void JobMemory::ended(const EndedRun& run) {
  first_begin = std::min(first_begin.value_or(run.started_at), run.started_at);
  if (was_put_off(run)) return;
  judge(run);
  if (run.is_well()) {
    if (is_own(run)) good_at = run.ended_at;
    // A window of its own without a time: the watermark is none.
    if (run.kind == RunKind::run || run.signs.data_until) data_until = run.signs.data_until;
  }
  // A plan that came to nothing says neither that it is held nor that it is not.
  if (run.signs.is_held) {
    held_since = held_since.value_or(run.ended_at);
  } else if (run.is_well()) {
    held_since.reset();
  }
  if (!run.signs.drift.empty()) drifted = run;
  if (run.rows_read > 0) newest_read = run;
  if (run.kind != RunKind::run || run.state != RunState::done) return;
  const std::chrono::microseconds took(run.ended_at.get() - run.started_at.get());
  durations.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(took));
  if (durations.size() > runs_of_begin) durations.pop_front();
}

void JobMemory::judge(const EndedRun& run) {
  const bool was_own_bad = is_bad() && is_own(*newest);
  if (was_own_bad && !is_own(run)) return;
  if (run.is_well()) {
    failed_in_a_row = 0;
    bad_since.reset();
  } else {
    if (is_own(run) && run.state == RunState::failed) ++failed_in_a_row;
    // Of the job's own it began with the first of these.
    if (!is_bad() || (is_own(run) && !was_own_bad)) bad_since = run.ended_at;
  }
  newest = run;
}

std::optional<std::chrono::milliseconds> JobMemory::usual_duration() const {
  if (durations.size() < durations_min) return std::nullopt;
  std::vector<std::chrono::milliseconds> sorted(durations.begin(), durations.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

}  // namespace tidemark
