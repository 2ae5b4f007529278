#include "store/report_rows.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "store/sql_rows.h"

namespace tidemark {
namespace {

Result<std::optional<UtcMicros>> time_at(const SqlStatement& row, int column) {
  if (row.is_null(column)) return std::optional<UtcMicros>();
  TM_TRY(const UtcMicros at, parse_utc(row.text_at(column)));
  return std::optional(at);
}

Status take_runs(SqlStatement& rows, ReportedJob& found) {
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return {};
    TM_TRY(const RunRecord run, sql_rows::read_run(rows));
    found.runs.push_back({run.kind, run.started_at, run.ended_at, run.state, run.rows_read,
                          run.rows_loaded, run.rows_rejected, run.bytes_staged, run.use,
                          run.data_until});
  }
}

// Runs of before `from` that tell how new the data was. Of all others of before nothing is asked,
// and a job that never ends well has very many.
constexpr const char* told_before =
    "WHERE r.job_id = ? AND r.run_start < ? AND r.state IN ('done', 'skipped')"
    " AND (r.data_until IS NOT NULL OR r.kind IN ('run', 'full'))";

Status add_runs(SqlSession& session, UtcMicros from, UtcMicros to, ReportedJob& found) {
  const std::string select(sql_rows::select_runs);
  const std::string newest_first = " ORDER BY r.run_start DESC, r.run_id DESC";
  const JobId job = job_id_of(found.job);
  TM_TRY(auto within,
         session.prepare(select + "WHERE r.job_id = ? AND r.run_start >= ? AND r.run_start < ?" +
                         newest_first));
  within.bind_text(0, job.get()).bind_text(1, to_text(from)).bind_text(2, to_text(to));
  TM_CHECK(take_runs(within, found));
  const std::size_t begun_within = found.runs.size();

  TM_TRY(auto last,
         session.prepare(select + told_before + " AND r.run_end <= ?" + newest_first + " LIMIT 1"));
  last.bind_text(0, job.get()).bind_text(1, to_text(from)).bind_text(2, to_text(from));
  TM_CHECK(take_runs(last, found));
  const bool has_last = found.runs.size() > begun_within;
  const UtcMicros since = has_last ? found.runs.back().started_at : UtcMicros(0);

  // Runs of a job come one after the other, so these are few.
  TM_TRY(auto across, session.prepare(select + told_before +
                                      " AND r.run_start >= ? AND r.run_end > ?" + newest_first));
  across.bind_text(0, job.get())
      .bind_text(1, to_text(from))
      .bind_text(2, to_text(since))
      .bind_text(3, to_text(from));
  TM_CHECK(take_runs(across, found));
  // The last one ended before those that went on.
  if (has_last)
    std::rotate(found.runs.begin() + static_cast<std::ptrdiff_t>(begun_within),
                found.runs.begin() + static_cast<std::ptrdiff_t>(begun_within) + 1,
                found.runs.end());
  return {};
}

// The steps of one stream of one run, from the times at which it came to its states.
class StepTimes {
 public:
  explicit StepTimes(std::vector<ReportedStep>& steps) : steps_(steps) {}

  void came_to(RunState state, UtcMicros at) {
    switch (state) {
      case RunState::extracting:
        extracting_ = at;
        break;
      case RunState::staged:
        if (!staged_) add("extract", extracting_, at);
        staged_ = at;
        break;
      case RunState::checked:
        add("transform", staged_, at);
        break;
      case RunState::loading:
        loading_ = at;
        break;
      case RunState::committed:
        add("load", loading_, at);
        add("ingest", extracting_, at);
        break;
      default:  // takes no time of a step
        break;
    }
  }

 private:
  void add(const char* step, const std::optional<UtcMicros>& since, UtcMicros until) {
    if (since) steps_.push_back({step, until.get() - since->get()});
  }

  std::vector<ReportedStep>& steps_;
  std::optional<UtcMicros> extracting_;
  std::optional<UtcMicros> staged_;
  std::optional<UtcMicros> loading_;
};

Status add_steps(SqlSession& session, UtcMicros from, UtcMicros to, ReportedJob& found) {
  TM_TRY(auto rows, session.prepare("SELECT e.run_id, e.stream, e.state_to, e.at FROM etl_runs r"
                                    " JOIN run_events e ON e.run_id = r.run_id"
                                    " WHERE r.job_id = ? AND r.run_start >= ? AND r.run_start < ?"
                                    " AND r.status <> 'skipped' AND e.stream <> ''"
                                    " AND e.state_to IS NOT NULL ORDER BY e.run_id, e.number"));
  rows.bind_text(0, job_id_of(found.job).get())
      .bind_text(1, to_text(from))
      .bind_text(2, to_text(to));
  std::string run;
  std::map<std::string, StepTimes> streams;
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return {};
    if (run != rows.text_at(0)) {
      run = rows.text_at(0);
      streams.clear();
    }
    const auto state = parse_run_state(rows.text_at(2));
    if (!state) return internal_error("store.unreadable", "the store holds a state that is none");
    TM_TRY(const UtcMicros at, parse_utc(rows.text_at(3)));
    streams.try_emplace(std::string(rows.text_at(1)), found.steps)
        .first->second.came_to(*state, at);
  }
}

Status add_fires(SqlSession& session, UtcMicros from, UtcMicros to, ReportedJob& found) {
  TM_TRY(auto rows,
         session.prepare("SELECT f.fire_time, f.state, r.run_start FROM etl_fires f"
                         " LEFT JOIN etl_runs r ON r.run_id = f.run_id WHERE f.job_id = ?"
                         " AND f.task = 'run' AND f.fire_time >= ? AND f.fire_time < ?"));
  rows.bind_text(0, job_id_of(found.job).get())
      .bind_text(1, to_text(from))
      .bind_text(2, to_text(to));
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return {};
    ReportedFire fire;
    TM_TRY(fire.due, parse_utc(rows.text_at(0)));
    const auto state = fire_state(rows.text_at(1));
    if (!state) return internal_error("store.unreadable", "the store holds a fire that is none");
    fire.state = *state;
    TM_TRY(fire.began, time_at(rows, 2));
    found.fires.push_back(fire);
  }
}

}  // namespace

Status jobs_in(SqlDatabase& database, UtcMicros from, UtcMicros to,
               const std::function<bool(const JobName&)>& wanted,
               const std::function<void(ReportedJob)>& take, const Cancel& cancel) {
  std::vector<JobRecord> jobs;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    TM_TRY(jobs, sql_rows::list_jobs(session));
    return {};
  }));
  for (const JobRecord& job : jobs) {
    if (!wanted(job.name)) continue;
    TM_CHECK(cancel.check());
    ReportedJob one;
    TM_CHECK(database.read([&](SqlSession& session) -> Status {
      one = ReportedJob();
      one.job = job.name;
      TM_CHECK(add_runs(session, from, to, one));
      TM_CHECK(add_steps(session, from, to, one));
      return add_fires(session, from, to, one);
    }));
    take(std::move(one));
  }
  return {};
}

Result<ReportedJob> job_in(SqlDatabase& database, const JobName& job, UtcMicros from,
                           UtcMicros to) {
  ReportedJob found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    found = ReportedJob();
    found.job = job;
    TM_CHECK(add_runs(session, from, to, found));
    return add_fires(session, from, to, found);
  }));
  return found;
}

}  // namespace tidemark
