#include "store/sql_fires.h"

#include <algorithm>
#include <string>
#include <utility>

namespace tidemark::sql_fires {

const char* const select_fires =
    "SELECT j.name, f.fire_time, f.state, f.attempts, f.run_id, f.next_at, f.reason, f.owner, "
    "f.task, f.inputs, f.priority, f.pool, f.label, f.stop, f.half FROM etl_fires f JOIN etl_jobs "
    "j ON "
    "j.job_id = f.job_id ";
const char* const open_states = "('waiting', 'running', 'retry_wait')";

namespace {

Error stale(const FireRecord& fire) {
  return internal_error("store.stale", "the fire of job " + fire.task.job.get() + " at " +
                                           to_text(fire.fire) + " has ended, or is not this one's");
}

void bind(SqlStatement& statement, const FireRecord& fire) {
  statement.bind_text(0, job_id_of(fire.task.job).get())
      .bind_text(1, to_text(fire.fire))
      .bind_text(2, to_string(fire.state))
      .bind_int64(3, fire.attempts);
  if (!fire.run.get().empty()) statement.bind_text(4, fire.run.get());
  if (fire.next_at) statement.bind_text(5, to_text(*fire.next_at));
  statement.bind_text(6, fire.reason)
      .bind_text(7, fire.owner)
      .bind_text(8, to_string(fire.task.what))
      .bind_text(9, fire.inputs);
}

Result<bool> insert(SqlSession& session, const FireRecord& fire) {
  TM_TRY(auto statement,
         session.prepare("INSERT INTO etl_fires (job_id, fire_time, state, attempts, run_id, "
                         "next_at, reason, owner, task, inputs, priority, pool, label, ended_at) "
                         "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO "
                         "NOTHING"));
  bind(statement, fire);
  statement.bind_int64(10, fire.priority).bind_text(11, fire.pool).bind_text(12, fire.label);
  if (has_ended(fire.state)) {
    TM_TRY(const UtcMicros now, session.now());
    statement.bind_text(13, to_text(now));
  }
  TM_CHECK(statement.run());
  return session.changed_rows() == 1;
}

Result<std::vector<FireRecord>> open_of(SqlSession& session, const Task& task) {
  TM_TRY(auto rows, session.prepare(std::string(select_fires) +
                                    "WHERE f.job_id = ? AND f.task = ? AND f.state IN " +
                                    open_states + " ORDER BY f.fire_time"));
  rows.bind_text(0, job_id_of(task.job).get()).bind_text(1, to_string(task.what));
  return read(rows);
}

// What was extracted is loaded, also where a later fire comes.
bool is_staged(const FireRecord& fire) {
  return fire.half == FireHalf::load && (fire.state != FireState::running || fire.owner.empty());
}

Status set_stop(SqlSession& session, const FireRecord& fire, const std::string& why) {
  TM_TRY(auto update, session.prepare("UPDATE etl_fires SET stop = ? WHERE job_id = ? AND task = ? "
                                      "AND fire_time = ?"));
  return update.bind_text(0, why)
      .bind_text(1, job_id_of(fire.task.job).get())
      .bind_text(2, to_string(fire.task.what))
      .bind_text(3, to_text(fire.fire))
      .run();
}

// Whether one of `open` leaves out what comes meanwhile. One that waits for its next attempt does
// not: the later fire is its attempt.
bool is_busy(const std::vector<FireRecord>& open, OnOpen on_open) {
  if (on_open == OnOpen::queue || on_open == OnOpen::replace) return false;
  return std::any_of(open.begin(), open.end(), [&](const FireRecord& one) {
    return one.state == FireState::running || is_staged(one) ||
           (one.state == FireState::waiting && on_open == OnOpen::skip);
  });
}

// The one in whose place a later one comes, as it ends.
FireRecord put_aside(FireRecord fire) {
  const bool failed = fire.state == FireState::retry_wait && fire.attempts > 0;
  fire.state = failed ? FireState::failed : FireState::skipped;
  fire.reason = fire.reason.empty() ? place_was_taken : fire.reason + "; " + place_was_taken;
  fire.next_at.reset();
  return fire;
}

// One that was to stop, and would go on later, does not.
Status end_stopped(SqlSession& session, const FireRecord& fire) {
  TM_TRY(const UtcMicros now, session.now());
  TM_TRY(auto statement,
         session.prepare("UPDATE etl_fires SET state = 'cancelled', reason = stop, ended_at = ?, "
                         "next_at = NULL WHERE job_id = ? AND fire_time = ? AND task = ? AND stop "
                         "<> '' AND state IN ('waiting', 'retry_wait')"));
  return statement.bind_text(0, to_text(now))
      .bind_text(1, job_id_of(fire.task.job).get())
      .bind_text(2, to_text(fire.fire))
      .bind_text(3, to_string(fire.task.what))
      .run();
}

}  // namespace

Result<std::vector<FireRecord>> read(SqlStatement& rows) {
  std::vector<FireRecord> fires;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return fires;
    FireRecord fire;
    fire.task.job = JobName(std::string(rows.text_at(0)));
    TM_TRY(fire.fire, parse_utc(rows.text_at(1)));
    const auto state = fire_state(rows.text_at(2));
    if (!state) return internal_error("store.bad_value", "a fire has a state that is none");
    fire.state = *state;
    fire.attempts = rows.int64_at(3);
    if (!rows.is_null(4)) fire.run = RunId(std::string(rows.text_at(4)));
    if (!rows.is_null(5)) {
      TM_TRY(fire.next_at, parse_utc(rows.text_at(5)));
    }
    fire.reason = rows.text_at(6);
    fire.owner = rows.text_at(7);
    const auto task = fire_task(rows.text_at(8));
    if (!task) return internal_error("store.bad_value", "a fire has a task that is none");
    fire.task.what = *task;
    fire.inputs = rows.text_at(9);
    fire.priority = rows.int64_at(10);
    fire.pool = rows.text_at(11);
    fire.label = rows.text_at(12);
    const auto half = fire_half(rows.text_at(14));
    if (!half) return internal_error("store.bad_value", "a fire has a half that is none");
    fire.half = *half;
    // Why it is to stop says more than why it goes on.
    const bool is_to_stop = !rows.text_at(13).empty() && !has_ended(fire.state);
    if (is_to_stop) fire.reason = rows.text_at(13);
    fires.push_back(std::move(fire));
  }
}

