#include "store/pages.h"

#include <string_view>
#include <utility>

#include "store/sql_rows.h"

namespace tidemark {
namespace {

Result<std::vector<RunRecord>> without_streams(SqlStatement& rows) {
  std::vector<RunRecord> runs;
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return runs;
    TM_TRY(RunRecord run, sql_rows::read_run(rows));
    runs.push_back(std::move(run));
  }
}

std::string placeholders(std::size_t count) {
  std::string list;
  for (std::size_t at = 0; at < count; ++at)
    list += at == 0 ? "?" : ", ?";
  return list;
}

// The words of `state` that come to that status, once a run has ended.
std::string states_of(RunStatus status) {
  std::string list;
  for (const RunState state : all_run_states()) {
    if (status_of(state) == status)
      list += (list.empty() ? "'" : ", '") + std::string(to_string(state)) + "'";
  }
  return list;
}

Result<RunRecord> find_run(SqlSession& session, const RunId& run) {
  TM_TRY(auto rows, session.prepare(std::string(sql_rows::select_runs) + "WHERE r.run_id = ?"));
  TM_TRY(const bool has_row, rows.bind_text(0, run.get()).step());
  if (!has_row) return sql_rows::unknown_run(run);
  return sql_rows::read_run(rows);
}

}  // namespace

Result<std::map<JobName, RunRecord>> newest_runs(SqlDatabase& database,
                                                 const std::vector<JobName>& jobs) {
  std::map<JobName, RunRecord> found;
  if (jobs.empty()) return found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    found.clear();
    // The newest run of each comes from the index of a job's runs.
    TM_TRY(auto rows,
           session.prepare(std::string(sql_rows::select_runs) +
                           "WHERE r.run_id IN (SELECT (SELECT n.run_id FROM etl_runs n WHERE "
                           "n.job_id = k.job_id ORDER BY n.run_start DESC, n.run_id DESC LIMIT 1) "
                           "FROM etl_jobs k WHERE k.name IN (" +
                           placeholders(jobs.size()) + "))"));
    for (std::size_t at = 0; at < jobs.size(); ++at)
      rows.bind_text(static_cast<int>(at), jobs[at].get());
    TM_TRY(std::vector<RunRecord> runs, without_streams(rows));
    for (RunRecord& run : runs) {
      const JobName job = run.job;
      found.emplace(job, std::move(run));
    }
    return {};
  }));
  return found;
}

Result<std::vector<RunRecord>> page_of_runs(SqlDatabase& database, const RunsAsked& asked) {
  std::string where;
  const auto add = [&](const std::string& condition) {
    where += (where.empty() ? "WHERE " : " AND ") + condition;
  };
  if (asked.job) add("r.job_id = ?");
  if (asked.behind) add("(r.run_start, r.run_id) < (?, ?)");
  if (asked.status == RunStatus::running) {
    add("r.run_end IS NULL");
  } else if (asked.status) {
    add("r.run_end IS NOT NULL AND r.state IN (" + states_of(*asked.status) + ")");
  }
  std::vector<RunRecord> found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    TM_TRY(auto rows, session.prepare(std::string(sql_rows::select_runs) + where +
                                      " ORDER BY r.run_start DESC, r.run_id DESC LIMIT ?"));
    int at = 0;
    if (asked.job) rows.bind_text(at++, job_id_of(*asked.job).get());
    if (asked.behind) {
      rows.bind_text(at++, to_text(asked.behind->first));
      rows.bind_text(at++, asked.behind->second.get());
    }
    rows.bind_int64(at, asked.limit);
    TM_TRY(found, without_streams(rows));
    return {};
  }));
  return found;
}

Result<EventsFound> events_after(SqlDatabase& database, const EventsAsked& asked) {
  EventsFound found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    TM_TRY(found.run, find_run(session, asked.run));
    TM_TRY(found.events, sql_rows::read_events(session, asked.run, asked.after, asked.limit));
    if (found.run.ended_at) {
      TM_TRY(found.run.streams, sql_rows::read_streams(session, asked.run));
    }
    return {};
  }));
  return found;
}

Result<RunRecord> one_run(SqlDatabase& database, const RunId& run) {
  RunRecord found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    TM_TRY(found, find_run(session, run));
    return {};
  }));
  return found;
}

Result<RunHistory> whole_run(SqlDatabase& database, const RunId& run) {
  RunHistory found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    TM_TRY(found.run, find_run(session, run));
    TM_TRY(found.run.streams, sql_rows::read_streams(session, run));
    TM_TRY(found.events, sql_rows::read_events(session, run));
    return {};
  }));
  return found;
}

Result<std::optional<std::string>> last_watermark(SqlDatabase& database, const JobName& job) {
  std::optional<std::string> found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    TM_TRY(const auto known, sql_rows::find_job(session, job));
    found = known ? known->last_watermark : std::nullopt;
    return {};
  }));
  return found;
}

}  // namespace tidemark
