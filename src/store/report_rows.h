// What the store knows of a job in a stretch of time, for a report: its runs, when their steps
// were done, and how late its fires began.
//
// Read in one snapshot by jobs_in(); values only. Blocking; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  // Newest first: those that began in the stretch, then those of before up to the newest that had
  // ended well when it began, so that it is known what the target had then.
  std::vector<ReportedRun> runs;
  std::vector<ReportedStep> steps;
  std::vector<ReportedFire> fires;
};

// Each job that the store knows and `wanted` takes, one after the other, by name. The tables are of
// this version.
Status jobs_in(SqlDatabase& database, UtcMicros from, UtcMicros to,
               const std::function<bool(const JobName&)>& wanted,
               const std::function<void(ReportedJob)>& take);

}  // namespace tidemark
