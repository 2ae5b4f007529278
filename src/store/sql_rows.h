// Reading the store's rows into records. For this folder only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark::sql_rows {

// The columns every query of runs selects, in the order `read_run` expects, from etl_runs r and
// etl_jobs j.
extern const std::string_view select_runs;

Result<std::optional<JobRecord>> find_job(SqlSession& session, const JobName& name);
Result<std::vector<JobRecord>> list_jobs(SqlSession& session);

// The row under `rows`, which came from `select_runs`; without streams.
Result<RunRecord> read_run(const SqlStatement& rows);
// All rows of a bound query of `select_runs`, with streams.
Result<std::vector<RunRecord>> read_runs(SqlSession& session, SqlStatement& rows);
Result<std::vector<StreamRecord>> read_streams(SqlSession& session, const RunId& run);
Result<std::optional<RunWindow>> last_loaded(SqlSession& session, const StreamId& stream);
Result<std::vector<RunWindow>> blocked_windows(SqlSession& session, const JobName& job);
Result<std::vector<EventRecord>> read_events(SqlSession& session, const RunId& run);
// Those with a larger number than `after`, at most `limit`.
Result<std::vector<EventRecord>> read_events(SqlSession& session, const RunId& run,
                                             std::int64_t after, std::int64_t limit);

// The Error `run.unknown`.
Error unknown_run(const RunId& run);

}  // namespace tidemark::sql_rows
