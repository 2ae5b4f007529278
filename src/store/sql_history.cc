#include "store/sql_history.h"

#include <string>
#include <vector>

namespace tidemark::sql_history {
namespace {

// Nothing was new, so nothing of it is left but the run itself.
constexpr const char* is_idle = "r.status = 'skipped'";
// A later window of each of its streams was loaded.
constexpr const char* is_superseded =
    "NOT EXISTS (SELECT 1 FROM etl_run_streams s WHERE s.run_id = r.run_id AND NOT EXISTS (SELECT "
    "1 FROM etl_runs l JOIN etl_run_streams t ON t.run_id = l.run_id WHERE l.job_id = r.job_id AND "
    "l.run_start > r.run_start AND t.stream = s.stream AND t.state = 'done' AND t.seq > s.seq))";

Status add(SqlSession& session, const std::string& condition, UtcMicros before, int limit,
           std::vector<std::string>& runs) {
  TM_TRY(
      auto rows,
      session.prepare("SELECT r.run_id FROM etl_runs r WHERE r.run_end < ?1 AND r.run_start < ?1 "
                      "AND r.rows_rejected = 0 AND (r.run_start, r.run_id) < (SELECT n.run_start, "
                      "n.run_id FROM etl_runs n WHERE n.job_id = r.job_id ORDER BY n.run_start "
                      "DESC, n.run_id DESC LIMIT 1) AND " +
                      condition + " ORDER BY r.run_start LIMIT ?2"));
  rows.bind_text(0, to_text(before)).bind_int64(1, limit);
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return {};
    runs.emplace_back(rows.text_at(0));
  }
}

}  // namespace

Result<std::int64_t> forget(SqlSession& session, const OldRuns& old, int limit) {
  std::vector<std::string> runs;
  if (old.idle) TM_CHECK(add(session, is_idle, *old.idle, limit, runs));
  const int left = limit - static_cast<int>(runs.size());
  if (old.rest && left > 0) {
    TM_CHECK(add(session, std::string("r.status <> 'skipped' AND ") + is_superseded, *old.rest,
                 left, runs));
  }
  for (const char* table : {"run_events", "etl_run_streams", "etl_runs"}) {
    TM_TRY(auto statement,
           session.prepare("DELETE FROM " + std::string(table) + " WHERE run_id = ?"));
    for (const std::string& run : runs) {
      TM_CHECK(statement.bind_text(0, run).run());
    }
  }
  return static_cast<std::int64_t>(runs.size());
}

}  // namespace tidemark::sql_history
