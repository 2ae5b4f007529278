#include "store/sql_store.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "store/migrations.h"
#include "store/sql_backfills.h"
#include "store/sql_changes.h"
#include "store/sql_fires.h"
#include "store/sql_history.h"
#include "store/sql_leases.h"
#include "store/sql_rows.h"
#include "store/sql_servers.h"
#include "store/sql_writes.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

bool says_the_same(const JobRecord& a, const JobRecord& b) {
  return a.schedule_cron == b.schedule_cron && a.source_dsn == b.source_dsn &&
         a.source_query == b.source_query && a.transform_ref == b.transform_ref &&
         a.target_table == b.target_table && a.load_strategy == b.load_strategy &&
         a.watermark_col == b.watermark_col && a.enabled == b.enabled && a.spec_hash == b.spec_hash;
}

Result<bool> job_is_current(SqlSession& session, const JobRecord& job) {
  TM_TRY(std::optional<JobRecord> stored, sql_rows::find_job(session, job.name));
  return stored.has_value() && says_the_same(*stored, job);
}

Result<std::optional<RunRecord>> first_of(Result<std::vector<RunRecord>> runs) {
  if (!runs.ok()) return std::move(runs).error();
  if (runs->empty()) return std::optional<RunRecord>();
  return std::optional<RunRecord>(std::move(runs->front()));
}

// `list_runs` for every filter: newest first, optionally of one job, optionally older than one run.
Result<std::vector<RunRecord>> list(SqlSession& session, const RunFilter& filter) {
  std::string sql(sql_rows::select_runs);
  std::string joint = "WHERE ";
  if (filter.job) {
    sql += joint + "r.job_id = ? ";
    joint = "AND ";
  }
  if (filter.before) {
    sql += joint +
           "(r.run_start, r.run_id) < (SELECT run_start, run_id FROM etl_runs WHERE run_id = ?) ";
  }
  sql += "ORDER BY r.run_start DESC, r.run_id DESC LIMIT ?";
  TM_TRY(auto rows, session.prepare(sql));
  int next = 0;
  if (filter.job) rows.bind_text(next++, job_id_of(*filter.job).get());
  if (filter.before) rows.bind_text(next++, filter.before->get());
  rows.bind_int64(next, std::clamp(filter.limit, 1, 1000));
  return sql_rows::read_runs(session, rows);
}

Status require_run(SqlSession& session, const RunId& run) {
  TM_TRY(auto rows, session.prepare("SELECT 1 FROM etl_runs WHERE run_id = ?"));
  TM_TRY(bool has_row, rows.bind_text(0, run.get()).step());
  if (!has_row) return sql_rows::unknown_run(run);
  return {};
}

Result<std::string> plan_of(SqlSession& session, const RunId& run) {
  TM_TRY(auto rows, session.prepare("SELECT plan_json FROM etl_runs WHERE run_id = ?"));
  TM_TRY(bool has_row, rows.bind_text(0, run.get()).step());
  if (!has_row) return sql_rows::unknown_run(run);
  return std::string(rows.text_at(0));
}

Error unknown_job(const JobName& job) {
  return internal_error("store.unknown_job", "the store does not know the job " + job.get());
}

// Steps that need not be on the disk before the next that must be. Where the machine falls before
// that, the run stands where it would had it fallen before them: nothing is staged yet, and the
// window is read again; nothing was sent to the target yet; or the target was told to commit, and
// its ledger is asked, as after any process that died there.
bool is_found_again(RunState to) {
  return to == RunState::extracting || to == RunState::checked || to == RunState::committed ||
         to == RunState::done;
}

// A server that cannot say that it lives has other things to do meanwhile.
constexpr std::chrono::seconds patience_of_signs{5};

// The result of a piece of work goes to its caller, its error to who runs it.
template <class T>
Status keep(std::optional<Result<T>>& kept, Result<T> result) {
  if (!result.ok()) return std::move(result).error();
  kept.emplace(std::move(result));
  return {};
}

}  // namespace

