// Store: Tidemark's own memory of jobs and runs. Values in, values out.
//
// `app/` owns one Store for the life of the process. Every method is safe from any thread, blocks
// on the database, and is one transaction: after a failure nothing of it is stored, after a success
// all of it survives a power cut. The target's ledger, not the store, is the authority on what is
// loaded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/named.h"
#include "base/result.h"
#include "store/records.h"

namespace tidemark {

// From when on runs may be forgotten, see forget_runs(); nothing: never.
struct OldRuns {
  std::optional<UtcMicros> idle;
  std::optional<UtcMicros> rest;
};

class Store {
 public:
  virtual ~Store() = default;

  // Inserts or updates by name; last_watermark and earlier runs stay. Writes nothing when nothing
  // changed. Durable with what is written next.
  virtual Status upsert_jobs(const std::vector<JobRecord>& jobs) = 0;
  Status upsert_job(const JobRecord& job) { return upsert_jobs({job}); }
  virtual Result<std::optional<JobRecord>> find_job(const JobName& job) = 0;
  virtual Result<std::vector<JobRecord>> list_jobs() = 0;
  // What a job said whose record had this hash; nothing where none was kept.
  virtual Result<std::optional<std::string>> spec_text(const std::string& spec_hash) = 0;
  // What the source of a stream wanted to be told at the next run; empty where nothing was kept.
  virtual Result<std::string> source_memory(const StreamId& stream) = 0;
  // What comparisons of a stream proved; nothing where none was kept.
  virtual Result<std::optional<KeptProof>> proof(const StreamId& stream) = 0;
  // In the place of the one before. The job must have been upserted.
  virtual Status keep_proof(const StreamId& stream, const KeptProof& proof) = 0;
  // Durable with the end of its run.
  virtual Status set_last_watermark(const JobName& job, const std::string& watermark) = 0;

  // Takes the job's lease: free, given back, not renewed in time, or of a process that is gone.
  // Returns its new token, larger than all before and than `above`. Error `run.leased` names who
  // holds it; the lease is wanted then for ten seconds, or until somebody gets it who does not
  // yield. The job must have been upserted. A lease reduces overlap; what protects the data is the
  // token in the target's ledger.
  virtual Result<Fence> claim(const LeaseClaim& claim) = 0;
  // For `ttl` from now. `run.lease_lost` when somebody else has taken it.
  virtual Status renew(const JobName& job, Fence token, std::chrono::milliseconds ttl) = 0;
  // Idempotent; nothing happens where it is somebody else's. finish_run gives it back too.
  virtual Status give_back(const JobName& job, Fence token) = 0;
  virtual Result<std::optional<LeaseRecord>> find_lease(const JobName& job) = 0;
  // The streams of an unfinished run get the fence `token`, so that whoever ran it before can move
  // them no more. Returns the run as it stands after. `store.stale` when a stream has that fence or
  // a larger one: whoever claimed the lease later has taken the run over already.
  virtual Result<RunRecord> take_over(const RunId& run, Fence token) = 0;

