#include "store/sql_backfills.h"

#include <cmath>
#include <initializer_list>
#include <utility>

#include "store/sql_fires.h"

namespace tidemark::sql_backfills {
namespace {

constexpr double parts_per_million = 1e6;
constexpr const char* select_backfills =
    "SELECT b.backfill_id, j.name, b.from_value, b.to_value, b.step, b.part_order, b.from_stage, "
    "b.rate_share_ppm, b.allow_empty, b.state, b.note, b.created_at, b.ended_at, "
    "b.in_quiet_hours, b.downstream, b.detached, b.owner FROM etl_backfills b JOIN etl_jobs j ON "
    "j.job_id = b.job_id ";

std::string string_at(const SqlStatement& row, int column) {
  return std::string(row.text_at(column));
}

// The one of `all` whose word it is.
template <class Value>
Result<Value> word_at(const SqlStatement& row, int column, std::initializer_list<Value> all) {
  for (const Value value : all) {
    if (to_string(value) == row.text_at(column)) return value;
  }
  return internal_error("store.bad_value",
                        "a backfill has the unknown word `" + string_at(row, column) + "`");
}

Result<std::vector<BackfillRecord>> read(SqlStatement& rows) {
  std::vector<BackfillRecord> backfills;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return backfills;
    BackfillRecord one;
    one.id = BackfillId(string_at(rows, 0));
    one.job = JobName(string_at(rows, 1));
    one.from = string_at(rows, 2);
    one.to = string_at(rows, 3);
    one.step = string_at(rows, 4);
    TM_TRY(one.order, word_at(rows, 5, {PartOrder::oldest, PartOrder::newest}));
    TM_TRY(one.from_stage,
           word_at(rows, 6, {FromStage::when_kept, FromStage::only, FromStage::never}));
    one.rate_share = static_cast<double>(rows.int64_at(7)) / parts_per_million;
    one.allow_empty = rows.int64_at(8) != 0;
    TM_TRY(one.state,
           word_at(rows, 9,
                   {BackfillState::running, BackfillState::paused, BackfillState::cancelled,
                    BackfillState::done, BackfillState::failed}));
    one.note = string_at(rows, 10);
    TM_TRY(one.created_at, parse_utc(rows.text_at(11)));
    if (!rows.is_null(12)) {
      TM_TRY(one.ended_at, parse_utc(rows.text_at(12)));
    }
    one.in_quiet_hours = rows.int64_at(13) != 0;
    one.downstream = rows.int64_at(14) != 0;
    one.detached = rows.int64_at(15) != 0;
    one.owner = string_at(rows, 16);
    backfills.push_back(std::move(one));
  }
}

Status move_parts(SqlSession& session, const BackfillId& id, PartState from, PartState to) {
  TM_TRY(auto update, session.prepare("UPDATE etl_backfill_parts SET state = ? WHERE backfill_id = "
                                      "? AND state = ?"));
  return update.bind_text(0, to_string(to))
      .bind_text(1, id.get())
      .bind_text(2, to_string(from))
      .run();
}

Status set_owner(SqlSession& session, const BackfillId& id, const std::string& owner) {
  TM_TRY(auto update, session.prepare("UPDATE etl_backfills SET owner = ? WHERE backfill_id = ?"));
  return update.bind_text(0, owner).bind_text(1, id.get()).run();
}

}  // namespace