SqlStore::SqlStore(std::unique_ptr<SqlDatabase> database) : database_(std::move(database)) {}

Result<std::unique_ptr<SqlStore>> SqlStore::open(std::unique_ptr<SqlDatabase> database) {
  TM_CHECK(migrate(*database, store_migrations()));
  return std::unique_ptr<SqlStore>(new SqlStore(std::move(database)));
}

Result<std::unique_ptr<SqlStore>> SqlStore::open_sqlite(const std::filesystem::path& path,
                                                        const Clock& clock) {
  TM_TRY(auto database, open_sqlite_database(path, clock));
  return open(std::move(database));
}

Result<std::unique_ptr<SqlStore>> SqlStore::open_postgres(const PostgresStoreOptions& options,
                                                          const Clock& clock) {
  TM_TRY(auto database, open_postgres_database(options, clock));
  return open(std::move(database));
}

template <class Work>
std::invoke_result_t<Work, SqlSession&> SqlStore::read(Work work) {
  std::optional<std::invoke_result_t<Work, SqlSession&>> result;
  TM_CHECK(database_->read([&](SqlSession& session) { return keep(result, work(session)); }));
  return std::move(*result);
}

template <class Work>
std::invoke_result_t<Work, SqlSession&> SqlStore::write(
    Work work, std::optional<std::chrono::milliseconds> patience) {
  std::optional<std::invoke_result_t<Work, SqlSession&>> result;
  TM_CHECK(
      database_->write([&](SqlSession& session) { return keep(result, work(session)); }, patience));
  return std::move(*result);
}

template <class Work>
std::invoke_result_t<Work, SqlSession&> SqlStore::write_behind(Work work) {
  std::optional<std::invoke_result_t<Work, SqlSession&>> result;
  TM_CHECK(
      database_->write_behind([&](SqlSession& session) { return keep(result, work(session)); }));
  return std::move(*result);
}

Status SqlStore::upsert_jobs(const std::vector<JobRecord>& jobs) {
  const auto changed_of = [&](SqlSession& session) -> Result<std::vector<const JobRecord*>> {
    std::vector<const JobRecord*> changed;
    for (const JobRecord& job : jobs) {
      TM_TRY(const bool is_current, job_is_current(session, job));
      if (!is_current) changed.push_back(&job);
    }
    return changed;
  };
  TM_TRY(const auto wanted, read(changed_of));
  if (wanted.empty()) return {};
  // What they say comes from the project's files, and whoever runs one of them writes behind it.
  return write_behind([&](SqlSession& session) -> Status {
    TM_TRY(const auto changed, changed_of(session));
    TM_TRY(const UtcMicros now, session.now());
    for (const JobRecord* job : changed)
      TM_CHECK(sql_writes::upsert_job(session, *job, now));
    return {};
  });
}

Result<std::optional<JobRecord>> SqlStore::find_job(const JobName& job) {
  return read([&](SqlSession& session) { return sql_rows::find_job(session, job); });
}

Result<std::vector<JobRecord>> SqlStore::list_jobs() {
  return read(sql_rows::list_jobs);
}

Result<std::optional<std::string>> SqlStore::spec_text(const std::string& spec_hash) {
  return read([&](SqlSession& session) -> Result<std::optional<std::string>> {
    TM_TRY(auto rows, session.prepare("SELECT texts FROM etl_job_texts WHERE spec_hash = ?"));
    TM_TRY(const bool has_row, rows.bind_text(0, spec_hash).step());
    if (!has_row) return std::optional<std::string>();
    return rows.optional_text_at(0);
  });
}

Result<std::string> SqlStore::source_memory(const StreamId& stream) {
  return read([&](SqlSession& session) -> Result<std::string> {
    TM_TRY(auto rows,
           session.prepare("SELECT memory FROM etl_source_memory WHERE job_id = ? AND stream = ?"));
    TM_TRY(const bool has_row,
           rows.bind_text(0, job_id_of(stream.job).get()).bind_text(1, stream.stream.get()).step());
    return has_row ? std::string(rows.text_at(0)) : std::string();
  });
}

