#include "run/workspace.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "env/own_dir.h"
#include "env/process.h"
#include "plan/planner.h"
#include "run/cancel_watch.h"
#include "run/engine_sql_check.h"
#include "run/job_edit.h"
#include "run/project_cache.h"
#include "run/project_secrets.h"
#include "run/project_store.h"
#include "run/shared_stage.h"
#include "store/noted_database.h"

namespace tidemark {

namespace {

// The engine counts its buffers only; what it decodes, compresses and frees late comes on top.
// Measured with rows of 4 KB: the process holds up to 1.7 times the engine's limit.
std::int64_t engine_share(std::int64_t memory_bytes) {
  return memory_bytes / 10 * 6;
}

// With sessions of its own, so that nobody's work holds it up.
Result<std::unique_ptr<GuardShares>> open_guard_shares(const Surroundings& around,
                                                       const ProjectSpec& project) {
  TM_TRY(auto database,
         open_store_database(project.store, project.root, around.files, around.clock));
  return GuardShares::open(std::move(database), this_process(), project.lease);
}

bool is_shared(const ProjectSpec& project) {
  return !store_file(project.store, project.root);
}

// A service goes on with its settings for a moment after tidemark.yaml was changed.
Status has_connections(const ProjectSpec& project, const std::vector<JobSpec>& jobs) {
  for (const JobSpec& job : jobs) {
    for (const auto& name : {job.from.connection.value, job.to.connection.value}) {
      if (name.empty() || project.find_connection(name) != nullptr) continue;
      return user_error(
          "run.settings_changed",
          "the service does not know connection `" + name + "` of job `" + job.name.get() + "` yet",
          "ask again: it takes up the new tidemark.yaml when what runs has ended");
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Workspace>> Workspace::open(const Surroundings& around,
                                                   const std::filesystem::path& dir) {
  std::unique_ptr<Workspace> workspace(new Workspace(around));
  if (around.owner != nullptr) {
    workspace->held_ = around.owner->held_;
    TM_CHECK(workspace->load(dir));
    TM_CHECK(has_connections(around.owner->project(), workspace->jobs()));
    workspace->loaded_.project = around.owner->project();
    return workspace;
  }
  workspace->held_ = std::make_shared<Held>();
  Held& held = *workspace->held_;
  // The engine's parser checks the SQL of the files; the project's limits are known after.
  duck::EngineOptions options;
  options.threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 64U));
  TM_TRY(held.engine, duck::Engine::open(options));
  TM_CHECK(workspace->load(dir));
  const ProjectSpec& project = workspace->project();
  held.guards = std::make_unique<Guards>(project, around.clock);
  if (is_shared(project)) {
    held.shared_guards = std::make_unique<SharedGuards>(
        *held.guards, [around, spec = project] { return open_guard_shares(around, spec); },
        around.clock);
  }
  options.memory_bytes_max = engine_share(project.memory_bytes);
  options.spill_dir = (project.root / state_folder / "spill").string();
  TM_CHECK(held.engine->limit(options));
  return workspace;
}

Status Workspace::load(const std::filesystem::path& dir) {
  TM_TRY(auto connection, held_->engine->connect());
  EngineSqlCheck check(*connection);
  const bool first = held_->secrets == nullptr;
  if (first) held_->secrets = std::make_shared<ProjectSecrets>(around_.files, around_.clock);
  // Weak, since it holds the store's own password, which asks by this too.
  const auto ask = [held = std::weak_ptr(held_->secrets)](SecretPlace place,
                                                          const std::string& name) {
    const auto secrets = held.lock();
    if (secrets == nullptr)
      return Result<Secret>(internal_error("secret.no_store", "the project is closed"));
    return secrets->get(place, name);
  };
  const auto stored = [&](const ProjectSpec& project) -> Result<std::vector<StoredJobText>> {
    // The store may need one of its secrets.
    if (first) held_->secrets->take(project);
    // A service's store is where it was when the service began.
    const ProjectSpec& of = around_.owner == nullptr ? project : around_.owner->project();
    TM_TRY(const StoredJobs jobs, stored_jobs_of(of, around_.files, around_.clock));
    stored_edit_ = jobs.edit;
    return texts_of(jobs);
  };
  loaded_ = load_project(dir, around_.catalog, &check, {}, ask, stored);
  if (first) held_->secrets->take(loaded_.project);
  return {};
}

Workspace::~Workspace() {
  // Destroying the engine closes its files too, and says no more about it.
  if (held_ && held_->engine && around_.process_ends && held_->engine->close_files().ok())
    static_cast<void>(held_->engine.release());
}

Status Workspace::claim(const std::string& command, std::chrono::milliseconds wait,
                        const Cancel& cancel) {
  wait_ = wait;
  if (held_->lock) return {};
  const std::filesystem::path folder = project().root / state_folder;
  // It holds the store, with what tokens and secrets are known by, and stages with rows.
  TM_CHECK(make_own_dir(around_.files, folder));
  TM_TRY(OwnerLock lock,
         OwnerLock::acquire(folder, {::getpid(), {}, command}, wait, around_.clock, cancel));
  held_->lock.emplace(std::move(lock));
  return {};
}

Result<Store*> Workspace::store() {
  if (!held_->store) {
    TM_TRY(auto database,
           open_store_database(project().store, project().root, around_.files, around_.clock));
    TM_TRY(held_->cache,
           open_project_cache(project(), *database, around_.clock, around_.randomness));
    if (around_.store_took)
      database = time_work(std::move(database), around_.clock, around_.store_took);
    if (held_->cache != nullptr) database = note_writes(std::move(database), *held_->cache);
    TM_TRY(held_->store, SqlStore::open(std::move(database)));
  }
  return static_cast<Store*>(held_->store.get());
}

Status Workspace::note(const AuditEntry& entry) {
  TM_CHECK(store());
  return AuditLog(held_->store->database(), project().audit).append_behind(entry);
}

Result<RunRecord> Workspace::run(const JobSpec& job, const RunOptions& options,
                                 RunObserver& observer, Cancel& cancel) {
  TM_CHECK(recover({}, observer, cancel));
  TM_TRY(Store * store, this->store());
  return in_lock(
      *store, observer,
      [&](Runner& runner, const RunId& id) { return runner.run(id, job, options, cancel); },
      cancel);
}

Result<RunRecord> Workspace::replay(const RunId& past, const ReplayOptions& options,
                                    RunObserver& observer, Cancel& cancel) {
  TM_TRY(Store * store, this->store());
  TM_TRY(RunHistory history, store->get_run(past));
  // A trial leaves its job, and what is left of it, as it is.
  std::vector<JobName> go_on;
  if (!options.to) go_on.push_back(history.run.job);
  TM_CHECK(recover(go_on, observer, cancel));
  TM_TRY(history, store->get_run(past));
  return in_lock(
      *store, observer,
      [&](Runner& runner, const RunId& id) -> Result<RunRecord> {
        TM_TRY(const JobSpec job, job_to_replay(history.run, options, id, *store));
        return runner.replay(id, job, history.run, options.allow_empty, cancel);
      },
      cancel);
}

Result<JobSpec> Workspace::job_to_replay(const RunRecord& past, const ReplayOptions& options,
                                         const RunId& id, Store& store) const {
  const JobFinder find = finder();
  JobSpec job;
  if (options.as_it_was) {
    TM_TRY(job, find.as_in(past, store));
  } else {
    const JobName name = JobFinder::base_of(past.job);
    auto now = find.in_project(name.get());
    if (!now.ok()) {
      return user_error("user.no_job", "job `" + name.get() + "` is gone",
                        "look at what the run staged: add `--as-it-was --to CONNECTION`");
    }
    job = **now;
  }
  if (options.to) return find.trial(job, *options.to, id);
  if (past.job != job.name) {
    return user_error("user.trial",
                      "run " + past.run.get() + " was a trial of job `" + job.name.get() +
                          "`, which loaded nothing into its table",
                      "replay the run it loaded the stage of, or add `--to CONNECTION`");
  }
  if (options.as_it_was) TM_CHECK(find.loads_as_now(job));
  return job;
}

Result<RunRecord> Workspace::replay_refused(const std::string& name,
                                            const std::vector<std::string>& rows,
                                            RunObserver& observer, Cancel& cancel) {
  TM_TRY(const JobSpec* job, finder().in_project(name));
  TM_TRY(Store * store, this->store());
  TM_CHECK(recover({job->name}, observer, cancel));
  return in_lock(
      *store, observer,
      [&](Runner& runner, const RunId& id) {
        return runner.replay_refused(id, *job, rows, cancel);
      },
      cancel);
}

Result<RunRecord> Workspace::in_lock(
    Store& store, RunObserver& observer,
    const std::function<Result<RunRecord>(Runner&, const RunId&)>& conduct, Cancel& cancel) {
  constexpr std::chrono::milliseconds pause{100};
  Runner runner(parts(store, observer));
  const RunId id = around_.run ? *around_.run : runner.new_id();
  TM_CHECK(show_run(id));
  const auto deadline = around_.clock.monotonic() + wait_;
  while (true) {
    auto record = conduct(runner, id);
    const bool leased = !record.ok() && record.error().code == "run.leased";
    if (!leased || around_.clock.monotonic() > deadline || cancel.requested()) {
      TM_CHECK(show_run(RunId()));
      return record;
    }
    around_.clock.sleep(pause);
    // Who had the lease may have died meanwhile.
    TM_CHECK(recover_now(observer, cancel));
  }
}

// A service's lock says that it serves: many runs go on under it.
Status Workspace::show_run(const RunId& id) {
  return around_.owner == nullptr ? held_->lock->show_run(id) : Status();
}

RunnerParts Workspace::parts(Store& store, RunObserver& observer) {
  return {project(),      around_.connectors, store,    *held_->engine, around_.files,
          around_.clock,  around_.randomness, observer, *held_->guards, held_->watcher,
          &held_->shares, around_.request};
}

Status Workspace::recover(const std::vector<JobName>& go_on, RunObserver& observer,
                          Cancel& cancel) {
  TM_ASSERT(held_->lock.has_value());
  if (recovered_) return {};
  // Jobs that stand there and are not known are not gone.
  if (store_unasked()) return *store_unasked();
  if (project().stage.shared && around_.owner == nullptr) {
    TM_TRY(Store * store, this->store());
    TM_TRY(const SharedStage stage,
           SharedStage::open(project(), *store, around_.files, around_.randomness));
    TM_CHECK(stage.check());
  }
  go_on_ = go_on;
  TM_CHECK(recover_now(observer, cancel));
  recovered_ = true;
  return {};
}

Status Workspace::recover_now(RunObserver& observer, Cancel& cancel) {
  RecoveryOptions options;
  options.go_on = [&](const JobName& job) {
    return std::find(go_on_.begin(), go_on_.end(), job) != go_on_.end();
  };
  TM_TRY(std::vector<RunRecord> runs, recover_left(std::move(options), observer, cancel));
  for (RunRecord& run : runs)
    recovered_runs_.push_back(std::move(run));
  return {};
}

Result<std::vector<RunRecord>> Workspace::recover_job(const JobSpec& job, RunObserver& observer,
                                                      Cancel& cancel) {
  TM_TRY(Store * store, this->store());
  RecoveryOptions options;
  options.only = job.name;
  options.go_on = [](const JobName&) { return true; };
  options.job_of = [&](const RunRecord& left) { return left_job(left, job, *store); };
  return recover_runs(parts(*store, observer), options, cancel);
}

// The job may have been edited since this project was opened.
LeftJob Workspace::left_job(const RunRecord& left, const JobSpec& job, Store& store) const {
  if (left.spec_hash == job.content_hash) return {job, {}};
  LeftJob found = finder().of_left(left, store);
  if (found.why_not.empty()) found.why_not = "the job's file has been changed since";
  return found;
}

Result<RunRecord> Workspace::go_on_with(const RunId& run, const JobSpec& job, const GoOn& how,
                                        RunObserver& observer, Cancel& cancel) {
  TM_TRY(Store * store, this->store());
  const auto job_of = [&](const RunRecord& run_left) { return left_job(run_left, job, *store); };
  return tidemark::go_on_with(parts(*store, observer), run, job_of, how, cancel);
}

Result<std::vector<RunRecord>> Workspace::recover_left(RecoveryOptions options,
                                                       RunObserver& observer, Cancel& cancel) {
  TM_TRY(Store * store, this->store());
  const JobFinder find = finder();
  options.job_of = [&](const RunRecord& run) { return find.of_left(run, *store); };
  return recover_runs(parts(*store, observer), options, cancel);
}

bool Workspace::has_store() const {
  if (held_->store != nullptr) return true;
  // Whoever opens one that cannot be asked is told why.
  const auto there = has_project_store(project().store, project().root);
  return !there.ok() || *there;
}

Result<std::vector<std::filesystem::path>> Workspace::refused_files(const JobName& job) {
  std::vector<std::filesystem::path> files;
  if (!has_store()) return files;
  TM_TRY(Store * store, this->store());
  TM_TRY(std::optional<RunRecord> last, store->last_run(job));
  if (!last || last->state != RunState::blocked) return files;
  for (const StreamRecord& stream : last->streams) {
    if (!stream.stage_dir) continue;
    const std::filesystem::path file = refused_file(found_stage_dir(project(), *stream.stage_dir));
    std::error_code code;
    if (std::filesystem::exists(file, code)) files.push_back(file);
  }
  return files;
}

Result<StageSurvey> Workspace::survey_stages(const StageFilter& filter, Cancel& cancel) {
  // Jobs that stand there and are not known are not gone.
  if (store_unasked()) return *store_unasked();
  Store* history = nullptr;
  if (has_store()) {
    TM_TRY(history, store());
  }
  const UpkeepParts parts{project(),      jobs(),        around_.connectors, history,
                          *held_->engine, around_.files, around_.clock};
  TM_TRY(StageSurvey survey, tidemark::survey_stages(parts, filter, cancel));
  for (Error& error : survey.unasked)
    error = or_who_holds_it(std::move(error));
  return survey;
}

Result<std::unique_ptr<duck::Connection>> Workspace::attach(const std::string& name,
                                                            const std::vector<std::string>& tables,
                                                            Cancel& cancel) {
  TM_TRY(const ConnectionSpec* connection, finder().connection(name));
  TM_TRY(auto engine, held_->engine->connect());
  TM_TRY(const Connector* connector, around_.connectors.of(*connection));
  const ConnectorContext context = looking(*engine);
  Status attached = connector->attach(*connection, tables, context, cancel);
  if (!attached.ok()) return or_who_holds_it(std::move(attached).error());
  TM_CHECK(connector->refresh(*connection, tables, context, cancel));
  return engine;
}

ConnectorContext Workspace::looking(duck::Connection& engine) const {
  return {project(), engine, "tidemark query", true, held_->guards.get(), "query"};
}

Error Workspace::or_who_holds_it(Error error) const {
  const std::filesystem::path folder = project().root / state_folder;
  std::error_code code;
  const bool may_be_a_run =
      error.code == "target.file_unusable" && !held_->lock && std::filesystem::exists(folder, code);
  if (!may_be_a_run) return error;
  auto lock = OwnerLock::acquire(folder, {::getpid(), {}, "look"}, std::chrono::milliseconds(0),
                                 around_.clock, Cancel());
  if (lock.ok() || lock.error().code != "run.project_busy") return error;
  Error busy = std::move(lock).error();
  busy.hint =
      "its warehouse is one file, which one process has open at a time; look again when the "
      "run has ended";
  return busy;
}

Result<duck::Answer> Workspace::answer(const std::string& name, const std::string& sql,
                                       Cancel& cancel) {
  TM_TRY(const ConnectionSpec* connection, finder().connection(name));
  TM_TRY(auto engine, held_->engine->connect());
  TM_TRY(const Connector* connector, around_.connectors.of(*connection));
  const CancelWatch watch(cancel, *engine);
  auto answer = connector->answer(*connection, sql, looking(*engine), cancel);
  if (!answer.ok()) return or_who_holds_it(std::move(answer).error());
  return answer;
}

std::set<std::string> Workspace::connections_read(const JobSpec& job) const {
  std::set<std::string> names;
  if (job.transform.empty() && job.rules.empty()) return names;
  auto engine = held_->engine->connect();
  if (!engine.ok()) return names;  // a run says it
  std::vector<std::string> tables = tables_read(job.transform, **engine);
  for (std::string& table : tables_read(job.rules, **engine))
    tables.push_back(std::move(table));
  for (const std::string& table : tables) {
    const std::string name = table.substr(0, table.find('.'));
    if (project().find_connection(name) != nullptr) names.insert(name);
  }
  return names;
}

Result<ConnectionState> Workspace::state_of(const ConnectionSpec& connection, Cancel& cancel) {
  TM_TRY(auto engine, held_->engine->connect());
  TM_TRY(const Connector* connector, around_.connectors.of(connection));
  // Whoever looks at what is in use does not wait until some of it is free.
  Guards alone(project(), around_.clock);
  ConnectorContext context = looking(*engine);
  context.guards = &alone;
  return connector->state(connection, context, cancel);
}

Result<std::optional<std::vector<GuardShare>>> Workspace::guard_shares() {
  if (!is_shared(project())) return std::optional<std::vector<GuardShare>>();
  TM_TRY(const auto shares, open_guard_shares(around_, project()));
  TM_TRY(std::vector<GuardShare> list, shares->list());
  return std::optional(std::move(list));
}

Result<Preparation> Workspace::prepare_source(const std::string& name, const std::string& table,
                                              const std::string& column, bool apply,
                                              Cancel& cancel) {
  TM_TRY(const ConnectionSpec* connection, finder().connection(name));
  TM_TRY(auto engine, held_->engine->connect());
  TM_TRY(const Connector* connector, around_.connectors.of(*connection));
  return connector->prepare(*connection, table, column, apply, looking(*engine), cancel);
}

Result<JobPlan> Workspace::plan(const JobSpec& job, duck::Connection& engine, Cancel& cancel) {
  auto planned =
      Planner({project(), around_.connectors, engine, around_.files, nullptr, *held_->guards})
          .plan(job, {false, false, RunId(), true}, cancel);
  if (!planned.ok()) return or_who_holds_it(std::move(planned).error());
  return planned;
}

Result<BackfillPlan> Workspace::plan_backfill(const JobSpec& job, const BackfillRequest& request,
                                              Cancel& cancel) {
  TM_TRY(auto engine, held_->engine->connect());
  Store* known = nullptr;
  if (has_store()) {
    TM_TRY(known, store());
  }
  const CancelWatch watch(cancel, *engine);
  auto planned = tidemark::plan_backfill(
      {project(), around_.connectors, *engine, around_.files, nullptr, *held_->guards}, known, job,
      request, cancel);
  if (!planned.ok()) return or_who_holds_it(std::move(planned).error());
  return planned;
}

}  // namespace tidemark
