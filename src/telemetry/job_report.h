// JobReport: what a job did in a stretch of time: runs, durations of its steps, how well it kept
// what it promises, and what it cost. docs/slo.md has the formulas.
//
// Pure functions of what the store knows; no thread rule.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "spec/price_spec.h"
#include "spec/slo_spec.h"
#include "store/report_rows.h"

namespace tidemark {

Money cost_of(const RunUse& use, std::int64_t bytes_staged, const PriceSpec& prices);

// From when on the target's data is known to reach up to `data_until`.
struct FreshFrom {
  UtcMicros known_at;
  UtcMicros data_until;
};

// How much of something was measured, and how much of that kept its promise: microseconds or runs.
struct Kept {
  std::int64_t measured = 0;
  std::int64_t kept = 0;

  // REQUIRES measured > 0.
  double share() const { return static_cast<double>(kept) / static_cast<double>(measured); }
  // What was broken in parts of the error budget: 1 is all of it.
  double burn(double budget) const { return (1 - share()) / budget; }
};

// The time in [from, to) in which the data was no older than `target`: of each piece between two of
// `points`, which are in order of `known_at`, the part until `data_until + target`. Time before the
// first point is not measured.
Kept fresh_time(const std::vector<FreshFrom>& points, UtcMicros from, UtcMicros to,
                std::chrono::milliseconds target);

struct PromiseReport {
  const char* what;  // `freshness`, `duration`, `start`
  std::chrono::milliseconds target{};
  double objective = 0;
  Kept kept;

  double left() const { return 1 - kept.burn(1 - objective); }  // of the budget; REQUIRES measured
};

struct StepReport {
  std::int64_t count = 0;
  std::int64_t p50_us = 0;
  std::int64_t p95_us = 0;
};

struct JobReport {
  JobName job;
  std::int64_t runs = 0;  // that began
  std::int64_t idle = 0;  // of them, those that found nothing new
  std::int64_t failed = 0;
  std::int64_t rows_read = 0;
  std::int64_t rows_loaded = 0;
  std::int64_t rows_rejected = 0;
  RunUse use;
  std::int64_t bytes_staged = 0;
  std::int64_t runs_without_use = 0;  // of which it is not known
  std::optional<Money> cost;          // nothing: there are no prices
  std::map<std::string, StepReport> steps;
  std::vector<PromiseReport> promises;     // with something measured or not
  std::vector<std::int64_t> days_without;  // a run, since 1970 in UTC

  // The least that is left of a budget; nothing where nothing was measured.
  std::optional<double> budget_left() const;
};

// The stretch is [from, to), cut off at `now`.
struct ReportStretch {
  UtcMicros from;
  UtcMicros to;
  UtcMicros now;

  UtcMicros end() const { return std::min(to, now); }
};

JobReport report_of(const ReportedJob& job, const std::optional<SloSpec>& slo,
                    const std::optional<PriceSpec>& prices, const ReportStretch& stretch);

// The least budget left first, then those that failed most, then what cost most.
void worst_first(std::vector<JobReport>& jobs);

}  // namespace tidemark