Result<bool> is_left_out(SqlSession& session, const Task& task, OnOpen on_open) {
  TM_TRY(const std::vector<FireRecord> open, open_of(session, task));
  return is_busy(open, on_open);
}

Result<FireAnswer> take(SqlSession& session, const FireRecord& fire, OnOpen on_open) {
  FireAnswer answer;
  answer.fire = fire;
  const bool looks = on_open != OnOpen::queue && fire.state == FireState::waiting;
  std::vector<FireRecord> open;
  if (looks) {
    TM_TRY(open, open_of(session, fire.task));
  }
  if (is_busy(open, on_open)) {
    answer.fire.state = FireState::skipped;
    answer.fire.reason = before_has_not_ended;
  }
  TM_TRY(answer.taken, insert(session, answer.fire));
  if (!answer.taken || has_ended(answer.fire.state)) return answer;
  for (const FireRecord& one : open) {
    if (is_staged(one)) continue;
    if (one.state == FireState::running && !one.owner.empty()) {
      FireRecord stop = one;
      stop.reason = "the run of " + to_text(fire.fire) + " takes its place";
      TM_CHECK(set_stop(session, stop, stop.reason));
      answer.stop = std::move(stop);
      continue;
    }
    FireRecord aside = put_aside(one);
    TM_CHECK(update(session, aside, aside.owner));
    answer.aside.push_back(std::move(aside));
  }
  return answer;
}

Status update(SqlSession& session, const FireRecord& fire, const std::string& owner) {
  TM_TRY(auto statement,
         session.prepare(
             std::string("UPDATE etl_fires SET state = ?3, attempts = ?4, run_id = ?5, next_at = "
                         "?6, reason = ?7, owner = ?11, inputs = ?10, ended_at = ?12, half = ?13, "
                         "pool = ?14, label = ?15 WHERE job_id = ?1 AND fire_time = ?2 AND task = "
                         "?9 AND owner = ?8 AND state IN ") +
             open_states));
  bind(statement, fire);
  statement.bind_text(10, owner)
      .bind_text(12, to_string(fire.half))
      .bind_text(13, fire.pool)
      .bind_text(14, fire.label);
  if (has_ended(fire.state)) {
    TM_TRY(const UtcMicros now, session.now());
    statement.bind_text(11, to_text(now));
  }
  TM_CHECK(statement.run());
  if (session.changed_rows() != 1) return stale(fire);
  const bool goes_on = fire.state == FireState::waiting || fire.state == FireState::retry_wait;
  return goes_on ? end_stopped(session, fire) : Status();
}

