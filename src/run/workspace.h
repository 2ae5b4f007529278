// Workspace: an opened project: its files, its engine and, for commands that run, its store under
// the owner's lock. What every command and, later, the service starts from.
//
// Made by app/ or a command; `claim` may block up to the given wait. Used from one thread, except
// recover_job() and the Runner, which says its own rule. Beside the Workspace that owns a project,
// its process may have others of the same project, each in a thread of its own.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connect/registry.h"
#include "connect/shared_guards.h"
#include "drivers/duckdb/engine.h"
#include "env/clock.h"
#include "env/files.h"
#include "env/randomness.h"
#include "observe/run_event.h"
#include "plan/plan.h"
#include "run/backfill_plan.h"
#include "run/job_finder.h"
#include "run/recovery.h"
#include "run/run_meter.h"
#include "run/runner.h"
#include "run/stage_upkeep.h"
#include "spec/connector_catalog.h"
#include "spec/project_load.h"
#include "store/audit_log.h"
#include "store/owner_lock.h"
#include "store/read_cache.h"
#include "store/sql_store.h"
#include "store/timed_database.h"

namespace tidemark {

class ProjectSecrets;
class Workspace;

// Of a project, for what is this machine's: the lock, the socket, what is spilled.
inline constexpr const char* state_folder = ".tidemark";

// What a process has before it knows a project. Owned by app/.
struct Surroundings {
  const ConnectorCatalog& catalog;
  const ConnectorRegistry& connectors;
  const Clock& clock;
  Files& files;
  Randomness& randomness;
  // The process ends by std::_Exit right after the work, so a Workspace closes its files and leaves
  // the engine's memory to the system.
  bool process_ends = false;
  // Is told how long the store took; nothing: nobody asks.
  StoreTook store_took = {};
  // Of the same project, claimed and its store open, and outlives this one: its engine, guards,
  // store and lock are used, and its settings hold, whatever tidemark.yaml says by now.
  Workspace* owner = nullptr;
  // The id that the one run which is begun here is to have; nothing: a new one.
  std::optional<RunId> run = std::nullopt;
  // Of the request over the network that asks for it, which has its account already; empty: a
  // command of this machine.
  std::string request = {};
};

struct ReplayOptions {
  bool allow_empty = false;
  bool as_it_was = false;         // with the job as it was in that run, not as it is now
  std::optional<std::string> to;  // a connection: into a new table there, not into the job's own
};

class Workspace {
 public:
  // Reads and checks the project's files; faults do not stop it, see faults().
  static Result<std::unique_ptr<Workspace>> open(const Surroundings& around,
                                                 const std::filesystem::path& dir);

  ~Workspace();

  const ProjectSpec& project() const { return loaded_.project; }
  const std::vector<JobSpec>& jobs() const { return loaded_.jobs; }
  const Faults& faults() const { return loaded_.faults; }
  // Why the store could not be asked for jobs that stand there; they are not among jobs() then.
  const std::optional<Error>& store_unasked() const { return loaded_.store_unasked; }
  // How often those were edited when they were read.
  std::int64_t stored_edit() const { return stored_edit_; }
  // The files that secrets of tidemark.yaml are read from.
  const std::vector<std::filesystem::path>& secret_files() const { return loaded_.secret_files; }
  const Clock& clock() const { return around_.clock; }
  // What a backfill of the job would do. Changes nothing, but where the project has a store it is
  // asked.
  Result<BackfillPlan> plan_backfill(const JobSpec& job, const BackfillRequest& request,
                                     Cancel& cancel);
  JobFinder finder() const { return {loaded_, around_.connectors}; }

