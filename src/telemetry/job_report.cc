#include "telemetry/job_report.h"

#include <algorithm>
#include <set>
#include <utility>

namespace tidemark {

namespace {

constexpr std::int64_t day_us = 86'400'000'000;

std::int64_t in_us(std::chrono::milliseconds time) {
  return std::chrono::microseconds(time).count();
}

std::vector<FreshFrom> points_of(const std::vector<ReportedRun>& newest_first) {
  const bool has_data_time =
      std::any_of(newest_first.begin(), newest_first.end(),
                  [](const ReportedRun& run) { return run.data_until.has_value(); });
  std::vector<FreshFrom> points;
  for (const ReportedRun& run : newest_first) {
    if (!run.ended_well()) continue;
    if (run.data_until) {
      points.push_back({*run.ended_at, *run.data_until});
    } else if (!has_data_time && run.is_own()) {
      // The source as it stood when the run began to look at it.
      points.push_back({*run.ended_at, run.started_at});
    }
  }
  std::sort(points.begin(), points.end(), [](const FreshFrom& left, const FreshFrom& right) {
    return left.known_at < right.known_at;
  });
  return points;
}

Kept durations_kept(const std::vector<ReportedRun>& runs, UtcMicros from,
                    std::chrono::milliseconds target) {
  Kept kept;
  for (const ReportedRun& run : runs) {
    if (run.started_at < from || !run.ended_at || run.state == RunState::cancelled) continue;
    if (!run.is_own()) continue;
    ++kept.measured;
    const std::int64_t took = run.ended_at->get() - run.started_at.get();
    if (run.ended_well() && took <= in_us(target)) ++kept.kept;
  }
  return kept;
}

Kept starts_kept(const std::vector<ReportedFire>& fires, UtcMicros now,
                 std::chrono::milliseconds target) {
  Kept kept;
  for (const ReportedFire& fire : fires) {
    if (fire.state == FireState::cancelled) continue;
    const std::int64_t last = fire.due.get() + in_us(target);
    // What waits may still begin in time.
    if (!fire.began && !has_ended(fire.state) && now.get() <= last) continue;
    ++kept.measured;
    if (fire.began && fire.began->get() <= last) ++kept.kept;
  }
  return kept;
}

// The smallest value that so many percent of all are no larger than.
std::int64_t percentile(const std::vector<std::int64_t>& sorted, std::size_t percent) {
  const std::size_t rank = (sorted.size() * percent + 99) / 100;
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

std::map<std::string, StepReport> steps_of(const std::vector<ReportedStep>& steps) {
  std::map<std::string, std::vector<std::int64_t>> times;
  for (const ReportedStep& step : steps)
    times[step.step].push_back(step.took_us);
  std::map<std::string, StepReport> reports;
  for (auto& [step, took] : times) {
    std::sort(took.begin(), took.end());
    reports[step] = {std::ssize(took), percentile(took, 50), percentile(took, 95)};
  }
  return reports;
}

void add_runs(const std::vector<ReportedRun>& runs, const std::optional<PriceSpec>& prices,
              const ReportStretch& stretch, JobReport& report) {
  std::set<std::int64_t> days;
  if (prices) report.cost = Money();
  for (const ReportedRun& run : runs) {
    if (run.started_at < stretch.from) continue;
    ++report.runs;
    days.insert(run.started_at.get() / day_us);
    if (run.state == RunState::skipped) ++report.idle;
    if (run.state == RunState::failed || run.state == RunState::blocked) ++report.failed;
    report.rows_read += run.rows_read.get();
    report.rows_loaded += run.rows_loaded.get();
    report.rows_rejected += run.rows_rejected.get();
    report.bytes_staged += run.bytes_staged;
    if (!run.use) {
      ++report.runs_without_use;
      continue;
    }
    report.use += *run.use;
    if (prices) *report.cost += cost_of(*run.use, run.bytes_staged, *prices);
  }
  for (std::int64_t day = stretch.from.get() / day_us; day * day_us < stretch.end().get(); ++day) {
    if (!days.contains(day)) report.days_without.push_back(day);
  }
}

}  // namespace

Money cost_of(const RunUse& use, std::int64_t bytes_staged, const PriceSpec& prices) {
  Money cost = Money::of_time(use.cpu_us, prices.cpu_hour);
  cost += Money::of_bytes(use.bytes_read, prices.gb_read);
  cost += Money::of_bytes(bytes_staged, prices.gb_staged);
  cost += Money::of_bytes(use.bytes_written, prices.gb_written);
  return cost;
}

Kept fresh_time(const std::vector<FreshFrom>& points, UtcMicros from, UtcMicros to,
                std::chrono::milliseconds target) {
  Kept kept;
  for (std::size_t at = 0; at < points.size(); ++at) {
    const bool is_last = at + 1 == points.size();
    const std::int64_t begin = std::max(points[at].known_at.get(), from.get());
    const std::int64_t end = is_last ? to.get() : std::min(points[at + 1].known_at.get(), to.get());
    if (begin >= end) continue;
    kept.measured += end - begin;
    const std::int64_t fresh_until = points[at].data_until.get() + in_us(target);
    kept.kept += std::clamp(fresh_until, begin, end) - begin;
  }
  return kept;
}

std::optional<double> JobReport::budget_left() const {
  std::optional<double> least;
  for (const PromiseReport& promise : promises) {
    if (promise.kept.measured > 0) least = std::min(least.value_or(promise.left()), promise.left());
  }
  return least;
}

JobReport report_of(const ReportedJob& job, const std::optional<SloSpec>& slo,
                    const std::optional<PriceSpec>& prices, const ReportStretch& stretch) {
  JobReport report;
  report.job = job.job;
  add_runs(job.runs, prices, stretch, report);
  report.steps = steps_of(job.steps);
  if (!slo) return report;
  if (slo->freshness) {
    report.promises.push_back(
        {"freshness", *slo->freshness, slo->objective,
         fresh_time(points_of(job.runs), stretch.from, stretch.end(), *slo->freshness)});
  }
  if (slo->duration) {
    report.promises.push_back({"duration", *slo->duration, slo->objective,
                               durations_kept(job.runs, stretch.from, *slo->duration)});
  }
  if (slo->start) {
    report.promises.push_back(
        {"start", *slo->start, slo->objective, starts_kept(job.fires, stretch.now, *slo->start)});
  }
  return report;
}

void worst_first(std::vector<JobReport>& jobs) {
  // Who promises nothing breaks nothing.
  const auto left = [](const JobReport& job) { return job.budget_left().value_or(1.0); };
  std::stable_sort(jobs.begin(), jobs.end(), [&](const JobReport& one, const JobReport& other) {
    if (left(one) != left(other)) return left(one) < left(other);
    if (one.failed != other.failed) return one.failed > other.failed;
    return one.cost.value_or(Money()) > other.cost.value_or(Money());
  });
}

}  // namespace tidemark
