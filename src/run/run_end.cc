#include "run/run_end.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "env/clock.h"

namespace tidemark {
namespace {

std::optional<std::int64_t> moment_of(const std::string& value, CursorShape shape) {
  if (value.empty() || shape == CursorShape::number) return std::nullopt;
  std::string text = value;
  for (const std::string_view utc : {"+00:00", "+00", "Z"}) {
    if (!text.ends_with(utc)) continue;
    text.resize(text.size() - utc.size());
    break;
  }
  if (shape == CursorShape::day) text += "T00:00:00";
  text += 'Z';
  std::replace(text.begin(), text.end(), ' ', 'T');
  const auto at = parse_utc(text);
  return at.ok() ? std::optional(at->get()) : std::nullopt;
}

// Up to when all streams of the plan are loaded, where its run loads them, or has nothing to load;
// times without a zone are taken as UTC. Nothing where one of them follows no time.
std::optional<std::int64_t> data_until(const JobPlan& plan) {
  std::optional<std::int64_t> until;
  for (const PreparedStream& stream : plan.streams) {
    const auto shape = stream.source ? stream.source->cursor_shape() : std::nullopt;
    const std::optional<Position>& hi = stream.plan.bound.window.hi;
    if (!shape || !hi || stream.plan.kind != LoadKind::window) return std::nullopt;
    const auto at = moment_of(stream.source->cursor_value(*hi), *shape);
    if (!at) return std::nullopt;
    until = std::min(until.value_or(*at), *at);
  }
  return until;
}

}  // namespace

RunEnd end_of(const RunRecord& run) {
  RunEnd end;
  end.run = run.run;
  end.job = run.job;
  end.status = to_string(run.status());
  end.is_well = run.status() == RunStatus::success || run.status() == RunStatus::skipped;
  if (run.ended_at)
    end.took = std::chrono::microseconds(run.ended_at->get() - run.started_at.get());
  end.rows_read = run.rows_read.get();
  end.rows_loaded = run.rows_loaded.get();
  end.rows_rejected = run.rows_rejected.get();
  end.rows_deleted = run.rows_deleted.get();
  end.bytes_staged = run.bytes_staged;
  if (run.data_until) end.data_until = run.data_until->get();
  return end;
}

PlanSigns signs_of(const JobPlan& plan) {
  PlanSigns signs;
  const auto until = data_until(plan);
  if (until) signs.data_until = UtcMicros(*until);
  for (const PreparedStream& stream : plan.streams) {
    signs.is_held = signs.is_held || stream.plan.bound.is_held;
    for (const DriftEntry& entry : stream.plan.drift)
      signs.drift += (signs.drift.empty() ? "" : "; ") + describe(entry.change);
  }
  return signs;
}

}  // namespace tidemark