Status insert(SqlSession& session, const BackfillRecord& backfill,
              const std::vector<BackfillPart>& parts) {
  TM_TRY(auto statement,
         session.prepare("INSERT INTO etl_backfills (backfill_id, job_id, from_value, to_value, "
                         "step, part_order, from_stage, rate_share_ppm, allow_empty, state, "
                         "note, created_at, in_quiet_hours, downstream, detached) VALUES (?, ?, ?, "
                         "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  TM_CHECK(statement.bind_text(0, backfill.id.get())
               .bind_text(1, job_id_of(backfill.job).get())
               .bind_text(2, backfill.from)
               .bind_text(3, backfill.to)
               .bind_text(4, backfill.step)
               .bind_text(5, to_string(backfill.order))
               .bind_text(6, to_string(backfill.from_stage))
               .bind_int64(7, std::llround(backfill.rate_share * parts_per_million))
               .bind_int64(8, backfill.allow_empty ? 1 : 0)
               .bind_text(9, to_string(backfill.state))
               .bind_text(10, backfill.note)
               .bind_text(11, to_text(backfill.created_at))
               .bind_int64(12, backfill.in_quiet_hours ? 1 : 0)
               .bind_int64(13, backfill.downstream ? 1 : 0)
               .bind_int64(14, backfill.detached ? 1 : 0)
               .run());
  for (const BackfillPart& part : parts) {
    TM_TRY(auto row, session.prepare("INSERT INTO etl_backfill_parts (backfill_id, number, lo, "
                                     "hi, state) VALUES (?, ?, ?, ?, ?)"));
    TM_CHECK(row.bind_text(0, backfill.id.get())
                 .bind_int64(1, part.number)
                 .bind_text(2, part.lo)
                 .bind_text(3, part.hi)
                 .bind_text(4, to_string(part.state))
                 .run());
  }
  return {};
}

Result<BackfillRecord> find(SqlSession& session, const BackfillId& id) {
  TM_TRY(auto rows, session.prepare(std::string(select_backfills) + "WHERE b.backfill_id = ?"));
  rows.bind_text(0, id.get());
  TM_TRY(std::vector<BackfillRecord> found, read(rows));
  if (!found.empty()) return std::move(found.front());
  return user_error("backfill.unknown", "there is no backfill `" + id.get() + "`",
                    "`tidemark backfill list` shows them");
}

Result<std::vector<BackfillRecord>> list(SqlSession& session, const std::optional<JobName>& job) {
  TM_TRY(auto rows,
         session.prepare(std::string(select_backfills) + (job ? "WHERE b.job_id = ? " : "") +
                         "ORDER BY b.created_at DESC, b.backfill_id DESC"));
  if (job) rows.bind_text(0, job_id_of(*job).get());
  return read(rows);
}

Result<std::vector<BackfillPart>> parts(SqlSession& session, const BackfillId& id) {
  TM_TRY(auto rows, session.prepare("SELECT number, lo, hi, state, run_id, rows_loaded, "
                                    "duration_ms, read_from, error FROM etl_backfill_parts WHERE "
                                    "backfill_id = ? ORDER BY number"));
  rows.bind_text(0, id.get());
  std::vector<BackfillPart> parts;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return parts;
    BackfillPart part;
    part.number = rows.int64_at(0);
    part.lo = string_at(rows, 1);
    part.hi = string_at(rows, 2);
    TM_TRY(part.state, word_at(rows, 3,
                               {PartState::waiting, PartState::running, PartState::done,
                                PartState::failed, PartState::skipped}));
    part.run = RunId(string_at(rows, 4));
    part.rows = rows.int64_at(5);
    part.ms = rows.int64_at(6);
    part.from = string_at(rows, 7);
    part.error = string_at(rows, 8);
    parts.push_back(std::move(part));
  }
}

Result<bool> move(SqlSession& session, const BackfillId& id, const std::vector<BackfillState>& from,
                  BackfillState to, const std::string& note, UtcMicros now) {
  for (const BackfillState state : from) {
    TM_TRY(auto statement, session.prepare("UPDATE etl_backfills SET state = ?, note = ?, "
                                           "ended_at = ? WHERE backfill_id = ? AND state = ?"));
    statement.bind_text(0, to_string(to)).bind_text(1, note);
    if (to != BackfillState::running) statement.bind_text(2, to_text(now));
    TM_CHECK(statement.bind_text(3, id.get()).bind_text(4, to_string(state)).run());
    if (session.changed_rows() != 1) continue;
    if (to == BackfillState::cancelled)
      TM_CHECK(move_parts(session, id, PartState::waiting, PartState::skipped));
    return true;
  }
  return false;
}

Result<bool> resume(SqlSession& session, const BackfillId& id, const BackfillResume& resume) {
  TM_TRY(auto statement,
         session.prepare("UPDATE etl_backfills SET state = 'running', note = '', ended_at = NULL, "
                         "detached = ?2, in_quiet_hours = CASE WHEN ?3 = 1 THEN 1 ELSE "
                         "in_quiet_hours END, downstream = coalesce(?4, downstream) WHERE "
                         "backfill_id = ?1 AND state IN ('running', "
                         "'paused', 'failed')"));
  statement.bind_text(0, id.get())
      .bind_int64(1, resume.detached ? 1 : 0)
      .bind_int64(2, resume.in_quiet_hours ? 1 : 0);
  if (resume.downstream) statement.bind_int64(3, *resume.downstream ? 1 : 0);
  TM_CHECK(statement.run());
  if (session.changed_rows() != 1) return false;
  if (resume.with_failed) TM_CHECK(move_parts(session, id, PartState::failed, PartState::waiting));
  return true;
}