Result<std::optional<KeptProof>> SqlStore::proof(const StreamId& stream) {
  return read([&](SqlSession& session) -> Result<std::optional<KeptProof>> {
    TM_TRY(
        auto rows,
        session.prepare("SELECT proof, proved_at FROM etl_proofs WHERE job_id = ? AND stream = ?"));
    TM_TRY(const bool has_row,
           rows.bind_text(0, job_id_of(stream.job).get()).bind_text(1, stream.stream.get()).step());
    if (!has_row) return std::optional<KeptProof>();
    KeptProof proof{std::string(rows.text_at(0)), std::nullopt};
    if (!rows.is_null(1)) {
      TM_TRY(proof.proved_at, parse_utc(rows.text_at(1)));
    }
    return std::optional(std::move(proof));
  });
}

Status SqlStore::keep_proof(const StreamId& stream, const KeptProof& proof) {
  return write([&](SqlSession& session) -> Status {
    TM_TRY(auto keep,
           session.prepare("INSERT INTO etl_proofs (job_id, stream, proof, proved_at)"
                           " VALUES (?, ?, ?, ?) ON CONFLICT (job_id, stream) DO UPDATE SET"
                           " proof = excluded.proof, proved_at = excluded.proved_at"));
    keep.bind_text(0, job_id_of(stream.job).get())
        .bind_text(1, stream.stream.get())
        .bind_text(2, proof.text);
    if (proof.proved_at) keep.bind_text(3, to_text(*proof.proved_at));
    return keep.run();
  });
}

// A copy for people of what the target's ledger has; the end of its run is written behind it.
Status SqlStore::set_last_watermark(const JobName& job, const std::string& watermark) {
  return write_behind([&](SqlSession& session) -> Status {
    TM_TRY(auto update, session.prepare("UPDATE etl_jobs SET last_watermark = ? WHERE name = ?"));
    TM_CHECK(update.bind_text(0, watermark).bind_text(1, job.get()).run());
    if (session.changed_rows() != 1) return unknown_job(job);
    return {};
  });
}

// A fire need not be on the disk before its run is: whatever comes of it (a run, a lease) is
// written behind it and synced, and all of it is lost or nothing. Where its end is lost, its run is
// found.
Result<std::vector<FireAnswer>> SqlStore::take_fires(const std::vector<FireOffer>& offers) {
  return write_behind([&](SqlSession& session) -> Result<std::vector<FireAnswer>> {
    std::vector<FireAnswer> answers;
    for (const FireOffer& offer : offers) {
      TM_TRY(FireAnswer answer, sql_fires::take(session, offer.fire, offer.on_open));
      answers.push_back(std::move(answer));
    }
    return answers;
  });
}

Result<std::vector<SeenChange>> SqlStore::seen_changes(const std::vector<JobName>& jobs) {
  return read([&](SqlSession& session) { return sql_changes::list(session, jobs); });
}

Result<bool> SqlStore::note_change(const SeenChange& now, const std::optional<SeenChange>& before) {
  return write([&](SqlSession& session) { return sql_changes::note(session, now, before); });
}

Result<FireAnswer> SqlStore::take_change(const FireOffer& offer, const SeenChange& now,
                                         const std::optional<SeenChange>& before) {
  return write([&](SqlSession& session) { return sql_changes::take(session, offer, now, before); });
}

Result<std::string> SqlStore::loads_of(const std::vector<JobName>& jobs) {
  return read([&](SqlSession& session) { return sql_changes::loads_of(session, jobs); });
}

Status SqlStore::update_fire(const FireRecord& fire) {
  return write_behind(
      [&](SqlSession& session) { return sql_fires::update(session, fire, fire.owner); });
}

