#include "store/sql_fires.h"

#include <algorithm>
#include <string>
#include <utility>

namespace tidemark::sql_fires {
namespace {

constexpr const char* select_fires =
    "SELECT j.name, f.fire_time, f.state, f.attempts, f.run_id, f.next_at, f.reason, f.owner, "
    "f.task, f.inputs FROM etl_fires f JOIN etl_jobs j USING (job_id) ";
constexpr const char* open_states = "('waiting', 'running', 'retry_wait')";

Error stale(const FireRecord& fire) {
  return internal_error("store.stale", "the fire of job " + fire.task.job.get() + " at " +
                                           to_text(fire.fire) + " has ended, or is not this one's");
}

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
    fires.push_back(std::move(fire));
  }
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

}  // namespace

Result<bool> insert(SqlSession& session, const FireRecord& fire) {
  TM_TRY(auto statement,
         session.prepare("INSERT INTO etl_fires (job_id, fire_time, state, attempts, run_id, "
                         "next_at, reason, owner, task, inputs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
                         "?) ON CONFLICT DO "
                         "NOTHING"));
  bind(statement, fire);
  TM_CHECK(statement.run());
  return session.changed_rows() == 1;
}

Status update(SqlSession& session, const FireRecord& fire) {
  TM_TRY(auto statement,
         session.prepare(
             std::string("UPDATE etl_fires SET state = ?3, attempts = ?4, run_id = ?5, next_at = "
                         "?6, reason = ?7, owner = ?8, inputs = ?10 WHERE job_id = ?1 AND "
                         "fire_time = ?2 AND task = ?9 AND "
                         "state IN ") +
             open_states));
  bind(statement, fire);
  TM_CHECK(statement.run());
  if (session.changed_rows() != 1) return stale(fire);
  return {};
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

Result<std::int64_t> forget(SqlSession& session, UtcMicros before) {
  TM_TRY(
      auto statement,
      session.prepare(
          std::string("DELETE FROM etl_fires WHERE fire_time < ? AND state NOT IN ") + open_states +
          " AND fire_time < (SELECT max(fire_time) FROM etl_fires newest WHERE newest.job_id = "
          "etl_fires.job_id AND newest.task = etl_fires.task)"));
  TM_CHECK(statement.bind_text(0, to_text(before)).run());
  return static_cast<std::int64_t>(session.changed_rows());
}

}  // namespace tidemark::sql_fires
