#include "store/alert_facts.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "store/sql_fires.h"

namespace tidemark {
namespace {

constexpr std::size_t jobs_at_a_time = 200;
constexpr std::int64_t hour_us = 3'600'000'000;

constexpr const char* select_ended =
    "SELECT r.run_id, j.name, r.kind, r.state, r.run_start, r.run_end, r.rows_read, "
    "r.rows_rejected, r.error_code, r.error_msg, r.error_hint, r.watermark_held, r.data_until, "
    "r.drift FROM etl_runs r JOIN etl_jobs j ON j.job_id = r.job_id ";

std::optional<RunKind> kind_of(std::string_view text) {
  for (const RunKind kind : {RunKind::run, RunKind::replay, RunKind::full, RunKind::window,
                             RunKind::repair, RunKind::backfill}) {
    if (to_string(kind) == text) return kind;
  }
  return std::nullopt;
}

Result<std::vector<EndedRun>> read(SqlStatement& rows) {
  std::vector<EndedRun> found;
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return found;
    EndedRun run;
    run.run = RunId(std::string(rows.text_at(0)));
    run.job = JobName(std::string(rows.text_at(1)));
    const auto kind = kind_of(rows.text_at(2));
    const auto state = parse_run_state(rows.text_at(3));
    if (!kind || !state) continue;  // of a later version
    run.kind = *kind;
    run.state = *state;
    TM_TRY(run.started_at, parse_utc(rows.text_at(4)));
    TM_TRY(run.ended_at, parse_utc(rows.text_at(5)));
    run.rows_read = rows.int64_at(6);
    run.rows_rejected = rows.int64_at(7);
    run.code = rows.text_at(8);
    run.message = rows.text_at(9);
    run.hint = rows.text_at(10);
    run.signs.is_held = rows.int64_at(11) != 0;
    if (!rows.is_null(12)) {
      TM_TRY(run.signs.data_until, parse_utc(rows.text_at(12)));
    }
    run.signs.drift = rows.text_at(13);
    found.push_back(std::move(run));
  }
}

// Each of them goes back along an index of the job's runs to the first that fits.
const std::array<std::string, 9>& begins() {
  static const std::string newest = "WHERE r.job_id = ? AND r.run_end IS NOT NULL ";
  static const std::string order = "ORDER BY r.run_start DESC, r.run_id DESC LIMIT ";
  static const std::string some = std::to_string(runs_of_begin);
  static const std::string well = "status IN ('success', 'skipped') ";
  static const std::string own = "AND r.kind IN ('run', 'full') ";
  const auto first_behind = [](const std::string& good) {
    return "AND r.run_start > coalesce((SELECT n.run_start FROM etl_runs n WHERE n.job_id = "
           "r.job_id AND n.run_end IS NOT NULL AND " +
           good +
           "ORDER BY n.run_start DESC, n.run_id DESC LIMIT 1), '') ORDER BY r.run_start, "
           "r.run_id LIMIT 1";
  };
  static const std::array<std::string, 9> all{
      newest + order + some,
      newest + "AND r.status <> 'skipped' " + order + some,
      newest + "AND r." + well + order + "1",
      newest + "AND r.state IN ('failed', 'blocked') " + first_behind("n." + well),
      newest + "AND r.watermark_held = 1 " + first_behind("n.watermark_held = 0 AND n." + well),
      newest + "AND r.drift IS NOT NULL " + order + "1",
      // Between the job's own runs there may be any number of a backfill's.
      newest + own + order + some,
      newest + own + "AND r." + well + order + "1",
      newest + own + "AND r.state IN ('failed', 'blocked') " +
          first_behind("n.kind IN ('run', 'full') AND n." + well),
  };
  return all;
}

bool begins_before(const EndedRun& left, const EndedRun& right) {
  return std::pair(left.started_at, left.run.get()) < std::pair(right.started_at, right.run.get());
}

std::string placeholders(std::size_t count) {
  std::string list;
  for (std::size_t at = 0; at < count; ++at)
    list += at == 0 ? "?" : ", ?";
  return list;
}

// `work` of so many jobs as a statement takes.
Status in_parts(const std::vector<JobName>& jobs,
                const std::function<Status(const std::vector<JobName>&)>& work) {
  for (std::size_t at = 0; at < jobs.size(); at += jobs_at_a_time) {
    const std::size_t end = std::min(jobs.size(), at + jobs_at_a_time);
    TM_CHECK(work({jobs.begin() + static_cast<std::ptrdiff_t>(at),
                   jobs.begin() + static_cast<std::ptrdiff_t>(end)}));
  }
  return {};
}

void bind(SqlStatement& rows, const std::vector<JobName>& jobs) {
  for (std::size_t at = 0; at < jobs.size(); ++at)
    rows.bind_text(static_cast<int>(at), job_id_of(jobs[at]).get());
}

Result<std::vector<OpenRun>> open_runs(SqlSession& session, int limit) {
  TM_TRY(auto rows, session.prepare("SELECT r.run_id, j.name, r.kind, r.run_start FROM etl_runs r "
                                    "JOIN etl_jobs j ON j.job_id = r.job_id WHERE r.run_end IS "
                                    "NULL LIMIT ?"));
  rows.bind_int64(0, limit);
  std::vector<OpenRun> found;
  while (true) {
    TM_TRY(const bool has_row, rows.step());
    if (!has_row) return found;
    const auto kind = kind_of(rows.text_at(2));
    if (!kind) continue;
    TM_TRY(const UtcMicros started_at, parse_utc(rows.text_at(3)));
    found.push_back({RunId(std::string(rows.text_at(0))), JobName(std::string(rows.text_at(1))),
                     *kind, started_at});
  }
}

}  // namespace

