// What the store knows of a job in a stretch of time, for a report: its runs, when their steps
// were done, and how late its fires began.
//
// Read by jobs_in(), each job in a snapshot of its own; values only. Blocking; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark {

struct ReportedRun {
  RunKind kind = RunKind::run;
  UtcMicros started_at;
  std::optional<UtcMicros> ended_at;
  RunState state = RunState::claimed;
  RowCount rows_read;
  RowCount rows_loaded;
  RowCount rows_rejected;
  std::int64_t bytes_staged = 0;
  std::optional<RunUse> use;
  std::optional<UtcMicros> data_until;

  bool ended_well() const {
    return ended_at && (state == RunState::done || state == RunState::skipped);
  }
  // It brings the job's target up to where its source is; others do a part of it once more.
  bool is_own() const { return kind == RunKind::run || kind == RunKind::full; }
};

// How long a stream of a run took for a step.
struct ReportedStep {
  std::string step;  // `extract`, `transform`, `load`, or `ingest` for all from extract to commit
  std::int64_t took_us = 0;
};

struct ReportedFire {
  UtcMicros due;
  FireState state = FireState::waiting;
  std::optional<UtcMicros> began;  // its newest attempt
};

struct ReportedJob {
  JobName job;
  // Newest first: those that began in the stretch, then of those of before, if they ended well and
  // tell how new the target's data was, the ones that ended in it and the last that ended before.
  std::vector<ReportedRun> runs;
  std::vector<ReportedStep> steps;
  std::vector<ReportedFire> fires;
};

// Each job that the store knows and `wanted` takes, by name, one after the other: no more than one
// is in memory. Fails with `run.cancelled` between two of them. The tables are of this version.
Status jobs_in(SqlDatabase& database, UtcMicros from, UtcMicros to,
               const std::function<bool(const JobName&)>& wanted,
               const std::function<void(ReportedJob)>& take, const Cancel& cancel);

// The same of one job, without its steps; of one that the store does not know nothing.
Result<ReportedJob> job_in(SqlDatabase& database, const JobName& job, UtcMicros from, UtcMicros to);

}  // namespace tidemark
