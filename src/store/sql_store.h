// SqlStore: the Store in a SqlDatabase, which is one of several systems.
//
// Owned by `app/`; opening brings the tables to this version. Methods are safe from any thread.
#pragma once

#include <filesystem>
#include <memory>
#include <type_traits>
#include <vector>

#include "env/clock.h"
#include "store/postgres_database.h"
#include "store/sql_session.h"
#include "store/store.h"

namespace tidemark {

class SqlStore final : public Store {
 public:
  // `store.newer` when a later version of Tidemark made tables that this one does not understand.
  static Result<std::unique_ptr<SqlStore>> open(std::unique_ptr<SqlDatabase> database);
  // In a file, which is made when it is missing; its folder must be there. The clock outlives the
  // store.
  static Result<std::unique_ptr<SqlStore>> open_sqlite(const std::filesystem::path& path,
                                                       const Clock& clock);
  static Result<std::unique_ptr<SqlStore>> open_postgres(const PostgresStoreOptions& options,
                                                         const Clock& clock);
  // For other tables of it. Lives as long as the store.
  SqlDatabase& database() { return *database_; }

  Status upsert_jobs(const std::vector<JobRecord>& jobs) override;
  Result<std::optional<JobRecord>> find_job(const JobName& job) override;
  Result<std::vector<JobRecord>> list_jobs() override;
  Result<std::optional<std::string>> spec_text(const std::string& spec_hash) override;
  Result<std::string> source_memory(const StreamId& stream) override;
  Result<std::optional<KeptProof>> proof(const StreamId& stream) override;
  Status keep_proof(const StreamId& stream, const KeptProof& proof) override;
  Status set_last_watermark(const JobName& job, const std::string& watermark) override;
  Result<Fence> claim(const LeaseClaim& claim) override;
  Status renew(const JobName& job, Fence token, std::chrono::milliseconds ttl) override;
  Status give_back(const JobName& job, Fence token) override;
  Result<std::optional<LeaseRecord>> find_lease(const JobName& job) override;
  Result<RunRecord> take_over(const RunId& run, Fence token) override;
  Result<std::vector<FireAnswer>> take_fires(const std::vector<FireOffer>& offers) override;
  Status update_fire(const FireRecord& fire) override;
  Status release_fire(const FireRecord& fire) override;
  Result<bool> begin_load(const FireRecord& fire, const std::map<std::string, int>& pools) override;
  Result<std::optional<std::string>> shared_stage(
      const std::optional<std::string>& offered) override;
  Result<std::vector<FireRecord>> claim_fires(const FireClaim& claim) override;
  Result<ServerView> server_lives(const ServerRecord& server,
                                  std::optional<std::chrono::milliseconds> dead_after) override;
  Status describe_fires(const std::vector<FireRecord>& fires) override;
  Status server_leaves(const std::string& owner) override;
  Result<std::vector<ServerRecord>> list_servers() override;
  Status adopt_fires(const std::string& owner) override;
  Result<std::vector<FireRecord>> ended_fires(UtcMicros since) override;
  Result<std::vector<FireRecord>> open_fires() override;
  Result<std::vector<FireRecord>> list_fires(const Task& task, int limit) override;
  Result<std::vector<SeenChange>> seen_changes(const std::vector<JobName>& jobs) override;
  Result<bool> note_change(const SeenChange& now, const std::optional<SeenChange>& before) override;
  Result<FireAnswer> take_change(const FireOffer& offer, const SeenChange& now,
                                 const std::optional<SeenChange>& before) override;
  Result<std::string> loads_of(const std::vector<JobName>& jobs) override;
  Result<std::int64_t> forget_fires(UtcMicros before, int limit) override;
  Result<std::int64_t> forget_runs(const OldRuns& old, int limit) override;
  Status add_backfill(const BackfillRecord& backfill,
                      const std::vector<BackfillPart>& parts) override;
  Result<BackfillRecord> find_backfill(const BackfillId& id) override;
  Result<std::vector<BackfillRecord>> list_backfills(const std::optional<JobName>& job) override;
  Result<std::vector<BackfillPart>> backfill_parts(const BackfillId& id) override;
  Result<bool> move_backfill(const BackfillId& id, const std::vector<BackfillState>& from,
                             BackfillState to, const std::string& note) override;
  Result<bool> resume_backfill(const BackfillId& id, const BackfillResume& resume) override;
  Result<std::vector<FireRecord>> finish_backfill(const BackfillId& id,
                                                  const std::vector<FireRecord>& behind) override;
  Result<std::vector<BackfillRecord>> detached_backfills() override;
  Result<std::optional<BackfillRecord>> claim_backfill(const BackfillClaim& claim) override;
  Status release_backfill(const BackfillRecord& backfill) override;
  Status update_part(const BackfillRecord& backfill, const BackfillPart& part) override;

  Status begin_run(const RunStart& start) override;
  Result<StreamMark> plan_stream(const RunId& run, const PlannedStream& plan) override;
  Result<StreamMark> transition(const Transition& step) override;
  Status finish_run(const RunFinish& finish) override;
  Status record_idle_run(const JobRecord& job, const RunStart& start,
                         const RunFinish& finish) override;
  Result<std::vector<RunRecord>> list_runs(const RunFilter& filter) override;
  Result<RunHistory> get_run(const RunId& run) override;
  Result<std::optional<RunRecord>> last_run(const JobName& job) override;
  Result<std::vector<RunRecord>> unfinished_runs(
      const std::optional<JobName>& job = std::nullopt) override;
  Result<std::optional<RunWindow>> last_loaded(const StreamId& stream) override;
  Result<std::vector<RunWindow>> blocked_windows(const JobName& job) override;

 private:
  explicit SqlStore(std::unique_ptr<SqlDatabase> database);
  // `work` of a session gives a Result, which is what comes back.
  template <class Work>
  std::invoke_result_t<Work, SqlSession&> read(Work work);
  template <class Work>
  std::invoke_result_t<Work, SqlSession&> write(
      Work work, std::optional<std::chrono::milliseconds> patience = std::nullopt);

  template <class Work>
  std::invoke_result_t<Work, SqlSession&> write_behind(Work work);

  Status want(const JobName& job);

  std::unique_ptr<SqlDatabase> database_;
};

}  // namespace tidemark