Result<std::vector<EndedRun>> runs_to_begin_with(SqlDatabase& database,
                                                 const std::vector<JobName>& jobs) {
  std::vector<EndedRun> found;
  TM_CHECK(in_parts(jobs, [&](const std::vector<JobName>& some) -> Status {
    std::vector<EndedRun> of_some;
    TM_CHECK(database.read([&](SqlSession& session) -> Status {
      of_some.clear();
      std::set<RunId> known;
      for (const std::string& condition : begins()) {
        TM_TRY(auto rows, session.prepare(select_ended + condition));
        for (const JobName& job : some) {
          rows.bind_text(0, job_id_of(job).get());
          TM_TRY(std::vector<EndedRun> runs, read(rows));
          for (EndedRun& run : runs) {
            if (known.insert(run.run).second) of_some.push_back(std::move(run));
          }
        }
      }
      return {};
    }));
    found.insert(found.end(), std::make_move_iterator(of_some.begin()),
                 std::make_move_iterator(of_some.end()));
    return {};
  }));
  std::sort(found.begin(), found.end(), begins_before);
  return found;
}

Result<std::vector<EndedRun>> runs_ended(SqlDatabase& database, const EndedAsked& asked) {
  std::vector<EndedRun> found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    TM_TRY(auto rows,
           session.prepare(std::string(select_ended) +
                           "WHERE r.run_end IS NOT NULL AND (r.run_end, r.run_id) > (?, ?) ORDER "
                           "BY r.run_end, r.run_id LIMIT ?"));
    rows.bind_text(0, to_text(asked.since)).bind_text(1, asked.behind.get());
    rows.bind_int64(2, asked.limit);
    TM_TRY(found, read(rows));
    return {};
  }));
  return found;
}

Result<OpenNow> open_now(SqlDatabase& database, int limit) {
  OpenNow found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    found = OpenNow();
    TM_TRY(found.at, session.now());
    TM_TRY(found.runs, open_runs(session, limit));
    TM_TRY(auto rows, session.prepare(std::string(sql_fires::select_fires) + "WHERE f.state IN " +
                                      sql_fires::open_states + " ORDER BY f.fire_time LIMIT ?"));
    rows.bind_int64(0, limit);
    TM_TRY(found.fires, sql_fires::read(rows));
    return {};
  }));
  return found;
}