  // Becomes the project's owner. `run.project_busy` when somebody else is.
  Status claim(const std::string& command, std::chrono::milliseconds wait, const Cancel& cancel);
  // Opens the store for reading history; makes it when it is missing.
  Result<Store*> store();
  // Into the audit log, durable with what the store writes next. REQUIRES claim().
  Status note(const AuditEntry& entry);
  // What stands beside the store for who looks on; null where the project has none, or its store
  // was not opened yet.
  ReadCache* cache() const { return held_->cache.get(); }
  duck::Engine& engine() { return *held_->engine; }
  const Guards& guards() const { return *held_->guards; }
  // Takes forward what a dead process left; runs of the jobs named go on now. Also done by run and
  // replay where nobody did, and again while they wait for a lease. REQUIRES claim().
  Status recover(const std::vector<JobName>& go_on, RunObserver& observer, Cancel& cancel);
  // Goes on with what was left of one job, as it is now, where it was begun so. From any thread,
  // once recover() was called.
  Result<std::vector<RunRecord>> recover_job(const JobSpec& job, RunObserver& observer,
                                             Cancel& cancel);
  // Goes on with one run of the job as it is now, where it was begun so. From any thread, once
  // recover() was called.
  Result<RunRecord> go_on_with(const RunId& run, const JobSpec& job, const GoOn& how,
                               RunObserver& observer, Cancel& cancel);
  // The runs that ended or went on by recovery, since it was asked last.
  std::vector<RunRecord> take_recovered() { return std::exchange(recovered_runs_, {}); }
  // A run under the lock. REQUIRES claim().
  Result<RunRecord> run(const JobSpec& job, const RunOptions& options, RunObserver& observer,
                        Cancel& cancel);
  // Loads what the run staged again, under the lock. REQUIRES claim().
  Result<RunRecord> replay(const RunId& past, const ReplayOptions& options, RunObserver& observer,
                           Cancel& cancel);
  // Loads the refused rows of a job that it takes now, or of those the ones with these ids, under
  // the lock. REQUIRES claim().
  Result<RunRecord> replay_refused(const std::string& job, const std::vector<std::string>& rows,
                                   RunObserver& observer, Cancel& cancel);
  // False until the first run makes its file or its schema: looking at the history should not.
  // Blocking.
  bool has_store() const;
  // The rows that the last run of the job refused when `stop_above` stopped it: Parquet files with
  // the columns of tidemark_quarantine. Empty when the last run was not stopped so.
  Result<std::vector<std::filesystem::path>> refused_files(const JobName& job);
  // What stands in the stage, and who still wants it. Changes nothing.
  Result<StageSurvey> survey_stages(const StageFilter& filter, Cancel& cancel);
  // A connection to the engine with the named connection attached. REQUIRES claim() for files we
  // own.
  // `tables` are the ones that will be read; empty means any.
  Result<std::unique_ptr<duck::Connection>> attach(const std::string& connection,
                                                   const std::vector<std::string>& tables,
                                                   Cancel& cancel);
  // The answer of a query in the connection's own SQL.
  Result<duck::Answer> answer(const std::string& connection, const std::string& sql,
                              Cancel& cancel);
  // The connections whose tables the job's steps and rules read. Any thread.
  std::set<std::string> connections_read(const JobSpec& job) const;
  // How the system behind a connection stands now.
  Result<ConnectionState> state_of(const ConnectionSpec& connection, Cancel& cancel);
  // What all processes use of the guards together; nothing where the store is for one process.
  Result<std::optional<std::vector<GuardShare>>> guard_shares();
  // What a table of a source lacks to be followed exactly; with `apply` it is done.
  Result<Preparation> prepare_source(const std::string& connection, const std::string& table,
                                     const std::string& column, bool apply, Cancel& cancel);
  Result<JobPlan> plan(const JobSpec& job, duck::Connection& engine, Cancel& cancel);

  // For work that stands above this folder. What a Runner works with:
  RunnerParts parts(Store& store, RunObserver& observer);
  // Is told of all runs of this process from now on, whoever begins them; outlives them.
  void watch_runs(RunObserver& watcher) { held_->watcher = &watcher; }
  // A run with an id of its own, which the lock shows while it goes on. REQUIRES claim().
  Result<RunRecord> in_lock(Store& store, RunObserver& observer,
                            const std::function<Result<RunRecord>(Runner&, const RunId&)>& conduct,
                            Cancel& cancel);

 private:
  explicit Workspace(const Surroundings& around) : around_(around) {}
  // Where a warehouse cannot be opened because a run of this project has it: that run, by name.
  Error or_who_holds_it(Error error) const;
  Status load(const std::filesystem::path& dir);
  Status show_run(const RunId& id);
  Status recover_now(RunObserver& observer, Cancel& cancel);
  LeftJob left_job(const RunRecord& left, const JobSpec& job, Store& store) const;
  Result<std::vector<RunRecord>> recover_left(RecoveryOptions options, RunObserver& observer,
                                              Cancel& cancel);
  Result<JobSpec> job_to_replay(const RunRecord& past, const ReplayOptions& options,
                                const RunId& id, Store& store) const;
  ConnectorContext looking(duck::Connection& engine) const;

  Surroundings around_;
  LoadedProject loaded_;
  std::int64_t stored_edit_ = 0;
  // What there is once in a process of a project.
  struct Held {
    std::shared_ptr<ProjectSecrets> secrets;  // asked by all that connects, so it goes last
    std::optional<OwnerLock> lock;
    std::unique_ptr<ReadCache> cache;  // hears of the store's writes, so it outlives the store
    std::unique_ptr<SqlStore> store;
    std::unique_ptr<duck::Engine> engine;
    std::unique_ptr<Guards> guards;
    std::unique_ptr<SharedGuards> shared_guards;  // where the store is PostgreSQL
    RunObserver* watcher = nullptr;               // of all runs; null: nobody
    ProcessorShares shares;
  };
  std::shared_ptr<Held> held_;
  bool recovered_ = false;
  std::vector<JobName> go_on_;
  std::vector<RunRecord> recovered_runs_;
  std::chrono::milliseconds wait_{};  // for a run of the same job elsewhere
};

}  // namespace tidemark
