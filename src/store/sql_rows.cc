#include "store/sql_rows.h"

#include <limits>
#include <string>
#include <utility>

namespace tidemark::sql_rows {

const std::string_view select_runs =
    "SELECT r.run_id, j.name, r.kind, r.run_start, r.run_end, r.rows_read, r.rows_loaded, "
    "r.rows_rejected,"
    " r.bytes_staged, r.state, r.error_code, r.error_fault, r.error_msg, r.error_hint, "
    "r.watermark_snapshot,"
    " r.guarantee, r.attempt, r.pid, r.spec_hash, r.rows_deleted, r.error_retry, r.cpu_us, "
    "r.bytes_read, r.bytes_written, r.data_until FROM etl_runs r "
    "JOIN etl_jobs j "
    "USING (job_id) ";

namespace {

constexpr std::string_view select_jobs =
    "SELECT name, schedule_cron, source_dsn, source_query, transform_ref, target_table, "
    "load_strategy,"
    " watermark_col, enabled, spec_hash, last_watermark, updated_at FROM etl_jobs ";

constexpr std::string_view select_streams =
    "SELECT stream, seq, state, version, fence, lo, hi, top, rows_read, rows_staged, rows_good, "
    "rows_rejected,"
    " rows_loaded, bytes_staged, stage_dir, error_code, error_fault, error_msg, error_hint, "
    "attempt, started_at,"
    " ended_at, rows_deleted FROM etl_run_streams WHERE run_id = ? ORDER BY stream";

// A word in the file that this version does not know: written by hand, or the file is damaged.
Error unreadable(std::string_view what, std::string_view word) {
  return internal_error("store.unreadable", "the store holds the " + std::string(what) + " '" +
                                                std::string(word) + "', which is none");
}

Result<RunState> state_at(const SqlStatement& row, int column) {
  std::optional<RunState> state = parse_run_state(row.text_at(column));
  if (!state) return unreadable("state", row.text_at(column));
  return *state;
}

Result<std::optional<RunState>> optional_state_at(const SqlStatement& row, int column) {
  if (row.is_null(column)) return std::optional<RunState>();
  TM_TRY(RunState state, state_at(row, column));
  return std::optional<RunState>(state);
}

Result<std::optional<UtcMicros>> optional_time_at(const SqlStatement& row, int column) {
  if (row.is_null(column)) return std::optional<UtcMicros>();
  TM_TRY(UtcMicros at, parse_utc(row.text_at(column)));
  return std::optional<UtcMicros>(at);
}

std::string string_at(const SqlStatement& row, int column) {
  return std::string(row.text_at(column));
}

RowCount count_at(const SqlStatement& row, int column) {
  return RowCount(row.int64_at(column));
}

std::optional<Position> position_at(const SqlStatement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return Position{string_at(row, column)};
}

// From four columns: code, fault, message, hint.
std::optional<StoredError> error_at(const SqlStatement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return StoredError{string_at(row, column), string_at(row, column + 1), string_at(row, column + 2),
                     string_at(row, column + 3), Retry::never};
}

Result<RunKind> kind_at(const SqlStatement& row, int column) {
  for (RunKind kind : {RunKind::run, RunKind::replay, RunKind::full, RunKind::window,
                       RunKind::repair, RunKind::backfill}) {
    if (to_string(kind) == row.text_at(column)) return kind;
  }
  return unreadable("kind of run", row.text_at(column));
}

Result<StoredStrategy> strategy_at(const SqlStatement& row, int column) {
  for (StoredStrategy strategy :
       {StoredStrategy::full, StoredStrategy::incremental, StoredStrategy::upsert}) {
    if (to_string(strategy) == row.text_at(column)) return strategy;
  }
  return unreadable("load strategy", row.text_at(column));
}

Result<JobRecord> read_job(const SqlStatement& row) {
  JobRecord job;
  job.name = JobName(string_at(row, 0));
  job.schedule_cron = string_at(row, 1);
  job.source_dsn = string_at(row, 2);
  job.source_query = string_at(row, 3);
  job.transform_ref = string_at(row, 4);
  job.target_table = string_at(row, 5);
  TM_TRY(job.load_strategy, strategy_at(row, 6));
  job.watermark_col = string_at(row, 7);
  job.enabled = row.int64_at(8) != 0;
  job.spec_hash = string_at(row, 9);
  job.last_watermark = row.optional_text_at(10);
  TM_TRY(job.updated_at, parse_utc(row.text_at(11)));
  return job;
}

Result<StreamRecord> read_stream(const SqlStatement& row) {
  StreamRecord stream;
  stream.stream = StreamName(string_at(row, 0));
  stream.seq = Seq(row.int64_at(1));
  TM_TRY(stream.mark.state, state_at(row, 2));
  stream.mark.version = row.int64_at(3);
  stream.mark.fence = Fence(row.int64_at(4));
  stream.window = Window{position_at(row, 5), position_at(row, 6), position_at(row, 7)};
  stream.counts.rows_read = count_at(row, 8);
  stream.counts.rows_staged = count_at(row, 9);
  stream.counts.rows_good = count_at(row, 10);
  stream.counts.rows_rejected = count_at(row, 11);
  stream.counts.rows_loaded = count_at(row, 12);
  stream.counts.bytes_staged = row.int64_at(13);
  stream.stage_dir = row.optional_text_at(14);
  stream.error = error_at(row, 15);
  stream.attempt = row.int64_at(19);
  TM_TRY(stream.started_at, parse_utc(row.text_at(20)));
  TM_TRY(stream.ended_at, optional_time_at(row, 21));
  stream.counts.rows_deleted = count_at(row, 22);
  return stream;
}

Result<std::vector<StreamRecord>> read_all_streams(SqlStatement& rows) {
  std::vector<StreamRecord> streams;
  while (true) {
    TM_TRY(bool has_row, rows.step());
    if (!has_row) return streams;
    TM_TRY(StreamRecord stream, read_stream(rows));
    streams.push_back(std::move(stream));
  }
}

}  // namespace

Result<std::optional<JobRecord>> find_job(SqlSession& session, const JobName& name) {
  TM_TRY(auto rows, session.prepare(std::string(select_jobs) + "WHERE name = ?"));
  TM_TRY(bool has_row, rows.bind_text(0, name.get()).step());
  if (!has_row) return std::optional<JobRecord>();
  TM_TRY(JobRecord job, read_job(rows));
  return std::optional<JobRecord>(std::move(job));
}

Result<std::vector<JobRecord>> list_jobs(SqlSession& session) {
  std::vector<JobRecord> jobs;
  TM_TRY(auto rows, session.prepare(std::string(select_jobs) + "ORDER BY name"));
  while (true) {
    TM_TRY(bool has_row, rows.step());
    if (!has_row) return jobs;
    TM_TRY(JobRecord job, read_job(rows));
    jobs.push_back(std::move(job));
  }
}

Result<RunRecord> read_run(const SqlStatement& row) {
  RunRecord run;
  run.run = RunId(string_at(row, 0));
  run.job = JobName(string_at(row, 1));
  TM_TRY(run.kind, kind_at(row, 2));
  TM_TRY(run.started_at, parse_utc(row.text_at(3)));
  TM_TRY(run.ended_at, optional_time_at(row, 4));
  run.rows_read = count_at(row, 5);
  run.rows_loaded = count_at(row, 6);
  run.rows_rejected = count_at(row, 7);
  run.bytes_staged = row.int64_at(8);
  TM_TRY(run.state, state_at(row, 9));
  run.error = error_at(row, 10);
  run.watermark_snapshot = row.optional_text_at(14);
  if (!row.is_null(15)) {
    run.guarantee = parse_guarantee(row.text_at(15));
    if (!run.guarantee) return unreadable("guarantee", row.text_at(15));
  }
  run.attempt = row.int64_at(16);
  run.pid = row.int64_at(17);
  run.spec_hash = string_at(row, 18);
  run.rows_deleted = count_at(row, 19);
  if (run.error && !row.is_null(20)) {
    for (const Retry retry : {Retry::never, Retry::backoff, Retry::reconnect}) {
      if (to_string(retry) == row.text_at(20)) run.error->retry = retry;
    }
  }
  if (!row.is_null(21)) run.use = RunUse{row.int64_at(21), row.int64_at(22), row.int64_at(23)};
  if (run.ended_at) {
    TM_TRY(run.data_until, optional_time_at(row, 24));
  }
  return run;
}

Result<std::vector<RunRecord>> read_runs(SqlSession& session, SqlStatement& rows) {
  std::vector<RunRecord> runs;
  TM_TRY(auto streams, session.prepare(select_streams));
  while (true) {
    TM_TRY(bool has_row, rows.step());
    if (!has_row) return runs;
    TM_TRY(RunRecord run, read_run(rows));
    streams.bind_text(0, run.run.get());
    TM_TRY(run.streams, read_all_streams(streams));
    runs.push_back(std::move(run));
  }
}

Result<std::vector<StreamRecord>> read_streams(SqlSession& session, const RunId& run) {
  TM_TRY(auto rows, session.prepare(select_streams));
  rows.bind_text(0, run.get());
  return read_all_streams(rows);
}

Result<std::optional<RunWindow>> last_loaded(SqlSession& session, const StreamId& stream) {
  // Backwards by the index of a job's runs, so it ends at the first hit.
  TM_TRY(auto rows,
         session.prepare("SELECT r.run_id, s.seq FROM etl_runs r JOIN etl_run_streams s USING "
                         "(run_id) WHERE r.job_id = ? AND r.status <> 'skipped' AND s.stream = ?"
                         " AND s.state = 'done' ORDER BY r.run_start DESC, r.run_id DESC LIMIT 1"));
  rows.bind_text(0, job_id_of(stream.job).get()).bind_text(1, stream.stream.get());
  TM_TRY(const bool has_row, rows.step());
  if (!has_row) return std::optional<RunWindow>();
  return std::optional(RunWindow{RunId(string_at(rows, 0)), stream.stream, Seq(rows.int64_at(1))});
}

Result<std::vector<RunWindow>> blocked_windows(SqlSession& session, const JobName& job) {
  TM_TRY(
      auto rows,
      session.prepare(
          "SELECT r.run_id, s.stream, s.seq FROM etl_runs r JOIN etl_run_streams s USING (run_id)"
          " WHERE r.job_id = ?1 AND s.state = 'blocked' AND NOT EXISTS (SELECT 1 FROM etl_runs l"
          " JOIN etl_run_streams t USING (run_id) WHERE l.job_id = ?1 AND t.stream = s.stream AND"
          " t.state = 'done' AND (l.run_start, l.run_id) > (r.run_start, r.run_id))"
          " ORDER BY r.run_start, r.run_id, s.stream"));
  rows.bind_text(0, job_id_of(job).get());
  std::vector<RunWindow> windows;
  while (true) {
    TM_TRY(bool has_row, rows.step());
    if (!has_row) return windows;
    windows.push_back(
        {RunId(string_at(rows, 0)), StreamName(string_at(rows, 1)), Seq(rows.int64_at(2))});
  }
}

Result<std::vector<EventRecord>> read_events(SqlSession& session, const RunId& run) {
  return read_events(session, run, 0, std::numeric_limits<std::int64_t>::max());
}

Result<std::vector<EventRecord>> read_events(SqlSession& session, const RunId& run,
                                             std::int64_t after, std::int64_t limit) {
  std::vector<EventRecord> events;
  TM_TRY(auto rows,
         session.prepare("SELECT number, at, stream, state_from, state_to, step, message, detail"
                         " FROM run_events WHERE run_id = ? AND number > ? ORDER BY number "
                         "LIMIT ?"));
  rows.bind_text(0, run.get()).bind_int64(1, after).bind_int64(2, limit);
  while (true) {
    TM_TRY(bool has_row, rows.step());
    if (!has_row) return events;
    EventRecord event;
    event.number = rows.int64_at(0);
    TM_TRY(event.at, parse_utc(rows.text_at(1)));
    event.stream = StreamName(string_at(rows, 2));
    TM_TRY(event.state_from, optional_state_at(rows, 3));
    TM_TRY(event.state_to, optional_state_at(rows, 4));
    event.step = string_at(rows, 5);
    event.message = string_at(rows, 6);
    event.detail_json = string_at(rows, 7);
    events.push_back(std::move(event));
  }
}

Error unknown_run(const RunId& run) {
  return user_error("run.unknown", "there is no run '" + run.get() + "'",
                    "`tidemark runs` lists them");
}

}  // namespace tidemark::sql_rows