Result<std::map<JobName, UtcMicros>> newest_fires(SqlDatabase& database,
                                                  const std::vector<JobName>& jobs) {
  std::map<JobName, UtcMicros> found;
  TM_CHECK(in_parts(jobs, [&](const std::vector<JobName>& some) {
    return database.read([&](SqlSession& session) -> Status {
      TM_TRY(auto rows,
             session.prepare("SELECT j.name, (SELECT max(f.fire_time) FROM etl_fires f WHERE "
                             "f.job_id = j.job_id AND f.task = 'run') FROM etl_jobs j WHERE "
                             "j.job_id IN (" +
                             placeholders(some.size()) + ")"));
      bind(rows, some);
      while (true) {
        TM_TRY(const bool has_row, rows.step());
        if (!has_row) return {};
        if (rows.is_null(1)) continue;
        TM_TRY(const UtcMicros fire, parse_utc(rows.text_at(1)));
        found.insert_or_assign(JobName(std::string(rows.text_at(0))), fire);
      }
    });
  }));
  return found;
}

Result<std::vector<FailedComparison>> failed_comparisons(SqlDatabase& database,
                                                         const std::vector<JobName>& jobs) {
  std::vector<FailedComparison> found;
  TM_CHECK(in_parts(jobs, [&](const std::vector<JobName>& some) -> Status {
    std::vector<FailedComparison> of_some;
    TM_CHECK(database.read([&](SqlSession& session) -> Status {
      of_some.clear();
      TM_TRY(auto rows,
             session.prepare(
                 "SELECT j.name, f.fire_time, f.ended_at, f.reason FROM etl_jobs j JOIN etl_fires "
                 "f ON f.job_id = j.job_id AND f.task = 'verify' AND f.fire_time = (SELECT "
                 "max(n.fire_time) FROM etl_fires n WHERE n.job_id = j.job_id AND n.task = "
                 "'verify' AND n.state IN ('done', 'failed', 'blocked')) WHERE j.job_id IN (" +
                 placeholders(some.size()) +
                 ") AND f.state <> 'done' AND (NOT EXISTS (SELECT 1 FROM etl_proofs p WHERE "
                 "p.job_id = j.job_id) OR EXISTS (SELECT 1 FROM etl_proofs p WHERE p.job_id = "
                 "j.job_id AND (p.proved_at IS NULL OR p.proved_at <= coalesce(f.ended_at, "
                 "f.fire_time)))) ORDER BY j.name"));
      bind(rows, some);
      while (true) {
        TM_TRY(const bool has_row, rows.step());
        if (!has_row) return {};
        FailedComparison one;
        one.job = JobName(std::string(rows.text_at(0)));
        TM_TRY(one.fire, parse_utc(rows.text_at(1)));
        if (!rows.is_null(2)) {
          TM_TRY(one.ended_at, parse_utc(rows.text_at(2)));
        }
        one.reason = rows.text_at(3);
        of_some.push_back(std::move(one));
      }
    }));
    found.insert(found.end(), of_some.begin(), of_some.end());
    return {};
  }));
  return found;
}

Result<std::set<JobName>> compared_since(SqlDatabase& database, UtcMicros since) {
  std::set<JobName> found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    found.clear();
    TM_TRY(auto rows, session.prepare("SELECT j.name FROM etl_fires f JOIN etl_jobs j ON j.job_id "
                                      "= f.job_id WHERE f.ended_at >= ? AND f.task = 'verify'"));
    rows.bind_text(0, to_text(since));
    while (true) {
      TM_TRY(const bool has_row, rows.step());
      if (!has_row) return {};
      found.emplace(std::string(rows.text_at(0)));
    }
  }));
  return found;
}

