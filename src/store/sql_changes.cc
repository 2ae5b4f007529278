#include "store/sql_changes.h"

#include <algorithm>
#include <utility>

#include "store/sql_fires.h"

namespace tidemark::sql_changes {
namespace {

// Runs may end in another order than they began; more than so many do not go on at a time.
constexpr int loads_max = 20;

}  // namespace

Result<std::vector<SeenChange>> list(SqlSession& session, const std::vector<JobName>& jobs) {
  std::vector<SeenChange> found;
  TM_TRY(auto rows,
         session.prepare("SELECT watched, sign, seen_at FROM etl_changes WHERE job_id = ?"));
  for (const JobName& job : jobs) {
    rows.bind_text(0, job_id_of(job).get());
    while (true) {
      TM_TRY(const bool more, rows.step());
      if (!more) break;
      SeenChange seen{job, std::string(rows.text_at(0)), std::string(rows.text_at(1)), {}};
      TM_TRY(seen.seen_at, parse_utc(rows.text_at(2)));
      found.push_back(std::move(seen));
    }
  }
  return found;
}

Result<bool> note(SqlSession& session, const SeenChange& now,
                  const std::optional<SeenChange>& before) {
  TM_TRY(const UtcMicros at, session.now());
  TM_TRY(auto statement,
         session.prepare(before ? "UPDATE etl_changes SET watched = ?2, sign = ?3, seen_at = ?4 "
                                  "WHERE job_id = ?1 AND watched = ?5 AND sign = ?6"
                                : "INSERT INTO etl_changes (job_id, watched, sign, seen_at) VALUES "
                                  "(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"));
  statement.bind_text(0, job_id_of(now.job).get())
      .bind_text(1, now.watched)
      .bind_text(2, now.sign)
      .bind_text(3, to_text(at));
  if (before) statement.bind_text(4, before->watched).bind_text(5, before->sign);
  TM_CHECK(statement.run());
  return session.changed_rows() == 1;
}

Result<FireAnswer> take(SqlSession& session, const FireOffer& offer, const SeenChange& now,
                        const std::optional<SeenChange>& before) {
  FireAnswer none;
  none.fire = offer.fire;
  TM_TRY(const bool left_out, sql_fires::is_left_out(session, offer.fire.task, offer.on_open));
  if (left_out) return none;
  TM_TRY(const bool noted, note(session, now, before));
  if (!noted) return none;
  TM_TRY(const std::vector<FireRecord> newest, sql_fires::list(session, offer.fire.task, 1));
  FireRecord fire = offer.fire;
  if (!newest.empty()) fire.fire = std::max(fire.fire, UtcMicros(newest.front().fire.get() + 1));
  return sql_fires::take(session, fire, offer.on_open);
}

Result<std::string> loads_of(SqlSession& session, const std::vector<JobName>& jobs) {
  TM_TRY(auto rows,
         session.prepare("SELECT run_id FROM etl_runs WHERE job_id = ? AND run_end IS NOT NULL AND "
                         "(rows_loaded > 0 OR rows_deleted > 0) ORDER BY run_start DESC LIMIT ?"));
  std::string words;
  for (const JobName& job : jobs) {
    rows.bind_text(0, job_id_of(job).get()).bind_int64(1, loads_max);
    while (true) {
      TM_TRY(const bool more, rows.step());
      if (!more) break;
      words += (words.empty() ? "" : " ") + std::string(rows.text_at(0));
    }
  }
  return words;
}

}  // namespace tidemark::sql_changes
