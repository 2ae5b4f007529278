#include "store/sqlite_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "env/failpoints.h"
#include "store/migrations.h"
#include "store/sqlite_backfills.h"
#include "store/sqlite_fires.h"
#include "store/sqlite_leases.h"
#include "store/sqlite_rows.h"
#include "store/sqlite_writes.h"

namespace tidemark {
namespace {

using sqlite::Transaction;

// The durable step of every write.
Status commit(Transaction& transaction) {
  TM_FAILPOINT(store_commit);
  TM_CHECK(transaction.commit());
  TM_FAILPOINT(store_committed);
  return {};
}

bool says_the_same(const JobRecord& a, const JobRecord& b) {
  return a.schedule_cron == b.schedule_cron && a.source_dsn == b.source_dsn &&
         a.source_query == b.source_query && a.transform_ref == b.transform_ref &&
         a.target_table == b.target_table && a.load_strategy == b.load_strategy &&
         a.watermark_col == b.watermark_col && a.enabled == b.enabled && a.spec_hash == b.spec_hash;
}

Result<bool> job_is_current(sqlite::Database& database, const JobRecord& job) {
  TM_TRY(std::optional<JobRecord> stored, sqlite_rows::find_job(database, job.name));
  return stored.has_value() && says_the_same(*stored, job);
}

Result<std::optional<RunRecord>> first_of(Result<std::vector<RunRecord>> runs) {
  if (!runs.ok()) return std::move(runs).error();
  if (runs->empty()) return std::optional<RunRecord>();
  return std::optional<RunRecord>(std::move(runs->front()));
}

// `list_runs` for every filter: newest first, optionally of one job, optionally older than one run.
Result<std::vector<RunRecord>> list(sqlite::Database& database, const RunFilter& filter) {
  std::string sql(sqlite_rows::select_runs);
  sql += "WHERE ";
  sql += filter.job ? "r.job_id = ?1 " : "?1 IS NULL ";
  if (filter.before) {
    sql +=
        "AND (r.run_start, r.run_id) < (SELECT run_start, run_id FROM etl_runs WHERE run_id = ?3) ";
  }
  sql += "ORDER BY r.run_start DESC, r.run_id DESC LIMIT ?2";
  TM_TRY(auto rows, database.prepare(sql));
  filter.job ? rows.bind_text(0, job_id_of(*filter.job).get()) : rows.bind_null(0);
  rows.bind_int64(1, std::clamp(filter.limit, 1, 1000));
  if (filter.before) rows.bind_text(2, filter.before->get());
  return sqlite_rows::read_runs(database, rows);
}

Status require_run(sqlite::Database& database, const RunId& run) {
  TM_TRY(auto rows, database.prepare("SELECT 1 FROM etl_runs WHERE run_id = ?"));
  TM_TRY(bool has_row, rows.bind_text(0, run.get()).step());
  if (!has_row) return sqlite_rows::unknown_run(run);
  return {};
}

Result<std::string> plan_of(sqlite::Database& database, const RunId& run) {
  TM_TRY(auto rows, database.prepare("SELECT plan_json FROM etl_runs WHERE run_id = ?"));
  TM_TRY(bool has_row, rows.bind_text(0, run.get()).step());
  if (!has_row) return sqlite_rows::unknown_run(run);
  return std::string(rows.text_at(0));
}

Error unknown_job(const JobName& job) {
  return internal_error("store.unknown_job", "the store does not know the job " + job.get());
}

}  // namespace

SqliteStore::SqliteStore(sqlite::Database database, const Clock& clock)
    : database_(std::move(database)), clock_(clock) {}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::filesystem::path& path,
                                                       const Clock& clock) {
  sqlite::OpenOptions options;
  options.path = path.string();
  TM_TRY(sqlite::Database database, sqlite::Database::open(options));
  TM_CHECK(migrate(database, clock, store_migrations()));
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(database), clock));
}

Status SqliteStore::upsert_job(const JobRecord& job) {
  std::lock_guard guard(mutex_);
  TM_TRY(bool is_current, job_is_current(database_, job));
  if (is_current) return {};
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_CHECK(sqlite_writes::upsert_job(database_, job, clock_.now_utc()));
  return commit(transaction);
}

Result<std::optional<JobRecord>> SqliteStore::find_job(const JobName& job) {
  std::lock_guard guard(mutex_);
  return sqlite_rows::find_job(database_, job);
}

Result<std::vector<JobRecord>> SqliteStore::list_jobs() {
  std::lock_guard guard(mutex_);
  return sqlite_rows::list_jobs(database_);
}

Result<std::optional<std::string>> SqliteStore::spec_text(const std::string& spec_hash) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto rows, database_.prepare("SELECT texts FROM etl_job_texts WHERE spec_hash = ?"));
  TM_TRY(const bool has_row, rows.bind_text(0, spec_hash).step());
  if (!has_row) return std::optional<std::string>();
  return rows.optional_text_at(0);
}