Result<std::vector<HourRead>> hours_read(SqlDatabase& database, const HoursAsked& asked) {
  std::map<std::int64_t, std::int64_t> hours;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    hours.clear();
    const std::string id = job_id_of(asked.job).get();
    const std::string ended_before = to_text(asked.ended_before);
    // Those that read something come from an index that has no others; of the hours between them it
    // is only asked whether there was a run.
    TM_TRY(
        auto rows,
        session.prepare("SELECT run_start, rows_read FROM etl_runs WHERE job_id = ? AND run_start "
                        ">= ? AND run_end < ? AND status <> 'skipped' AND status = 'success' AND "
                        "kind = 'run'"));
    rows.bind_text(0, id).bind_text(1, to_text(asked.from)).bind_text(2, ended_before);
    while (true) {
      TM_TRY(const bool has_row, rows.step());
      if (!has_row) break;
      TM_TRY(const UtcMicros at, parse_utc(rows.text_at(0)));
      hours[at.get() / hour_us] += rows.int64_at(1);
    }
    // Goes along an index from the first run of an hour to the first behind that hour.
    const std::string first_idle =
        "SELECT min(r.run_start) FROM etl_runs r WHERE r.job_id = ? AND r.run_end < ? AND r.status "
        "= 'skipped' AND r.run_start ";
    TM_TRY(auto idle,
           session.prepare("WITH RECURSIVE idle(at) AS (" + first_idle + ">= ? UNION ALL SELECT (" +
                           first_idle +
                           "> substr(i.at, 1, 13) || ':59:59.999999Z') FROM idle i WHERE i.at IS "
                           "NOT NULL) SELECT at FROM idle WHERE at IS NOT NULL"));
    idle.bind_text(0, id).bind_text(1, ended_before).bind_text(2, to_text(asked.from));
    idle.bind_text(3, id).bind_text(4, ended_before);
    while (true) {
      TM_TRY(const bool has_row, idle.step());
      if (!has_row) break;
      TM_TRY(const UtcMicros began, parse_utc(idle.text_at(0)));
      hours.try_emplace(began.get() / hour_us, 0);
    }
    return {};
  }));
  std::vector<HourRead> found;
  for (const auto& [hour, read] : hours)
    found.push_back({hour, read});
  return found;
}

Result<bool> take_turn(SqlDatabase& database, const TurnAsked& asked) {
  bool is_holders = false;
  TM_CHECK(database.write([&](SqlSession& session) -> Status {
    is_holders = false;
    TM_TRY(const UtcMicros now, session.now());
    TM_TRY(auto rows, session.prepare("SELECT holder, until_at FROM etl_turns WHERE what = ?"));
    TM_TRY(const bool has_row, rows.bind_text(0, asked.what).step());
    if (has_row && rows.text_at(0) != asked.holder) {
      TM_TRY(const UtcMicros until, parse_utc(rows.text_at(1)));
      if (until > now && !session.is_gone(rows.text_at(0))) return {};
    }
    TM_TRY(auto take,
           session.prepare("INSERT INTO etl_turns (what, holder, until_at) VALUES (?, ?, ?) ON "
                           "CONFLICT (what) DO UPDATE SET holder = excluded.holder, until_at = "
                           "excluded.until_at"));
    const UtcMicros until(now.get() + std::chrono::microseconds(asked.ttl).count());
    take.bind_text(0, asked.what).bind_text(1, asked.holder).bind_text(2, to_text(until));
    TM_CHECK(take.run());
    is_holders = true;
    return {};
  }));
  return is_holders;
}

Status give_turn_back(SqlDatabase& database, const TurnAsked& asked) {
  return database.write([&](SqlSession& session) -> Status {
    TM_TRY(auto gone, session.prepare("DELETE FROM etl_turns WHERE what = ? AND holder = ?"));
    return gone.bind_text(0, asked.what).bind_text(1, asked.holder).run();
  });
}

}  // namespace tidemark