Status SqlStore::release_fire(const FireRecord& fire) {
  return write([&](SqlSession& session) { return sql_fires::update(session, fire, ""); });
}

Result<std::vector<FireRecord>> SqlStore::claim_fires(const FireClaim& claim) {
  return write([&](SqlSession& session) { return sql_servers::claim(session, claim); });
}

Result<bool> SqlStore::begin_load(const FireRecord& fire, const std::map<std::string, int>& pools) {
  return write([&](SqlSession& session) { return sql_servers::begin_load(session, fire, pools); });
}

Result<std::optional<std::string>> SqlStore::shared_stage(
    const std::optional<std::string>& offered) {
  const auto name = [](SqlSession& session) -> Result<std::optional<std::string>> {
    TM_TRY(auto rows, session.prepare("SELECT name FROM etl_shared_stage"));
    TM_TRY(const bool has_row, rows.step());
    return has_row ? std::optional(std::string(rows.text_at(0))) : std::nullopt;
  };
  if (!offered) return read(name);
  return write([&](SqlSession& session) -> Result<std::optional<std::string>> {
    TM_TRY(auto insert, session.prepare("INSERT INTO etl_shared_stage (id, name) VALUES (1, ?) ON "
                                        "CONFLICT DO NOTHING"));
    TM_CHECK(insert.bind_text(0, *offered).run());
    return name(session);
  });
}

Result<ServerView> SqlStore::server_lives(const ServerRecord& server,
                                          std::optional<std::chrono::milliseconds> dead_after) {
  return write([&](SqlSession& session) { return sql_servers::lives(session, server, dead_after); },
               patience_of_signs);
}

Status SqlStore::server_leaves(const std::string& owner) {
  return write([&](SqlSession& session) { return sql_servers::leaves(session, owner); },
               patience_of_signs);
}

Status SqlStore::describe_fires(const std::vector<FireRecord>& fires) {
  return write([&](SqlSession& session) -> Status {
    for (const FireRecord& fire : fires)
      TM_CHECK(sql_fires::describe(session, fire));
    return {};
  });
}

Result<std::vector<ServerRecord>> SqlStore::list_servers() {
  return read(sql_servers::list);
}

Status SqlStore::adopt_fires(const std::string& owner) {
  return write([&](SqlSession& session) { return sql_fires::adopt(session, owner); });
}

Result<std::vector<FireRecord>> SqlStore::ended_fires(UtcMicros since) {
  return read([&](SqlSession& session) { return sql_fires::ended(session, since); });
}

Result<std::vector<FireRecord>> SqlStore::open_fires() {
  return read(sql_fires::open);
}

Result<std::vector<FireRecord>> SqlStore::list_fires(const Task& task, int limit) {
  return read([&](SqlSession& session) { return sql_fires::list(session, task, limit); });
}

Result<std::int64_t> SqlStore::forget_fires(UtcMicros before, int limit) {
  return write([&](SqlSession& session) { return sql_fires::forget(session, before, limit); });
}

Result<std::int64_t> SqlStore::forget_runs(const OldRuns& old, int limit) {
  return write([&](SqlSession& session) { return sql_history::forget(session, old, limit); });
}

Result<Fence> SqlStore::claim(const LeaseClaim& claim) {
  auto claimed = write([&](SqlSession& session) -> Result<Fence> {
    TM_TRY(const UtcMicros now, session.now());
    return sql_leases::claim(session, claim, now);
  });
  if (claimed.ok() || claimed.error().code != "run.leased" || claim.yields) return claimed;
  // Whoever may not know it comes a little later to its turn, which is no reason to fail.
  [[maybe_unused]] const Status told = want(claim.job);
  return claimed;
}

// With one look more where it is known already: who waits asks often.
Status SqlStore::want(const JobName& job) {
  bool is_known = false;
  TM_CHECK(read([&](SqlSession& session) -> Status {
    TM_TRY(is_known, sql_leases::is_wanted_for_long(session, job));
    return {};
  }));
  if (is_known) return {};
  return write([&](SqlSession& session) { return sql_leases::want(session, job); });
}