Result<std::string> SqliteStore::source_memory(const StreamId& stream) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto rows,
         database_.prepare("SELECT memory FROM etl_source_memory WHERE job_id = ? AND stream = ?"));
  TM_TRY(const bool has_row,
         rows.bind_text(0, job_id_of(stream.job).get()).bind_text(1, stream.stream.get()).step());
  return has_row ? std::string(rows.text_at(0)) : std::string();
}

Result<std::optional<KeptProof>> SqliteStore::proof(const StreamId& stream) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto rows, database_.prepare(
                        "SELECT proof, proved_at FROM etl_proofs WHERE job_id = ? AND stream = ?"));
  TM_TRY(const bool has_row,
         rows.bind_text(0, job_id_of(stream.job).get()).bind_text(1, stream.stream.get()).step());
  if (!has_row) return std::optional<KeptProof>();
  KeptProof proof{std::string(rows.text_at(0)), std::nullopt};
  if (!rows.is_null(1)) {
    TM_TRY(proof.proved_at, parse_utc(rows.text_at(1)));
  }
  return std::optional(std::move(proof));
}

Status SqliteStore::keep_proof(const StreamId& stream, const KeptProof& proof) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(auto keep, database_.prepare("INSERT OR REPLACE INTO etl_proofs (job_id, stream, proof, "
                                      "proved_at) VALUES (?, ?, ?, ?)"));
  keep.bind_text(0, job_id_of(stream.job).get())
      .bind_text(1, stream.stream.get())
      .bind_text(2, proof.text);
  if (proof.proved_at) keep.bind_text(3, to_text(*proof.proved_at));
  TM_CHECK(keep.run());
  return commit(transaction);
}

Status SqliteStore::set_last_watermark(const JobName& job, const std::string& watermark) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(auto update, database_.prepare("UPDATE etl_jobs SET last_watermark = ? WHERE name = ?"));
  TM_CHECK(update.bind_text(0, watermark).bind_text(1, job.get()).run());
  if (database_.changed_rows() != 1) return unknown_job(job);
  return commit(transaction);
}

Result<bool> SqliteStore::take_fire(const JobName& job, UtcMicros fire, const std::string& owner,
                                    const std::string& skipped) {
  FireRecord record;
  record.job = job;
  record.fire = fire;
  record.state = skipped.empty() ? FireState::waiting : FireState::skipped;
  record.reason = skipped;
  record.owner = owner;
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(const bool taken, sqlite_fires::insert(database_, record));
  TM_CHECK(commit(transaction));
  return taken;
}

Status SqliteStore::update_fire(const FireRecord& fire) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_CHECK(sqlite_fires::update(database_, fire));
  return commit(transaction);
}

Result<std::vector<FireRecord>> SqliteStore::open_fires() {
  std::lock_guard guard(mutex_);
  return sqlite_fires::open(database_);
}

Result<std::vector<FireRecord>> SqliteStore::list_fires(const JobName& job, int limit) {
  std::lock_guard guard(mutex_);
  return sqlite_fires::list(database_, job, limit);
}

Result<std::int64_t> SqliteStore::forget_fires(UtcMicros before) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(const std::int64_t count, sqlite_fires::forget(database_, before));
  TM_CHECK(commit(transaction));
  return count;
}

Result<Fence> SqliteStore::claim(const LeaseClaim& claim) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(const Fence token, sqlite_leases::claim(database_, claim, clock_.now_utc()));
  TM_CHECK(commit(transaction));
  return token;
}

Status SqliteStore::renew(const JobName& job, Fence token, std::chrono::milliseconds ttl) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_CHECK(sqlite_leases::renew(database_, job, token, ttl, clock_.now_utc()));
  return commit(transaction);
}

Status SqliteStore::give_back(const JobName& job, Fence token) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_CHECK(sqlite_leases::give_back(database_, job, token));
  return commit(transaction);
}

Result<std::optional<LeaseRecord>> SqliteStore::find_lease(const JobName& job) {
  std::lock_guard guard(mutex_);
  return sqlite_leases::find(database_, job);
}

Result<RunRecord> SqliteStore::take_over(const RunId& run, Fence token) {
  {
    std::lock_guard guard(mutex_);
    TM_TRY(auto transaction, Transaction::begin(database_));
    TM_CHECK(sqlite_writes::take_over(database_, run, token, clock_.now_utc()));
    TM_CHECK(commit(transaction));
  }
  TM_TRY(RunHistory history, get_run(run));
  return history.run;
}

Status SqliteStore::add_backfill(const BackfillRecord& backfill,
                                 const std::vector<BackfillPart>& parts) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_CHECK(sqlite_backfills::insert(database_, backfill, parts));
  return commit(transaction);
}

