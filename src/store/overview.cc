#include "store/overview.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "store/sql_fires.h"
#include "store/sql_leases.h"
#include "store/sql_rows.h"
#include "store/sql_servers.h"

namespace tidemark {
namespace {

Result<std::optional<UtcMicros>> moved_at(SqlSession& session, const RunId& run) {
  TM_TRY(auto rows, session.prepare("SELECT max(at) FROM run_events WHERE run_id = ?"));
  TM_TRY(const bool has_row, rows.bind_text(0, run.get()).step());
  if (!has_row || rows.is_null(0)) return std::optional<UtcMicros>();
  TM_TRY(const UtcMicros at, parse_utc(rows.text_at(0)));
  return std::optional(at);
}

Result<std::vector<RunUnderWay>> runs_under_way(SqlSession& session, int limit) {
  TM_TRY(auto rows,
         session.prepare(std::string(sql_rows::select_runs) +
                         "WHERE r.run_end IS NULL ORDER BY r.run_start, r.run_id LIMIT ?"));
  rows.bind_int64(0, limit);
  TM_TRY(std::vector<RunRecord> runs, sql_rows::read_runs(session, rows));
  std::vector<RunUnderWay> found;
  for (RunRecord& run : runs) {
    RunUnderWay one;
    TM_TRY(one.lease, sql_leases::find(session, run.job));
    const bool is_its_own = one.lease && one.lease->run == run.run && one.lease->expires_at;
    if (!is_its_own) one.lease.reset();
    TM_TRY(one.moved_at, moved_at(session, run.run));
    one.run = std::move(run);
    found.push_back(std::move(one));
  }
  return found;
}

Status count_fires(SqlSession& session, StoreOverview& found) {
  TM_TRY(auto rows,
         session.prepare("SELECT state, count(*), min(fire_time) FROM etl_fires WHERE "
                         "state IN ('waiting', 'running', 'retry_wait') GROUP BY state"));
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return {};
    const std::string_view state = rows.text_at(0);
    if (state == to_string(FireState::waiting)) {
      found.fires_waiting = rows.int64_at(1);
      TM_TRY(found.waits_since, parse_utc(rows.text_at(2)));
    } else if (state == to_string(FireState::running)) {
      found.fires_running = rows.int64_at(1);
    } else {
      found.fires_to_retry = rows.int64_at(1);
    }
  }
}

// The newest run of each job comes from an index, and only these are looked at. A run that was
// cancelled says nothing of its job.
constexpr const char* failed_runs =
    "SELECT j.name, r.run_id, r.state, r.run_end, '' FROM etl_jobs j JOIN etl_runs r ON r.run_id = "
    "(SELECT n.run_id FROM etl_runs n WHERE n.job_id = j.job_id AND n.run_end IS NOT NULL AND "
    "n.state <> 'cancelled' ORDER BY n.run_start DESC, n.run_id DESC LIMIT 1) WHERE r.status = "
    "'failed'";

// The same of comparisons, as long as none by hand has proved since that all is equal.
constexpr const char* failed_comparisons =
    "SELECT j.name, '', 'failed', f.ended_at, f.reason FROM etl_jobs j JOIN etl_fires f ON "
    "f.job_id = j.job_id AND f.task = 'verify' AND f.fire_time = (SELECT max(n.fire_time) FROM "
    "etl_fires n WHERE n.job_id = j.job_id AND n.task = 'verify' AND n.state IN ('done', 'failed', "
    "'blocked')) WHERE f.state <> 'done' AND (NOT EXISTS (SELECT 1 FROM etl_proofs p WHERE "
    "p.job_id = j.job_id) OR EXISTS (SELECT 1 FROM etl_proofs p WHERE p.job_id = j.job_id AND "
    "(p.proved_at IS NULL OR p.proved_at <= coalesce(f.ended_at, f.fire_time))))";

Status add_failed(SqlSession& session, FireTask what, const IsOfProject& is_of_project,
                  std::vector<Failure>& failed) {
  TM_TRY(auto rows, session.prepare(what == FireTask::run ? failed_runs : failed_comparisons));
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return {};
    Failure one;
    one.task = {JobName(std::string(rows.text_at(0))), what};
    if (!is_of_project(one.task)) continue;
    one.run = RunId(std::string(rows.text_at(1)));
    if (rows.text_at(2) == to_string(RunState::blocked)) one.state = RunState::blocked;
    if (!rows.is_null(3)) {
      TM_TRY(one.ended_at, parse_utc(rows.text_at(3)));
    }
    one.message = rows.text_at(4);
    failed.push_back(std::move(one));
  }
}

Status say_why(SqlSession& session, Failure& failure) {
  if (failure.run.get().empty()) {
    failure.hint = "`tidemark verify " + failure.task.job.get() + "` tells what differs";
    return {};
  }
  TM_TRY(auto rows, session.prepare("SELECT error_msg, error_hint FROM etl_runs WHERE run_id = ?"));
  TM_TRY(const bool has_row, rows.bind_text(0, failure.run.get()).step());
  if (!has_row) return {};
  failure.message = rows.text_at(0);
  failure.hint = rows.text_at(1);
  return {};
}

Status find_failed(SqlSession& session, int limit, const IsOfProject& is_of_project,
                   StoreOverview& found) {
  for (const FireTask what : {FireTask::run, FireTask::verify})
    TM_CHECK(add_failed(session, what, is_of_project, found.failed));
  std::sort(found.failed.begin(), found.failed.end(),
            [](const Failure& left, const Failure& right) {
              return std::tie(right.ended_at, left.task) < std::tie(left.ended_at, right.task);
            });
  found.failed_total = std::ssize(found.failed);
  if (found.failed_total > limit) found.failed.resize(static_cast<std::size_t>(limit));
  for (Failure& failure : found.failed)
    TM_CHECK(say_why(session, failure));
  return {};
}

Result<std::vector<SeenChange>> followed(SqlSession& session) {
  TM_TRY(auto rows, session.prepare("SELECT j.name, c.watched, c.seen_at FROM etl_changes c JOIN "
                                    "etl_jobs j ON j.job_id = c.job_id ORDER BY c.seen_at DESC"));
  std::vector<SeenChange> found;
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return found;
    SeenChange one{JobName(std::string(rows.text_at(0))), std::string(rows.text_at(1)), {}, {}};
    TM_TRY(one.seen_at, parse_utc(rows.text_at(2)));
    found.push_back(std::move(one));
  }
}

}  // namespace

Result<StoreOverview> look_over(SqlDatabase& database, int limit,
                                const IsOfProject& is_of_project) {
  StoreOverview found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    found = StoreOverview();
    TM_TRY(found.at, session.now());
    TM_TRY(found.servers, sql_servers::list(session));
    TM_TRY(found.running, runs_under_way(session, limit));
    TM_CHECK(count_fires(session, found));
    TM_TRY(found.waiting, sql_fires::oldest(session, FireState::waiting, limit));
    TM_TRY(found.to_retry, sql_fires::oldest(session, FireState::retry_wait, limit));
    TM_CHECK(find_failed(session, limit, is_of_project, found));
    TM_TRY(found.watched, followed(session));
    return {};
  }));
  return found;
}

}  // namespace tidemark
