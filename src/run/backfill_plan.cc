#include "run/backfill_plan.h"

#include <algorithm>
#include <utility>

#include "plan/cut_window.h"

namespace tidemark {
namespace {

std::string zone_of(const JobSpec& job) {
  return job.schedule.timezone ? job.schedule.timezone->value : "UTC";
}

// By the rate that the guard leaves, and by what the job's runs took.
Result<std::optional<std::int64_t>> guess_ms(const GuardSpec& guard, Store* store,
                                             const JobSpec& job, double share, std::int64_t rows) {
  double ms = 0;
  if (guard.rows_per_second)
    ms = static_cast<double>(rows) * 1000 / (static_cast<double>(*guard.rows_per_second) * share);
  if (store != nullptr) {
    RunFilter filter;
    filter.job = job.name;
    TM_TRY(const std::vector<RunRecord> runs, store->list_runs(filter));
    std::int64_t took = 0;
    std::int64_t read = 0;
    for (const RunRecord& run : runs) {
      if (run.status() != RunStatus::success) continue;
      took += run.ended_at ? (run.ended_at->get() - run.started_at.get()) / 1000 : 0;
      read += run.rows_read.get();
    }
    if (read > 0)
      ms = std::max(
          ms, static_cast<double>(took) * static_cast<double>(rows) / static_cast<double>(read));
  }
  if (ms <= 0) return std::optional<std::int64_t>();
  return std::optional(static_cast<std::int64_t>(ms));
}

}  // namespace

Result<BackfillPlan> plan_backfill(const PlannerParts& parts, Store* store, const JobSpec& job,
                                   const BackfillRequest& request, Cancel& cancel) {
  Planner planner(parts);
  PlanOptions looking;
  looking.read_only = true;
  TM_TRY(const BackfillBounds bounds, planner.backfill_bounds(job, looking, cancel));
  TM_TRY(const Zone zone, Zone::find(zone_of(job)));
  TM_TRY(const Cut made,
         cut_window({bounds.shape, request.from, request.to, request.by, bounds.watermarks}, zone));
  BackfillPlan plan;
  plan.to_was_cut = made.to_was_cut;
  plan.has_rate = bounds.has_rate;
  plan.left_out = bounds.left_out;
  plan.record.job = job.name;
  plan.record.from = made.from;
  plan.record.to = made.to;
  plan.record.step = made.by;
  plan.record.order = request.order;
  plan.record.from_stage = request.from_stage;
  plan.record.rate_share = request.rate_share;
  plan.record.allow_empty = request.allow_empty;
  plan.record.in_quiet_hours = request.in_quiet_hours;
  plan.record.downstream = request.downstream;
  for (const CutPart& part : made.parts) {
    BackfillPart one;
    one.number = static_cast<std::int64_t>(plan.parts.size()) + 1;
    one.lo = part.lo;
    one.hi = part.hi;
    plan.parts.push_back(std::move(one));
  }
  // What a part would be planned as says whether it can be loaded at all.
  BackfillRange first{"", plan.parts.front().lo, plan.parts.front().hi, request.from_stage};
  looking.in_quiet_hours = true;
  TM_TRY([[maybe_unused]] const JobPlan one, planner.plan_backfill(job, first, looking, cancel));
  TM_TRY(plan.rows, planner.rows_estimated(job, {"", made.from, made.to, request.from_stage},
                                           looking, cancel));
  if (plan.rows) {
    const GuardSpec& guard = parts.guards.of(job.from.connection.value).spec();
    TM_TRY(plan.ms, guess_ms(guard, store, job, request.rate_share, *plan.rows));
  }
  return plan;
}

}  // namespace tidemark
