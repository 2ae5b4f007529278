#include "run/workspace.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/nearest.h"
#include "plan/planner.h"

namespace tidemark {

namespace {

constexpr const char* state_folder = ".tidemark";

// SQL is checked by the engine's own parser, without running it.
class EngineSqlCheck : public SqlCheck {
 public:
  explicit EngineSqlCheck(duck::Connection& engine) : engine_(engine) {}
  std::optional<SqlFault> check_query(std::string_view text) override {
    return check(std::string(text), 0);
  }
  std::optional<SqlFault> check_expression(std::string_view text) override {
    static const std::string before = "SELECT (";
    // The line break ends a comment at the end of the text.
    return check(before + std::string(text) + "\n)", before.size());
  }

 private:
  std::optional<SqlFault> check(const std::string& sql, std::size_t skip) {
    auto problem = engine_.check_syntax(sql);
    if (!problem) return std::nullopt;
    return SqlFault{problem->offset > skip ? problem->offset - skip : 0, problem->message};
  }
  duck::Connection& engine_;
};

Result<std::filesystem::path> sqlite_store_path(const ProjectSpec& project) {
  constexpr std::string_view scheme = "sqlite:";
  if (project.store.starts_with(scheme)) return project.root / project.store.substr(scheme.size());
  return user_error("spec.store", "`store: " + project.store + "` is not a store this version has",
                    "write for example `store: sqlite:.tidemark/store.db`");
}

}  // namespace

Result<std::unique_ptr<Workspace>> Workspace::open(const Surroundings& around,
                                                   const std::filesystem::path& dir) {
  std::unique_ptr<Workspace> workspace(new Workspace(around));
  // Reading the files needs the parser only; the run's engine, with the project's limits, comes
  // after.
  {
    TM_TRY(auto parser, duck::Engine::open({1, 100'000'000, {}, {}}));
    TM_TRY(auto connection, parser->connect());
    EngineSqlCheck check(*connection);
    workspace->loaded_ = load_project(dir, around.catalog, &check);
  }
  const ProjectSpec& project = workspace->loaded_.project;
  duck::EngineOptions options;
  options.threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 64U));
  if (project.memory_bytes > 0) options.memory_bytes_max = project.memory_bytes;
  options.spill_dir = (project.root / state_folder / "spill").string();
  TM_TRY(workspace->engine_, duck::Engine::open(options));
  return workspace;
}

Result<const JobSpec*> Workspace::find_job(const std::string& name) const {
  std::vector<std::string> names;
  for (const JobSpec& job : loaded_.jobs) {
    if (job.name.get() == name) return &job;
    names.push_back(job.name.get());
  }
  std::string hint = "a job is a file jobs/NAME.yaml";
  if (auto near = nearest_word(name, names)) hint = "did you mean `" + *near + "`?";
  return user_error("user.no_job", "there is no job `" + name + "` in this project", hint);
}

Status Workspace::claim(const std::string& command, std::chrono::milliseconds wait,
                        const Cancel& cancel) {
  if (lock_) return {};
  const std::filesystem::path folder = project().root / state_folder;
  TM_CHECK(around_.files.make_dirs_durably(folder));
  TM_TRY(OwnerLock lock,
         OwnerLock::acquire(folder, {::getpid(), {}, command}, wait, around_.clock, cancel));
  lock_.emplace(std::move(lock));
  return {};
}

Result<Store*> Workspace::store() {
  if (!store_) {
    TM_TRY(std::filesystem::path path, sqlite_store_path(project()));
    TM_CHECK(around_.files.make_dirs_durably(path.parent_path()));
    TM_TRY(store_, SqliteStore::open(path, around_.clock));
  }
  return static_cast<Store*>(store_.get());
}

Result<RunRecord> Workspace::run(const JobSpec& job, const RunOptions& options,
                                 RunObserver& observer, Cancel& cancel) {
  TM_ASSERT(lock_.has_value());
  TM_TRY(Store * store, this->store());
  Runner runner({project(), around_.connectors, *store, *engine_, around_.files, around_.clock,
                 around_.randomness, observer});
  const RunId id = runner.new_id();
  TM_CHECK(lock_->show_run(id));
  auto record = runner.run(id, job, options, cancel);
  TM_CHECK(lock_->show_run(RunId()));
  return record;
}

Result<std::unique_ptr<duck::Connection>> Workspace::attach(const std::string& name,
                                                            Cancel& cancel) {
  const ConnectionSpec* connection = project().find_connection(name);
  if (connection == nullptr) {
    std::vector<std::string> names;
    for (const ConnectionSpec& known : project().connections)
      names.push_back(known.name.value);
    std::string hint = "connections stand in tidemark.yaml";
    if (auto near = nearest_word(name, names)) hint = "did you mean `" + *near + "`?";
    return user_error("user.no_connection", "there is no connection `" + name + "` in this project",
                      hint);
  }
  TM_TRY(auto engine, engine_->connect());
  TM_TRY(const Connector* connector, around_.connectors.of(*connection));
  TM_CHECK(connector->attach(*connection, {}, {project(), *engine, "tidemark query"}, cancel));
  return engine;
}

Result<JobPlan> Workspace::plan(const JobSpec& job, duck::Connection& engine, Cancel& cancel) {
  return Planner(project(), around_.connectors, engine, around_.files).plan(job, {}, cancel);
}

}  // namespace tidemark