  // Fires of tasks' schedules, for their `owner` or for whoever claims them, as `waiting` or, with
  // a reason, as `skipped`; in their order, all or none. Each is taken once. The answers are in the
  // order of the offers. The jobs must have been upserted. In a store of this machine alone they
  // are on the disk with what comes of them at the latest: a machine that falls before has not
  // taken them.
  virtual Result<std::vector<FireAnswer>> take_fires(const std::vector<FireOffer>& offers) = 0;
  Result<FireAnswer> take_fire(const FireRecord& fire, OnOpen on_open) {
    TM_TRY(std::vector<FireAnswer> answers, take_fires({{fire, on_open}}));
    return std::move(answers.front());
  }
  // In the place of what was stored, on the disk as take_fires() says. `store.stale` where it has
  // ended, or is not its owner's.
  virtual Status update_fire(const FireRecord& fire) = 0;
  // The same, and from then on anybody's.
  virtual Status release_fire(const FireRecord& fire) = 0;
  // The fire, which its owner runs, comes to its load, with the pool and label that `fire` says.
  // False, and nothing is changed, where `pools`, the places of all owners together, have none.
  virtual Result<bool> begin_load(const FireRecord& fire,
                                  const std::map<std::string, int>& pools) = 0;
  // Fires that nobody has and that may begin now become their claimer's: of each job one, where
  // nobody has another of it, the one that is to be loaded or else its oldest; those of higher
  // priority first, among equals the job that was claimed longest ago. Each is given to one. What
  // ran when it was released says `running`.
  virtual Result<std::vector<FireRecord>> claim_fires(const FireClaim& claim) = 0;
  // The server lives; what waits of one that leaves is nobody's. Fires of others that were silent
  // for `dead_after`, where that is said, or are certainly gone, are nobody's from then on.
  virtual Result<ServerView> server_lives(const ServerRecord& server,
                                          std::optional<std::chrono::milliseconds> dead_after) = 0;
  // It lives no more, and says so; its fires are nobody's.
  virtual Status server_leaves(const std::string& owner) = 0;
  // Those that said so since they were silent last, or are silent, oldest first.
  virtual Result<std::vector<ServerRecord>> list_servers() = 0;
  // What fires of these tasks that nobody has say of their jobs: priority, pool, label.
  virtual Status describe_fires(const std::vector<FireRecord>& fires) = 0;
  // All that have not ended become this owner's, whoever had them. For a project that one process
  // owns.
  virtual Status adopt_fires(const std::string& owner) = 0;
  // Those that have not ended, oldest first.
  virtual Result<std::vector<FireRecord>> open_fires() = 0;
  // Runs of jobs that ended well or not, not left out, at `since` by the store's clock or later.
  virtual Result<std::vector<FireRecord>> ended_fires(UtcMicros since) = 0;
  // Of a task, newest first.
  virtual Result<std::vector<FireRecord>> list_fires(const Task& task, int limit) = 0;
  // What these jobs watch as they followed it last; nothing of those that never did.
  virtual Result<std::vector<SeenChange>> seen_changes(const std::vector<JobName>& jobs) = 0;
  // In the place of `before`, what is stored; `seen_at` is now. False, and nothing is done, where
  // something else is stored: another server was quicker. The job must have been upserted.
  virtual Result<bool> note_change(const SeenChange& now,
                                   const std::optional<SeenChange>& before) = 0;
  // The same together with a fire for it. Its time is just after the job's newest where it is not
  // later. Nothing is done, too, where one goes on that leaves out what comes meanwhile.
  virtual Result<FireAnswer> take_change(const FireOffer& offer, const SeenChange& now,
                                         const std::optional<SeenChange>& before) = 0;
  // The newest runs of these jobs that loaded something or took something out, as words with spaces
  // between; empty: there is none.
  virtual Result<std::string> loads_of(const std::vector<JobName>& jobs) = 0;
  // Forgets up to `limit` fires of before that have ended, but of each task the newest one; how
  // many those were.
  virtual Result<std::int64_t> forget_fires(UtcMicros before, int limit) = 0;
  // Forgets up to `limit` runs that ended before, with their events: runs that read nothing before
  // `idle`, others before `rest`. Of each job the newest stays, and of each stream the last that
  // loaded it and those that are blocked since; also what refused rows, which may still be open.
  virtual Result<std::int64_t> forget_runs(const OldRuns& old, int limit) = 0;