Status SqlStore::renew(const JobName& job, Fence token, std::chrono::milliseconds ttl) {
  // Whoever renews wants to know soon that it cannot be done.
  return database_->write(
      [&](SqlSession& session) -> Status {
        TM_TRY(const UtcMicros now, session.now());
        return sql_leases::renew(session, job, token, ttl, now);
      },
      ttl / 3);
}

Status SqlStore::give_back(const JobName& job, Fence token) {
  return write([&](SqlSession& session) { return sql_leases::give_back(session, job, token); });
}

Result<std::optional<LeaseRecord>> SqlStore::find_lease(const JobName& job) {
  return read([&](SqlSession& session) { return sql_leases::find(session, job); });
}

Result<RunRecord> SqlStore::take_over(const RunId& run, Fence token) {
  TM_CHECK(write([&](SqlSession& session) -> Status {
    TM_TRY(const UtcMicros now, session.now());
    return sql_writes::take_over(session, run, token, now);
  }));
  TM_TRY(RunHistory history, get_run(run));
  return history.run;
}

Status SqlStore::add_backfill(const BackfillRecord& backfill,
                              const std::vector<BackfillPart>& parts) {
  return write(
      [&](SqlSession& session) { return sql_backfills::insert(session, backfill, parts); });
}

Result<BackfillRecord> SqlStore::find_backfill(const BackfillId& id) {
  return read([&](SqlSession& session) { return sql_backfills::find(session, id); });
}

Result<std::vector<BackfillRecord>> SqlStore::list_backfills(const std::optional<JobName>& job) {
  return read([&](SqlSession& session) { return sql_backfills::list(session, job); });
}

Result<std::vector<BackfillPart>> SqlStore::backfill_parts(const BackfillId& id) {
  return read([&](SqlSession& session) { return sql_backfills::parts(session, id); });
}

Result<bool> SqlStore::move_backfill(const BackfillId& id, const std::vector<BackfillState>& from,
                                     BackfillState to, const std::string& note) {
  return write([&](SqlSession& session) -> Result<bool> {
    TM_TRY(const UtcMicros now, session.now());
    return sql_backfills::move(session, id, from, to, note, now);
  });
}

Result<bool> SqlStore::resume_backfill(const BackfillId& id, const BackfillResume& resume) {
  return write([&](SqlSession& session) { return sql_backfills::resume(session, id, resume); });
}

Result<std::vector<FireRecord>> SqlStore::finish_backfill(const BackfillId& id,
                                                          const std::vector<FireRecord>& behind) {
  return write([&](SqlSession& session) { return sql_backfills::finish(session, id, behind); });
}

Result<std::vector<BackfillRecord>> SqlStore::detached_backfills() {
  return read([&](SqlSession& session) { return sql_backfills::detached(session); });
}

Result<std::optional<BackfillRecord>> SqlStore::claim_backfill(const BackfillClaim& claim) {
  return write([&](SqlSession& session) { return sql_backfills::claim(session, claim); });
}

Status SqlStore::release_backfill(const BackfillRecord& backfill) {
  return write([&](SqlSession& session) { return sql_backfills::release(session, backfill); });
}

Status SqlStore::update_part(const BackfillRecord& backfill, const BackfillPart& part) {
  return write([&](SqlSession& session) { return sql_backfills::update(session, backfill, part); });
}

Status SqlStore::begin_run(const RunStart& start) {
  return write([&](SqlSession& session) -> Status {
    TM_TRY(std::optional<JobRecord> job, sql_rows::find_job(session, start.job));
    if (!job) return unknown_job(start.job);
    TM_TRY(const UtcMicros now, session.now());
    return sql_writes::begin_run(session, start, now);
  });
}