Result<BackfillRecord> SqliteStore::find_backfill(const BackfillId& id) {
  std::lock_guard guard(mutex_);
  return sqlite_backfills::find(database_, id);
}

Result<std::vector<BackfillRecord>> SqliteStore::list_backfills(const std::optional<JobName>& job) {
  std::lock_guard guard(mutex_);
  return sqlite_backfills::list(database_, job);
}

Result<std::vector<BackfillPart>> SqliteStore::backfill_parts(const BackfillId& id) {
  std::lock_guard guard(mutex_);
  return sqlite_backfills::parts(database_, id);
}

Result<bool> SqliteStore::move_backfill(const BackfillId& id,
                                        const std::vector<BackfillState>& from, BackfillState to,
                                        const std::string& note) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(const bool moved, sqlite_backfills::move(database_, id, from, to, note, clock_.now_utc()));
  TM_CHECK(commit(transaction));
  return moved;
}

Status SqliteStore::update_part(const BackfillId& id, const BackfillPart& part) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_CHECK(sqlite_backfills::update(database_, id, part));
  return commit(transaction);
}

Status SqliteStore::begin_run(const RunStart& start) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(std::optional<JobRecord> job, sqlite_rows::find_job(database_, start.job));
  if (!job) return unknown_job(start.job);
  TM_CHECK(sqlite_writes::begin_run(database_, start, clock_.now_utc()));
  return commit(transaction);
}

Result<StreamMark> SqliteStore::plan_stream(const RunId& run, const PlannedStream& plan) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(StreamMark mark, sqlite_writes::plan_stream(database_, run, plan, clock_.now_utc()));
  TM_CHECK(commit(transaction));
  return mark;
}

Result<StreamMark> SqliteStore::transition(const Transition& step) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(StreamMark mark, sqlite_writes::transition(database_, step, clock_.now_utc()));
  TM_CHECK(commit(transaction));
  return mark;
}

Status SqliteStore::finish_run(const RunFinish& finish) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_CHECK(sqlite_writes::finish_run(database_, finish, clock_.now_utc()));
  return commit(transaction);
}

Status SqliteStore::record_idle_run(const JobRecord& job, const RunStart& start,
                                    const RunFinish& finish) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_));
  TM_TRY(bool is_current, job_is_current(database_, job));
  UtcMicros now = clock_.now_utc();
  if (!is_current) TM_CHECK(sqlite_writes::upsert_job(database_, job, now));
  TM_CHECK(sqlite_writes::begin_run(database_, start, now));
  TM_CHECK(sqlite_writes::finish_run(database_, finish, now));
  return commit(transaction);
}

Result<std::vector<RunRecord>> SqliteStore::list_runs(const RunFilter& filter) {
  std::lock_guard guard(mutex_);
  // One snapshot for the runs and their streams.
  TM_TRY(auto transaction, Transaction::begin(database_, Transaction::Kind::read));
  if (filter.before) TM_CHECK(require_run(database_, *filter.before));
  return list(database_, filter);
}

Result<RunHistory> SqliteStore::get_run(const RunId& run) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_, Transaction::Kind::read));
  TM_TRY(std::string plan_json, plan_of(database_, run));
  TM_TRY(auto rows,
         database_.prepare(std::string(sqlite_rows::select_runs) + "WHERE r.run_id = ?"));
  rows.bind_text(0, run.get());
  TM_TRY(std::optional<RunRecord> found, first_of(sqlite_rows::read_runs(database_, rows)));
  if (!found) return sqlite_rows::unknown_run(run);
  RunHistory history;
  history.run = std::move(*found);
  history.run.plan_json = std::move(plan_json);
  TM_TRY(history.events, sqlite_rows::read_events(database_, run));
  return history;
}

Result<std::optional<RunRecord>> SqliteStore::last_run(const JobName& job) {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_, Transaction::Kind::read));
  RunFilter filter;
  filter.job = job;
  filter.limit = 1;
  return first_of(list(database_, filter));
}

Result<std::vector<RunRecord>> SqliteStore::unfinished_runs() {
  std::lock_guard guard(mutex_);
  TM_TRY(auto transaction, Transaction::begin(database_, Transaction::Kind::read));
  TM_TRY(auto rows, database_.prepare(std::string(sqlite_rows::select_runs) +
                                      "WHERE r.run_end IS NULL ORDER BY r.run_start, r.run_id"));
  return sqlite_rows::read_runs(database_, rows);
}

Result<std::optional<RunWindow>> SqliteStore::last_loaded(const StreamId& stream) {
  std::lock_guard guard(mutex_);
  return sqlite_rows::last_loaded(database_, stream);
}

Result<std::vector<RunWindow>> SqliteStore::blocked_windows(const JobName& job) {
  std::lock_guard guard(mutex_);
  return sqlite_rows::blocked_windows(database_, job);
}

}  // namespace tidemark
