#include "store/sql_writes.h"

#include <string>
#include <utility>
#include <vector>

#include "store/sql_rows.h"

namespace tidemark::sql_writes {
namespace {

std::optional<std::string> text_of(const std::optional<Position>& position) {
  if (!position) return std::nullopt;
  return position->text;
}

// Binds code, fault, message, hint from `index` on; NULLs for no error.
void bind_error(SqlStatement& statement, int index, const std::optional<Error>& error) {
  if (!error) {
    for (int i = 0; i < 4; ++i)
      statement.bind_null(index + i);
    return;
  }
  statement.bind_text(index, error->code)
      .bind_text(index + 1, to_string(error->fault))
      .bind_text(index + 2, error->describe())
      .bind_text(index + 3, error->hint);
}

void bind_state(SqlStatement& statement, int index, std::optional<RunState> state) {
  state ? statement.bind_text(index, to_string(*state)) : statement.bind_null(index);
}

struct Event {
  const RunId& run;
  const StreamName& stream;
  std::optional<RunState> from;
  std::optional<RunState> to;  // nothing: a note, the state stays
  std::string_view message;
  std::string_view detail_json;
};

Status insert_event(SqlSession& session, const Event& event, UtcMicros now) {
  TM_TRY(
      auto insert,
      session.prepare(
          "INSERT INTO run_events (run_id, number, at, stream, state_from, state_to, step, message,"
          " detail) VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM run_events"
          " WHERE run_id = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  insert.bind_text(0, event.run.get()).bind_text(1, to_text(now)).bind_text(2, event.stream.get());
  bind_state(insert, 3, event.from);
  bind_state(insert, 4, event.to);
  const RunState to = event.to.value_or(event.from.value_or(RunState::planned));
  insert.bind_text(5, step_of(event.from.value_or(to), to))
      .bind_text(6, event.message)
      .bind_text(7, event.detail_json);
  return insert.run();
}

Result<std::vector<RunState>> states_of(SqlSession& session, const RunId& run) {
  std::vector<RunState> states;
  TM_TRY(auto rows, session.prepare("SELECT DISTINCT state FROM etl_run_streams WHERE run_id = ?"));
  rows.bind_text(0, run.get());
  while (true) {
    TM_TRY(bool has_row, rows.step());
    if (!has_row) return states;
    std::optional<RunState> state = parse_run_state(rows.text_at(0));
    if (!state) return internal_error("store.unreadable", "the store holds a state that is none");
    states.push_back(*state);
  }
}

// Brings the run's row in line with its streams: the worst state, the sums of the counts.
Status refresh_run(SqlSession& session, const RunId& run, const RunUse& used) {
  TM_TRY(std::vector<RunState> states, states_of(session, run));
  TM_TRY(
      auto update,
      session.prepare(
          "UPDATE etl_runs SET state = ?2, rows_read = s.rows_read, rows_loaded = s.rows_loaded,"
          " rows_rejected = s.rows_rejected, rows_deleted = s.rows_deleted,"
          " bytes_staged = s.bytes_staged,"
          " cpu_us = coalesce(cpu_us, 0) + ?3, bytes_read = coalesce(bytes_read, 0) + ?4,"
          " bytes_written = coalesce(bytes_written, 0) + ?5,"
          " attempt = CASE WHEN s.attempt > etl_runs.attempt THEN s.attempt ELSE etl_runs.attempt "
          "END"
          " FROM (SELECT sum(rows_read) AS rows_read, sum(rows_loaded) AS rows_loaded,"
          " sum(rows_rejected) AS rows_rejected, sum(rows_deleted) AS rows_deleted,"
          " sum(bytes_staged) AS bytes_staged,"
          " max(attempt) AS attempt FROM etl_run_streams WHERE run_id = ?1) s WHERE run_id = ?1"));
  return update.bind_text(0, run.get())
      .bind_text(1, to_string(worst_of(states)))
      .bind_int64(2, used.cpu_us)
      .bind_int64(3, used.bytes_read)
      .bind_int64(4, used.bytes_written)
      .run();
}

Result<bool> run_is_open(SqlSession& session, const RunId& run) {
  TM_TRY(auto rows, session.prepare("SELECT run_end FROM etl_runs WHERE run_id = ?"));
  TM_TRY(bool has_row, rows.bind_text(0, run.get()).step());
  if (!has_row) return sql_rows::unknown_run(run);
  return rows.is_null(0);
}

Status require_open(SqlSession& session, const RunId& run) {
  TM_TRY(bool is_open, run_is_open(session, run));
  if (is_open) return {};
  return internal_error(
      "store.stale", "the run " + run.get() + " has ended", Retry::never,
      "another process took it over; look at it with `tidemark show " + run.get() + "`");
}

Status keep_memory(SqlSession& session, const RunId& run, const PlannedStream& plan) {
  if (plan.memory.empty()) return {};
  TM_TRY(auto keep,
         session.prepare("INSERT INTO etl_source_memory (job_id, stream, memory)"
                         " SELECT job_id, ?, ? FROM etl_runs WHERE run_id = ?"
                         " ON CONFLICT (job_id, stream) DO UPDATE SET memory = excluded.memory"));
  return keep.bind_text(0, plan.stream.get())
      .bind_text(1, plan.memory)
      .bind_text(2, run.get())
      .run();
}

Status insert_stream(SqlSession& session, const RunId& run, const PlannedStream& plan,
                     UtcMicros now) {
  TM_CHECK(keep_memory(session, run, plan));
  TM_TRY(
      auto insert,
      session.prepare("INSERT INTO etl_run_streams (run_id, stream, seq, state, version, fence, lo,"
                      " hi, top, started_at) VALUES (?, ?, ?, 'planned', 1, ?, ?, ?, ?, ?)"));
  TM_CHECK(insert.bind_text(0, run.get())
               .bind_text(1, plan.stream.get())
               .bind_int64(2, plan.seq.get())
               .bind_int64(3, plan.fence.get())
               .bind_optional_text(4, text_of(plan.window.lo))
               .bind_optional_text(5, text_of(plan.window.hi))
               .bind_optional_text(6, text_of(plan.window.top))
               .bind_text(7, to_text(now))
               .run());
  return insert_event(
      session, {run, plan.stream, std::nullopt, RunState::planned, "window stored", ""}, now);
}

std::string words_of(const StreamMark& mark) {
  return std::string(to_string(mark.state)) + ", version " + std::to_string(mark.version) +
         ", fence " + std::to_string(mark.fence.get());
}

// Why the compare-and-set found no row.
Error stale(SqlSession& session, const Transition& step) {
  std::string where = "the stream " + step.stream.get() + " of run " + step.run.get();
  std::string found = "is not in the store";
  auto streams = sql_rows::read_streams(session, step.run);
  if (!streams.ok()) return std::move(streams).error();
  for (const StreamRecord& stream : *streams) {
    if (stream.stream == step.stream) found = "is at " + words_of(stream.mark);
  }
  return internal_error("store.stale",
                        where + " " + found + ", expected " + words_of(step.expected), Retry::never,
                        "another process moved it on; this one stops and changes nothing more");
}

Status update_stream(SqlSession& session, const Transition& step, UtcMicros now) {
  TM_TRY(auto update,
         session.prepare(
             "UPDATE etl_run_streams SET state = ?1, version = version + 1,"
             " rows_read = coalesce(?2, rows_read), rows_staged = coalesce(?3, rows_staged),"
             " rows_good = coalesce(?4, rows_good), rows_rejected = coalesce(?5, rows_rejected),"
             " rows_loaded = coalesce(?6, rows_loaded), bytes_staged = coalesce(?7, bytes_staged),"
             " rows_deleted = coalesce(?20, rows_deleted),"
             " stage_dir = coalesce(?8, stage_dir), error_code = ?9, error_fault = ?10, error_msg "
             "= ?11,"
             " error_hint = ?12, ended_at = ?13, attempt = attempt + ?14"
             " WHERE run_id = ?15 AND stream = ?16 AND state = ?17 AND version = ?18 AND fence = "
             "?19"));
  update.bind_text(0, to_string(step.to));
  if (step.counts) {
    update.bind_int64(1, step.counts->rows_read.get())
        .bind_int64(2, step.counts->rows_staged.get())
        .bind_int64(3, step.counts->rows_good.get())
        .bind_int64(4, step.counts->rows_rejected.get())
        .bind_int64(5, step.counts->rows_loaded.get())
        .bind_int64(6, step.counts->bytes_staged)
        .bind_int64(19, step.counts->rows_deleted.get());
  }
  update.bind_optional_text(7, step.stage_dir);
  bind_error(update, 8, step.error);
  is_final(step.to) ? update.bind_text(12, to_text(now)) : update.bind_null(12);
  bool tries_again = step.expected.state == RunState::retry_wait && !is_final(step.to);
  update.bind_int64(13, tries_again ? 1 : 0)
      .bind_text(14, step.run.get())
      .bind_text(15, step.stream.get())
      .bind_text(16, to_string(step.expected.state))
      .bind_int64(17, step.expected.version)
      .bind_int64(18, step.expected.fence.get());
  TM_CHECK(update.run());
  if (session.changed_rows() != 1) return stale(session, step);
  return {};
}

// The window of a stream that is planned anew; what was counted of the old one is nothing.
Status replan_stream(SqlSession& session, const RunId& run, const PlannedStream& plan) {
  TM_CHECK(keep_memory(session, run, plan));
  TM_TRY(auto update,
         session.prepare("UPDATE etl_run_streams SET seq = ?, lo = ?, hi = ?, top = ?,"
                         " rows_read = 0, rows_staged = 0, rows_good = 0, rows_rejected = 0,"
                         " rows_loaded = 0, rows_deleted = 0, bytes_staged = 0, stage_dir = NULL"
                         " WHERE run_id = ? AND stream = ?"));
  return update.bind_int64(0, plan.seq.get())
      .bind_optional_text(1, text_of(plan.window.lo))
      .bind_optional_text(2, text_of(plan.window.hi))
      .bind_optional_text(3, text_of(plan.window.top))
      .bind_text(4, run.get())
      .bind_text(5, plan.stream.get())
      .run();
}

Result<StreamMark> move_stream(SqlSession& session, const Transition& step, UtcMicros now) {
  if (!can_follow(step.expected.state, step.to)) {
    return internal_error("store.illegal_transition",
                          "the stream " + step.stream.get() + " of run " + step.run.get() +
                              " cannot go from " + std::string(to_string(step.expected.state)) +
                              " to " + std::string(to_string(step.to)));
  }
  TM_CHECK(update_stream(session, step, now));
  if (step.replanned) TM_CHECK(replan_stream(session, step.run, *step.replanned));
  std::string message = step.message.empty() && step.error ? step.error->describe() : step.message;
  TM_CHECK(insert_event(
      session, {step.run, step.stream, step.expected.state, step.to, message, step.detail_json},
      now));
  return StreamMark{step.to, step.expected.version + 1, step.expected.fence};
}

// A run ends once all its streams have, and looks no better than the worst of them.
Status check_outcome(const RunFinish& finish, std::vector<RunState> states) {
  std::string run = "the run " + finish.run.get();
  if (!is_final(finish.outcome)) {
    return internal_error("store.illegal_transition",
                          run + " cannot end as " + std::string(to_string(finish.outcome)));
  }
  for (RunState state : states) {
    if (is_final(state)) continue;
    return internal_error("store.stream_open",
                          run + " cannot end while a stream is " + std::string(to_string(state)));
  }
  RunState worst = states.empty() ? finish.outcome : worst_of(states);
  states.push_back(finish.outcome);
  if (worst_of(states) == finish.outcome) return {};
  return internal_error("store.illegal_transition",
                        run + " cannot end as " + std::string(to_string(finish.outcome)) +
                            " with a stream " + std::string(to_string(worst)));
}

}  // namespace

Status upsert_job(SqlSession& session, const JobRecord& job, UtcMicros now) {
  TM_TRY(auto upsert,
         session.prepare(
             "INSERT INTO etl_jobs (job_id, name, schedule_cron, source_dsn, source_query, "
             "transform_ref,"
             " target_table, load_strategy, watermark_col, enabled, spec_hash, updated_at)"
             " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
             " schedule_cron = excluded.schedule_cron, source_dsn = excluded.source_dsn,"
             " source_query = excluded.source_query, transform_ref = excluded.transform_ref,"
             " target_table = excluded.target_table, load_strategy = excluded.load_strategy,"
             " watermark_col = excluded.watermark_col, enabled = excluded.enabled,"
             " spec_hash = excluded.spec_hash, updated_at = excluded.updated_at"));
  TM_TRY(auto keep, session.prepare("INSERT INTO etl_job_texts (spec_hash, texts) VALUES (?, ?)"
                                    " ON CONFLICT DO NOTHING"));
  TM_CHECK(keep.bind_text(0, job.spec_hash).bind_text(1, job.spec_text).run());
  return upsert.bind_text(0, job_id_of(job.name).get())
      .bind_text(1, job.name.get())
      .bind_text(2, job.schedule_cron)
      .bind_text(3, job.source_dsn)
      .bind_text(4, job.source_query)
      .bind_text(5, job.transform_ref)
      .bind_text(6, job.target_table)
      .bind_text(7, to_string(job.load_strategy))
      .bind_text(8, job.watermark_col)
      .bind_int64(9, job.enabled ? 1 : 0)
      .bind_text(10, job.spec_hash)
      .bind_text(11, to_text(now))
      .run();
}

Status begin_run(SqlSession& session, const RunStart& start, UtcMicros now) {
  RunState state = start.streams.empty() ? RunState::claimed : RunState::planned;
  TM_TRY(auto insert,
         session.prepare(
             "INSERT INTO etl_runs (run_id, job_id, run_start, status, state, guarantee, kind,"
             " pid, plan_json, spec_hash, watermark_held, data_until, drift) VALUES (?, ?, ?, "
             "'running', ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  UtcMicros started_at = now;
  if (start.started_at) {
    TM_TRY(started_at, session.by_store_clock(*start.started_at));
  }
  insert.bind_text(0, start.run.get())
      .bind_text(1, job_id_of(start.job).get())
      .bind_text(2, to_text(started_at));
  bind_state(insert, 3, state);
  start.guarantee ? insert.bind_text(4, to_string(*start.guarantee)) : insert.bind_null(4);
  TM_CHECK(insert.bind_text(5, to_string(start.kind))
               .bind_int64(6, start.pid)
               .bind_text(7, start.plan_json)
               .bind_text(8, start.spec_hash)
               .bind_int64(9, start.signs.is_held ? 1 : 0)
               .bind_optional_text(10, start.signs.data_until
                                           ? std::optional(to_text(*start.signs.data_until))
                                           : std::nullopt)
               .bind_optional_text(
                   11, start.signs.drift.empty() ? std::nullopt : std::optional(start.signs.drift))
               .run());
  const std::string begun =
      start.request.empty() ? "run begun" : "run begun for request " + start.request;
  TM_CHECK(insert_event(session, {start.run, StreamName(), std::nullopt, state, begun, ""}, now));
  for (const PlannedStream& plan : start.streams)
    TM_CHECK(insert_stream(session, start.run, plan, now));
  return {};
}

Status take_over(SqlSession& session, const RunId& run, Fence token, UtcMicros now) {
  TM_CHECK(require_open(session, run));
  TM_TRY(const std::vector<StreamRecord> streams, sql_rows::read_streams(session, run));
  for (const StreamRecord& stream : streams) {
    if (is_final(stream.mark.state)) continue;
    if (stream.mark.fence >= token) {
      return internal_error("store.stale",
                            "the stream " + stream.stream.get() + " of run " + run.get() +
                                " is at " + words_of(stream.mark) + ", so fence " +
                                std::to_string(token.get()) + " comes too late",
                            Retry::never,
                            "a newer owner has taken the run over; this one changes nothing");
    }
    TM_TRY(auto update,
           session.prepare("UPDATE etl_run_streams SET fence = ?, version = version + 1"
                           " WHERE run_id = ? AND stream = ?"));
    TM_CHECK(update.bind_int64(0, token.get())
                 .bind_text(1, run.get())
                 .bind_text(2, stream.stream.get())
                 .run());
    const std::string message =
        "taken over at " + words_of({stream.mark.state, stream.mark.version + 1, token});
    TM_CHECK(
        insert_event(session, {run, stream.stream, std::nullopt, std::nullopt, message, ""}, now));
  }
  return {};
}

Result<StreamMark> plan_stream(SqlSession& session, const RunId& run, const PlannedStream& plan,
                               UtcMicros now) {
  TM_CHECK(require_open(session, run));
  TM_CHECK(insert_stream(session, run, plan, now));
  TM_CHECK(refresh_run(session, run, RunUse{}));
  return StreamMark{RunState::planned, 1, plan.fence};
}

Result<StreamMark> transition(SqlSession& session, const Transition& step, UtcMicros now) {
  TM_CHECK(require_open(session, step.run));
  TM_TRY(StreamMark mark, move_stream(session, step, now));
  TM_CHECK(refresh_run(session, step.run, step.used));
  return mark;
}

Status finish_run(SqlSession& session, const RunFinish& finish, UtcMicros now) {
  TM_CHECK(require_open(session, finish.run));
  RunUse used = finish.used;
  for (const Transition& step : finish.last_steps) {
    if (step.run != finish.run) {
      return internal_error("store.illegal_transition",
                            "a last step belongs to another run than the one that ends");
    }
    TM_TRY(StreamMark mark, move_stream(session, step, now));
    static_cast<void>(mark);
    used += step.used;
  }
  TM_TRY(std::vector<RunState> states, states_of(session, finish.run));
  TM_CHECK(check_outcome(finish, states));
  if (!states.empty()) TM_CHECK(refresh_run(session, finish.run, RunUse{}));
  TM_TRY(auto update,
         session.prepare("UPDATE etl_runs SET run_end = ?, status = ?, state = ?, error_code = ?,"
                         " error_fault = ?, error_msg = ?, error_hint = ?, watermark_snapshot = ?,"
                         " error_retry = ?, data_until = CASE WHEN ? = 1 THEN data_until END, "
                         "cpu_us = coalesce(cpu_us, 0) + ?,"
                         " bytes_read = coalesce(bytes_read, 0) + ?,"
                         " bytes_written = coalesce(bytes_written, 0) + ?"
                         " WHERE run_id = ? AND run_end IS NULL"));
  update.bind_text(0, to_text(now)).bind_text(1, stored_status(status_of(finish.outcome)));
  bind_state(update, 2, finish.outcome);
  bind_error(update, 3, finish.error);
  update.bind_optional_text(7, finish.watermark_snapshot);
  if (finish.error) update.bind_text(8, to_string(finish.error->retry));
  const bool is_well = finish.outcome == RunState::done || finish.outcome == RunState::skipped;
  update.bind_int64(9, is_well ? 1 : 0);
  update.bind_int64(10, used.cpu_us).bind_int64(11, used.bytes_read);
  TM_CHECK(update.bind_int64(12, used.bytes_written).bind_text(13, finish.run.get()).run());
  TM_TRY(auto give_back,
         session.prepare("UPDATE etl_leases SET expires_at = NULL WHERE run_id = ?"));
  TM_CHECK(give_back.bind_text(0, finish.run.get()).run());
  std::string message =
      finish.message.empty() && finish.error ? finish.error->describe() : finish.message;
  return insert_event(session,
                      {finish.run, StreamName(), std::nullopt, finish.outcome, message, ""}, now);
}

}  // namespace tidemark::sql_writes