Result<StreamMark> SqlStore::plan_stream(const RunId& run, const PlannedStream& plan) {
  return write([&](SqlSession& session) -> Result<StreamMark> {
    TM_TRY(const UtcMicros now, session.now());
    return sql_writes::plan_stream(session, run, plan, now);
  });
}

Result<StreamMark> SqlStore::transition(const Transition& step) {
  const auto work = [&](SqlSession& session) -> Result<StreamMark> {
    TM_TRY(const UtcMicros now, session.now());
    return sql_writes::transition(session, step, now);
  };
  return is_found_again(step.to) ? write_behind(work) : write(work);
}

Status SqlStore::finish_run(const RunFinish& finish) {
  return write([&](SqlSession& session) -> Status {
    TM_TRY(const UtcMicros now, session.now());
    return sql_writes::finish_run(session, finish, now);
  });
}

Status SqlStore::record_idle_run(const JobRecord& job, const RunStart& start,
                                 const RunFinish& finish) {
  return write([&](SqlSession& session) -> Status {
    TM_TRY(const bool is_current, job_is_current(session, job));
    TM_TRY(const UtcMicros now, session.now());
    if (!is_current) TM_CHECK(sql_writes::upsert_job(session, job, now));
    TM_CHECK(sql_writes::begin_run(session, start, now));
    return sql_writes::finish_run(session, finish, now);
  });
}

Result<std::vector<RunRecord>> SqlStore::list_runs(const RunFilter& filter) {
  return read([&](SqlSession& session) -> Result<std::vector<RunRecord>> {
    if (filter.before) TM_CHECK(require_run(session, *filter.before));
    return list(session, filter);
  });
}

Result<RunHistory> SqlStore::get_run(const RunId& run) {
  return read([&](SqlSession& session) -> Result<RunHistory> {
    TM_TRY(std::string plan_json, plan_of(session, run));
    TM_TRY(auto rows, session.prepare(std::string(sql_rows::select_runs) + "WHERE r.run_id = ?"));
    rows.bind_text(0, run.get());
    TM_TRY(std::optional<RunRecord> found, first_of(sql_rows::read_runs(session, rows)));
    if (!found) return sql_rows::unknown_run(run);
    RunHistory history;
    history.run = std::move(*found);
    history.run.plan_json = std::move(plan_json);
    TM_TRY(history.events, sql_rows::read_events(session, run));
    return history;
  });
}

Result<std::optional<RunRecord>> SqlStore::last_run(const JobName& job) {
  return read([&](SqlSession& session) {
    RunFilter filter;
    filter.job = job;
    filter.limit = 1;
    return first_of(list(session, filter));
  });
}

Result<std::vector<RunRecord>> SqlStore::unfinished_runs(const std::optional<JobName>& job) {
  TM_TRY(std::vector<RunRecord> runs,
         read([&](SqlSession& session) -> Result<std::vector<RunRecord>> {
           TM_TRY(auto rows,
                  session.prepare(std::string(sql_rows::select_runs) + "WHERE r.run_end IS NULL " +
                                  (job ? "AND r.job_id = ? " : "") +
                                  "ORDER BY r.job_id, r.run_start, r.run_id"));
           if (job) rows.bind_text(0, job_id_of(*job).get());
           return sql_rows::read_runs(session, rows);
         }));
  // By jobs in SQL, since that is the order of the index of the few; by their begin alone, SQLite
  // reads all runs there ever were.
  std::stable_sort(runs.begin(), runs.end(), [](const RunRecord& left, const RunRecord& right) {
    return std::tie(left.started_at, left.run.get()) < std::tie(right.started_at, right.run.get());
  });
  return runs;
}

Result<std::optional<RunWindow>> SqlStore::last_loaded(const StreamId& stream) {
  return read([&](SqlSession& session) { return sql_rows::last_loaded(session, stream); });
}

Result<std::vector<RunWindow>> SqlStore::blocked_windows(const JobName& job) {
  return read([&](SqlSession& session) { return sql_rows::blocked_windows(session, job); });
}

}  // namespace tidemark