  // A backfill and its parts, cut once and for all; durable when this returns. The job must have
  // been upserted.
  virtual Status add_backfill(const BackfillRecord& backfill,
                              const std::vector<BackfillPart>& parts) = 0;
  // `backfill.unknown` where there is none.
  virtual Result<BackfillRecord> find_backfill(const BackfillId& id) = 0;
  // Newest first; of one job, or of all.
  virtual Result<std::vector<BackfillRecord>> list_backfills(const std::optional<JobName>& job) = 0;
  // Oldest first.
  virtual Result<std::vector<BackfillPart>> backfill_parts(const BackfillId& id) = 0;
  // From one of the states `from` to `to`; false where it is in another. `to` other than `running`
  // sets its end, and `cancelled` skips the parts that wait.
  virtual Result<bool> move_backfill(const BackfillId& id, const std::vector<BackfillState>& from,
                                     BackfillState to, const std::string& note) = 0;
  // One that runs, is paused or has failed runs from now on; false where it has ended otherwise.
  virtual Result<bool> resume_backfill(const BackfillId& id, const BackfillResume& resume) = 0;
  // One that runs is done, and with that each of `behind` is taken, as a fire just after the newest
  // of its task that follows what that one did: so each comes once for a backfill. As they are
  // stored; none where the backfill does not run.
  virtual Result<std::vector<FireRecord>> finish_backfill(
      const BackfillId& id, const std::vector<FireRecord>& behind) = 0;
  // Those that run, for services, oldest first.
  virtual Result<std::vector<BackfillRecord>> detached_backfills() = 0;
  // The oldest of them of a job becomes its claimer's; nothing where another lives that has it,
  // where a run wants the job, or where no place is left.
  virtual Result<std::optional<BackfillRecord>> claim_backfill(const BackfillClaim& claim) = 0;
  // Nobody's again. Idempotent; nothing happens where it is somebody else's.
  virtual Status release_backfill(const BackfillRecord& backfill) = 0;
  // In the place of what was stored of the part with that number. `store.stale` where the backfill
  // has another owner by now than `backfill` says.
  virtual Status update_part(const BackfillRecord& backfill, const BackfillPart& part) = 0;

  // The name of the one stage that all servers of this store reach; `offered` is it from then on
  // where there was none. Nothing where none was offered either.
  virtual Result<std::optional<std::string>> shared_stage(
      const std::optional<std::string>& offered) = 0;

  // The run and the windows of all streams known now. The job must have been upserted.
  virtual Status begin_run(const RunStart& start) = 0;
  // A stream found after the run began. Its window is durable when this returns; only then read.
  virtual Result<StreamMark> plan_stream(const RunId& run, const PlannedStream& plan) = 0;

  // Compare-and-set on (state, version, fence), plus one event. Returns the new mark. `store.stale`
  // when the store holds another mark: somebody else moved the stream, so stop.
  // `store.illegal_transition` when `to` cannot follow. Not idempotent: ask get_run after an error
  // that leaves the outcome open. Durable when it returns are a window, a stage, the begin of a
  // load and each end that is not a success; the others with the next of these, or with
  // finish_run().
  virtual Result<StreamMark> transition(const Transition& step) = 0;
  // Ends the run; `last_steps` and the end are one transaction. Ending it twice is `store.stale`.
  virtual Status finish_run(const RunFinish& finish) = 0;
  // begin_run and finish_run in one transaction, for a run that found nothing to do: one sync of
  // the disk. Its last steps start from version 1.
  virtual Status record_idle_run(const JobRecord& job, const RunStart& start,
                                 const RunFinish& finish) = 0;

  // Newest first, with streams, without plan_json.
  virtual Result<std::vector<RunRecord>> list_runs(const RunFilter& filter) = 0;
  // Whole, with events. `run.unknown` when there is none.
  virtual Result<RunHistory> get_run(const RunId& run) = 0;
  virtual Result<std::optional<RunRecord>> last_run(const JobName& job) = 0;
  // Runs without an end, of one job or of all, oldest first: running now, or left by a process that
  // died.
  virtual Result<std::vector<RunRecord>> unfinished_runs(
      const std::optional<JobName>& job = std::nullopt) = 0;
  // What was loaded last into a stream, as far as this store knows.
  virtual Result<std::optional<RunWindow>> last_loaded(const StreamId& stream) = 0;
  // Of each stream of a job: what blocked runs read, as long as no later run loaded the stream.
  virtual Result<std::vector<RunWindow>> blocked_windows(const JobName& job) = 0;
};

}  // namespace tidemark
