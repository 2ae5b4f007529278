// Reading the store's rows into records. For this folder only; the caller holds the store's mutex.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "drivers/sqlite/database.h"
#include "store/records.h"

namespace tidemark::sqlite_rows {

// The columns every query of runs selects, in the order `read_run` expects, from etl_runs r and
// etl_jobs j.
extern const std::string_view select_runs;

Result<std::optional<JobRecord>> find_job(sqlite::Database& database, const JobName& name);
Result<std::vector<JobRecord>> list_jobs(sqlite::Database& database);

// The row under `rows`, which came from `select_runs`; without streams.
Result<RunRecord> read_run(const sqlite::Statement& rows);
// All rows of a bound query of `select_runs`, with streams.
Result<std::vector<RunRecord>> read_runs(sqlite::Database& database, sqlite::Statement& rows);
Result<std::vector<StreamRecord>> read_streams(sqlite::Database& database, const RunId& run);
Result<std::optional<RunWindow>> last_loaded(sqlite::Database& database, const StreamId& stream);
Result<std::vector<RunWindow>> blocked_windows(sqlite::Database& database, const JobName& job);
Result<std::vector<EventRecord>> read_events(sqlite::Database& database, const RunId& run);

// The Error `run.unknown`.
Error unknown_run(const RunId& run);

}  // namespace tidemark::sqlite_rows