Status describe(SqlSession& session, const FireRecord& fire) {
  TM_TRY(auto statement,
         session.prepare(
             std::string("UPDATE etl_fires SET priority = ?, pool = ?, label = ? WHERE "
                         "job_id = ? AND task = ? AND half = ? AND owner = '' AND state IN ") +
             open_states));
  return statement.bind_int64(0, fire.priority)
      .bind_text(1, fire.pool)
      .bind_text(2, fire.label)
      .bind_text(3, job_id_of(fire.task.job).get())
      .bind_text(4, to_string(fire.task.what))
      .bind_text(5, to_string(fire.half))
      .run();
}

Status adopt(SqlSession& session, const std::string& owner) {
  TM_TRY(auto stopped,
         session.prepare(std::string("UPDATE etl_fires SET state = 'cancelled', reason = stop, "
                                     "ended_at = ? WHERE stop <> '' AND state IN ") +
                         open_states));
  TM_TRY(const UtcMicros now, session.now());
  TM_CHECK(stopped.bind_text(0, to_text(now)).run());
  TM_TRY(auto statement, session.prepare(std::string("UPDATE etl_fires SET owner = ?1 WHERE owner "
                                                     "<> ?1 AND state IN ") +
                                         open_states));
  return statement.bind_text(0, owner).run();
}

Result<std::vector<FireRecord>> ended(SqlSession& session, UtcMicros since) {
  TM_TRY(auto rows, session.prepare(std::string(select_fires) +
                                    "WHERE f.ended_at >= ? AND f.task = 'run' AND f.state IN "
                                    "('done', 'failed', 'blocked') ORDER BY f.ended_at"));
  rows.bind_text(0, to_text(since));
  return read(rows);
}

Result<std::vector<FireRecord>> open(SqlSession& session) {
  TM_TRY(auto rows, session.prepare(std::string(select_fires) + "WHERE f.state IN " + open_states +
                                    " ORDER BY f.fire_time, j.name"));
  return read(rows);
}

Result<std::vector<FireRecord>> oldest(SqlSession& session, FireState state, int limit) {
  // The second condition names the index.
  TM_TRY(auto rows, session.prepare(std::string(select_fires) +
                                    "WHERE f.state = ? AND f.state IN " + open_states +
                                    " ORDER BY coalesce(f.next_at, f.fire_time), j.name LIMIT ?"));
  rows.bind_text(0, to_string(state)).bind_int64(1, limit);
  return read(rows);
}

Result<std::vector<FireRecord>> list(SqlSession& session, const Task& task, int limit) {
  TM_TRY(auto rows,
         session.prepare(std::string(select_fires) +
                         "WHERE f.job_id = ? AND f.task = ? ORDER BY f.fire_time DESC LIMIT ?"));
  rows.bind_text(0, job_id_of(task.job).get())
      .bind_text(1, to_string(task.what))
      .bind_int64(2, std::clamp(limit, 1, 1000));
  return read(rows);
}

Result<std::int64_t> forget(SqlSession& session, UtcMicros before, int limit) {
  // By the index of those that ended.
  TM_TRY(
      auto statement,
      session.prepare(
          "DELETE FROM etl_fires WHERE (job_id, task, fire_time) IN (SELECT old.job_id, old.task, "
          "old.fire_time FROM etl_fires old WHERE old.ended_at < ? AND old.fire_time < (SELECT "
          "max(newest.fire_time) FROM etl_fires newest WHERE newest.job_id = old.job_id AND "
          "newest.task = old.task) LIMIT ?)"));
  TM_CHECK(statement.bind_text(0, to_text(before)).bind_int64(1, limit).run());
  return static_cast<std::int64_t>(session.changed_rows());
}

}  // namespace tidemark::sql_fires