Result<std::vector<FireRecord>> finish(SqlSession& session, const BackfillId& id,
                                       const std::vector<FireRecord>& behind) {
  std::vector<FireRecord> taken;
  TM_TRY(const UtcMicros now, session.now());
  TM_TRY(const bool was_running,
         move(session, id, {BackfillState::running}, BackfillState::done, "", now));
  if (!was_running) return taken;
  for (FireRecord fire : behind) {
    TM_TRY(const std::vector<FireRecord> newest, sql_fires::list(session, fire.task, 1));
    fire.fire = newest.empty() ? now : newest.front().fire;
    if (!newest.empty()) fire.inputs = newest.front().inputs;
    FireAnswer answer;
    while (!answer.taken) {
      fire.fire = UtcMicros(fire.fire.get() + 1);
      TM_TRY(answer, sql_fires::take(session, fire, OnOpen::queue));
    }
    taken.push_back(std::move(answer.fire));
  }
  return taken;
}

Result<std::vector<BackfillRecord>> detached(SqlSession& session) {
  TM_TRY(auto rows, session.prepare(std::string(select_backfills) +
                                    "WHERE b.detached = 1 AND b.state = 'running' ORDER BY "
                                    "b.created_at, b.backfill_id"));
  return read(rows);
}

Result<std::optional<BackfillRecord>> claim(SqlSession& session, const BackfillClaim& claim) {
  TM_TRY(const UtcMicros now, session.now());
  TM_TRY(auto rows,
         session.prepare(std::string(select_backfills) +
                         "WHERE b.job_id = ?1 AND b.detached = 1 AND b.state = 'running' AND NOT "
                         "EXISTS (SELECT 1 FROM etl_leases wanted WHERE wanted.job_id = b.job_id "
                         "AND wanted.wanted_until > ?2) AND NOT EXISTS (SELECT 1 FROM etl_fires "
                         "loads WHERE loads.job_id = b.job_id AND loads.half = 'load' AND "
                         "loads.state IN ('waiting', 'running', 'retry_wait')) ORDER BY "
                         "b.created_at, b.backfill_id"));
  rows.bind_text(0, job_id_of(claim.job).get()).bind_text(1, to_text(now));
  TM_TRY(std::vector<BackfillRecord> open, read(rows));
  if (open.empty()) return std::optional<BackfillRecord>();
  BackfillRecord& next = open.front();
  if (claim.shared) {
    TM_TRY(auto had,
           session.prepare("SELECT job_id FROM etl_backfills WHERE (state = 'running' OR "
                           "EXISTS (SELECT 1 FROM etl_backfill_parts part WHERE "
                           "part.backfill_id = etl_backfills.backfill_id AND part.state = "
                           "'running')) AND owner IN (SELECT owner FROM etl_servers) AND NOT "
                           "(backfill_id = ?1 AND owner = ?2)"));
    had.bind_text(0, next.id.get()).bind_text(1, claim.owner);
    int running = 0;
    while (true) {
      TM_TRY(const bool more, had.step());
      if (!more) break;
      if (had.text_at(0) == job_id_of(claim.job).get()) return std::optional<BackfillRecord>();
      ++running;
    }
    if (running >= claim.places) return std::optional<BackfillRecord>();
  }
  next.owner = claim.owner;
  TM_CHECK(set_owner(session, next.id, next.owner));
  return std::optional(std::move(next));
}

Status release(SqlSession& session, const BackfillRecord& backfill) {
  TM_TRY(auto update, session.prepare("UPDATE etl_backfills SET owner = '' WHERE backfill_id = ? "
                                      "AND owner = ?"));
  return update.bind_text(0, backfill.id.get()).bind_text(1, backfill.owner).run();
}

Status update(SqlSession& session, const BackfillRecord& backfill, const BackfillPart& part) {
  TM_TRY(auto statement,
         session.prepare("UPDATE etl_backfill_parts SET state = ?, run_id = ?, rows_loaded = ?, "
                         "duration_ms = ?, read_from = ?, error = ? WHERE backfill_id = ? AND "
                         "number = ? AND EXISTS (SELECT 1 FROM etl_backfills mine WHERE "
                         "mine.backfill_id = etl_backfill_parts.backfill_id AND mine.owner = ?)"));
  TM_CHECK(statement.bind_text(0, to_string(part.state))
               .bind_text(1, part.run.get())
               .bind_int64(2, part.rows)
               .bind_int64(3, part.ms)
               .bind_text(4, part.from)
               .bind_text(5, part.error)
               .bind_text(6, backfill.id.get())
               .bind_int64(7, part.number)
               .bind_text(8, backfill.owner)
               .run());
  if (session.changed_rows() == 1) return {};
  return internal_error("store.stale", "backfill " + backfill.id.get() + " has no part " +
                                           std::to_string(part.number) +
                                           ", or is another's by now");
}

}  // namespace tidemark::sql_backfills
