#include "cli/serve_command.h"

#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "base/assert.h"
#include "cli/access_commands.h"
#include "cli/reports.h"
#include "cli/run_output.h"
#include "cli/run_traces.h"
#include "cli/serve_alerts.h"
#include "cli/serve_api.h"
#include "cli/serve_rules.h"
#include "cli/service_socket.h"
#include "cli/status_command.h"
#include "env/process.h"
#include "quality/rules.h"
#include "run/backfill.h"
#include "run/project_store.h"
#include "run/shared_stage.h"
#include "schedule/job_watch.h"
#include "schedule/run_signs.h"
#include "schedule/service.h"
#include "transform/transform.h"
#include "verify/verifier.h"

namespace tidemark {
namespace {

// How often edits of the project's files are looked for: in a large project seldom enough to cost a
// hundredth of a core.
constexpr std::chrono::milliseconds watch_pause_min{500};
constexpr int watch_pause_of_look = 100;
constexpr int watch_pause_of_change = 4;  // which was read too: edits come one behind the other
// How often it is seen that somebody waits for a look, and how long anybody does.
constexpr std::chrono::milliseconds watch_rest{50};
constexpr std::chrono::seconds wait_for_look_max{20};

JsonValue document(const ServiceNote& note, UtcMicros at) {
  JsonValue json;
  json.set("at", to_text(at))
      .set("job", note.task.job.get())
      .set("task", to_string(note.task.what));
  json.set("fire", to_text(note.fire))
      .set("state", to_string(note.state))
      .set("message", note.text);
  return json.set("run_id", note.record ? JsonValue(note.record->run.get()) : JsonValue());
}

void say(LogLevel level, const std::string& text) {
  process_log().tell(level, LogComponent::cli, text);
}

// A line for each thing that came of a job's times, to stdout; with --json a document a line. Any
// thread.
class FireLines {
 public:
  explicit FireLines(const Call& call) : call_(call) {}

  void tell(const ServiceNote& note) {
    const UtcMicros now = call_.around.clock.now_utc();
    if (call_.line.json) {
      line(to_json(document(note, now), JsonLayout::compact));
      return;
    }
    if (note.state == FireState::running) return;
    const bool compared = note.task.what == FireTask::verify;
    std::string text = fmt::format("{}  {}  {}{}", to_text(now), note.task.job.get(),
                                   compared ? "verify " : "", to_string(note.state));
    if (note.record) text += ": " + one_line(run_line(*note.record));
    if (!note.text.empty()) text += ": " + note.text;
    line(text);
  }

 private:
  static std::string one_line(std::string text) {
    while (!text.empty() && text.back() == '\n')
      text.pop_back();
    return text;
  }
  void line(const std::string& text) {
    const std::lock_guard lock(mutex_);
    call_.print(text + "\n");
    std::fflush(stdout);
  }

  const Call& call_;
  std::mutex mutex_;
};

ServiceOptions options_of(const ProjectSpec& project, const CommandLine& line) {
  ServiceOptions options;
  options.owner = this_process();
  options.limits.running_max = static_cast<int>(project.workers);
  for (const PoolSpec& pool : project.pools)
    options.limits.pools.emplace(pool.name.value, static_cast<int>(pool.places));
  options.drain = line.drain;
  options.keep_runs = project.history;
  options.keep_stages = project.stage.keep;
  options.shared = !project.store.sqlite_path();
  options.schedules = line.role != "worker";
  options.works = line.role != "scheduler";
  options.labels.insert(line.labels.begin(), line.labels.end());
  return options;
}

// A source is left alone in its quiet hours, and its jobs run when they end.
std::optional<PutOff> put_off(const ProjectSpec& project, const JobSpec& job, UtcMicros at) {
  const ConnectionSpec* const from = project.find_connection(job.from.connection.value);
  const auto quiet = quiet_at(from->guard, at);
  // Of a zone that is not there the run says it.
  if (!quiet.ok() || !*quiet) return std::nullopt;
  return PutOff{(*quiet)->until, (*quiet)->why};
}

// Alone, a server does all there is to do.
Status check_alone(const ProjectSpec& project, const CommandLine& line) {
  if (!project.store.sqlite_path() || (line.role == "all" && line.labels.empty())) return {};
  return user_error("serve.alone",
                    "this project's store is a file, so one server does all: `--role` and "
                    "`--label` are for several",
                    "leave them out, or move the store: `tidemark store migrate`");
}

Status keep_jobs(Store& store, const Service::Jobs& jobs, const ProjectSpec& project,
                 const Clock& clock) {
  std::vector<JobRecord> records;
  for (const auto& job : jobs)
    records.push_back(job_record(*job, project, clock));
  return store.upsert_jobs(records);
}

Service::Jobs shared(const std::vector<JobSpec>& jobs) {
  Service::Jobs made;
  for (const JobSpec& job : jobs)
    made.push_back(std::make_shared<const JobSpec>(job));
  return made;
}

Error differs(const JobVerdict& verdict) {
  std::int64_t missing = 0;
  std::int64_t different = 0;
  std::int64_t doubled = 0;
  for (const Verdict& stream : verdict.streams) {
    missing += stream.differences.missing;
    different += stream.differences.different;
    doubled += stream.differences.doubled;
  }
  return internal_error(
      "verify.differs",
      fmt::format("the target is not what its source has: {} rows missing, {} different, {} twice",
                  missing, different, doubled),
      Retry::never, "`tidemark verify " + verdict.job.get() + "` names them, --repair loads them");
}

// What was the matter is told when a repair was made, and what is the matter where it was not.
Status compare(const RunnerParts& parts, const JobSpec& job, RunSigns& signs, Cancel& cancel) {
  const VerifyOptions options{false, false, job.verify->budget};
  Verifier verifier(parts);
  TM_TRY(const JobVerdict found, verifier.verify(job, options, cancel));
  if (found.equal()) return {};
  if (!job.verify->repair) return differs(found);
  Runner runner(parts);
  const RunId id = runner.new_id();
  const auto repaired = verifier.repair(runner, id, job, options, cancel);
  signs.forget(id);
  if (!repaired.ok()) return repaired.error();
  TM_TRY(const JobVerdict after, verifier.verify(job, options, cancel));
  return after.equal() ? Status() : differs(after);
}

// A service of the project as its settings are now.
class Served {
 public:
  Served(const Call& call, FireLines& fires, ApiMemory& memory, ServiceMetrics& metrics)
      : call_(call),
        fires_(fires),
        memory_(memory),
        metrics_(metrics),
        progress_(call.around.clock),
        stop_(call.cancel) {}

  // Until it is to stop. True: tidemark.yaml was changed, so it is to begin anew.
  Result<bool> serve() {
    Surroundings around = call_.around;
    around.process_ends = false;
    around.store_took = [&](std::string_view what, std::chrono::nanoseconds took) {
      metrics_.store_took(what, took);
    };
    read_since_ = std::chrono::system_clock::now();
    TM_TRY(workspace_, open_good(Call{call_.line, around, call_.cancel, call_.output}));
    process_log().set_up(call_.line.log.over(workspace_->project().log));
    TM_CHECK(check_alone(workspace_->project(), call_.line));
    if (workspace_->store_unasked()) return *workspace_->store_unasked();
    TM_CHECK(workspace_->claim("serve", call_.line.wait, call_.cancel));
    TM_CHECK(note_deed(call_, *workspace_, "serve", ""));
    TM_TRY(store_, workspace_->store());
    TM_TRY(alerts_, ServedAlerts::start(workspace_->project(), call_.around));
    TM_TRY(rules_, ServedRules::open(workspace_->project(), call_.around, &alerts_->board()));
    TM_TRY(traces_, serve_traces(workspace_->project(), call_.around, *store_, metrics_));
    std::vector<RunObserver*> watchers{&metrics_, &rules_->watcher()};
    if (traces_) watchers.push_back(traces_.get());
    watchers_.emplace(std::move(watchers));
    workspace_->watch_runs(*watchers_);
    if (workspace_->project().stage.shared) {
      TM_TRY(SharedStage stage, SharedStage::open(workspace_->project(), *store_,
                                                  call_.around.files, call_.around.randomness));
      stage_.emplace(std::move(stage));
    }
    // What a dead process left goes on with the first run of its job.
    TM_CHECK(workspace_->recover({}, progress_, call_.cancel));
    tell_recovered(workspace_->take_recovered());

    TM_CHECK(open_warehouses(around));

    if (ReadCache* const cache = workspace_->cache())
      cache->on_note([](LogLevel level, const std::string& text) {
        process_log().tell(level, LogComponent::store, text);
      });

    const ProjectSpec& project = workspace_->project();
    ServiceParts parts{*store_,
                       call_.around.clock,
                       call_.around.randomness,
                       [&](const JobSpec& job, const RunId& run, Cancel& cancel) {
                         return perform(job, run, RunOptions{}, cancel);
                       },
                       [&](const JobSpec& job, Cancel& cancel) { return verify(job, cancel); },
                       [&](const ServiceNote& note) {
                         fires_.tell(note);
                         metrics_.note(note);
                         rules_->note(note);
                       }};
    parts.delayed = [&](std::chrono::milliseconds delay) { metrics_.delayed(delay); };
    parts.backfill = [&](const JobSpec& job, const BackfillRecord& backfill, Cancel& cancel) {
      return next_part(job, backfill, cancel);
    };
    parts.put_off = [&](const JobSpec& job, UtcMicros at) { return put_off(project, job, at); };
    parts.change_sign = [&](const WhenSpec& when, const std::string& before, Cancel& cancel) {
      return change_sign(when, before, cancel);
    };
    parts.reads = [&](const JobSpec& job) { return workspace_->connections_read(job); };
    parts.answers = [&](const std::string& name, Cancel& cancel) { return answers(name, cancel); };
    if (stage_) {
      parts.run_half = [&](const JobSpec& job, const HalfRun& half, const HandOver& hand_over,
                           Cancel& cancel) { return perform_half(job, half, hand_over, cancel); };
    }
    Service service(parts, options_of(project, call_.line));
    const Service::Jobs jobs = shared(workspace_->jobs());
    TM_CHECK(keep_jobs(*store_, jobs, project, call_.around.clock));
    TM_CHECK(service.set_jobs(jobs));
    TM_TRY(const auto edits,
           open_store_database(project.store, project.root, around.files, call_.around.clock));
    // Nothing may fail from here on that is not stopped by what is begun: it uses the service.
    TM_TRY(const auto commands,
           CommandServer::start(
               project.root, [&](const CommandLine& line, Cancel& cancel, Output& output) {
                 Surroundings beside = around;
                 beside.owner = workspace_.get();
                 if (line.command == "status")
                   return status_of_service(Call{line, beside, cancel, output}, service, progress_);
                 return run_command(line, beside, cancel, output);
               }));
    const ServedParts served_parts{
        call_.line,   around,   *workspace_, service,
        progress_,    metrics_, stop_,       [&](std::int64_t edit) { return wait_for_look(edit); },
        traces_.get()};
    TM_TRY(api_, ServedApi::start(served_parts, memory_, jobs));
    rules_->start(service, *workspace_, jobs);
    say(LogLevel::info, fmt::format("serving {} jobs of {}{}", jobs.size(), project.root.string(),
                                    api_ ? " at " + api_->address() : ""));

    std::thread watcher([&] {
      watch(service, *edits);
      stopped_at_ = call_.around.clock.monotonic();
    });
    const Status served = service.serve(stop_);
    stop_.request();
    watcher.join();
    rules_->stop();
    // All that goes on has the same time to end.
    if (api_) api_->stop(drain_left());
    commands->stop(drain_left());
    if (traces_) traces_->drain(traces_drain);
    TM_CHECK(served);
    return settings_changed_ && !call_.cancel.requested();
  }

 private:
  std::chrono::milliseconds drain_left() const {
    const auto gone = call_.around.clock.monotonic() - stopped_at_;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(call_.line.drain - gone);
    return std::max(left, std::chrono::milliseconds(0));
  }

  // All have one engine, in which a file is opened once for all: to be written, also where the
  // first who comes would only look.
  Status open_warehouses(const Surroundings& around) {
    TM_TRY(auto engine, workspace_->engine().connect());
    for (const ConnectionSpec& connection : workspace_->project().connections) {
      if (connection.connector != "duckdb") continue;
      TM_TRY(const Connector* connector, around.connectors.of(connection));
      TM_CHECK(connector->attach(connection, {}, {workspace_->project(), *engine, "tidemark serve"},
                                 call_.cancel));
    }
    return {};
  }

  Result<RunRecord> perform(const JobSpec& job, const RunId& run, const RunOptions& options,
                            Cancel& cancel) {
    TM_CHECK(go_on(job, cancel));
    auto ran = Runner(workspace_->parts(*store_, progress_)).run(run, job, options, cancel);
    progress_.forget(run);
    return ran;
  }

  Result<RunRecord> perform_half(const JobSpec& job, const HalfRun& half, const HandOver& hand_over,
                                 Cancel& cancel) {
    TM_CHECK(stage_->check());
    if (half.half == FireHalf::load) return go_on_with(half.run, job, {&hand_over, true}, cancel);
    // What a server read that is gone is not read again where it can be gone on with.
    if (!half.before.get().empty()) {
      auto left = go_on_with(half.before, job, {&hand_over, false}, cancel);
      const bool is_unknown = !left.ok() && left.error().code == "run.unknown";
      if (!left.ok() && !is_unknown) return left;
      if (left.ok() && (!left->ended_at || has_ended_well(*left))) return left;
    }
    RunOptions options;
    options.hand_over = &hand_over;
    return perform(job, half.run, options, cancel);
  }

  Result<RunRecord> go_on_with(const RunId& run, const JobSpec& job, const GoOn& how,
                               Cancel& cancel) {
    auto record = workspace_->go_on_with(run, job, how, progress_, cancel);
    progress_.forget(run);
    return record;
  }

  static bool has_ended_well(const RunRecord& run) {
    return run.status() == RunStatus::success || run.status() == RunStatus::skipped;
  }

  Status verify(const JobSpec& job, Cancel& cancel) {
    TM_CHECK(go_on(job, cancel));
    return compare(workspace_->parts(*store_, progress_), job, progress_, cancel);
  }

  Result<std::optional<PartEnd>> next_part(const JobSpec& job, const BackfillRecord& backfill,
                                           Cancel& cancel) {
    TM_CHECK(go_on(job, cancel));
    auto end = run_next_part(workspace_->parts(*store_, progress_), job, backfill, cancel);
    if (end.ok() && *end) progress_.forget((*end)->run.run);
    return end;
  }

  Result<std::string> change_sign(const WhenSpec& when, const std::string& before, Cancel& cancel) {
    RunnerParts parts = workspace_->parts(*store_, progress_);
    TM_TRY(auto engine, parts.engine.connect());
    const ConnectionSpec* connection = parts.project.find_connection(when.connection.value);
    TM_ASSERT(connection != nullptr);
    TM_CHECK(parts.guards.of(connection->name.value).check_hours());
    TM_TRY(const Connector* connector, parts.connectors.of(*connection));
    const ConnectorContext context{parts.project, *engine,       "tidemark serve, looking",
                                   true,          &parts.guards, "serve"};
    return connector->change_sign(*connection, when.what, before, context, cancel);
  }

  bool answers(const std::string& name, Cancel& cancel) {
    const ConnectionSpec* const connection = workspace_->project().find_connection(name);
    if (connection == nullptr) return true;
    // Who has no answer for so long does not answer.
    Cancel soon(cancel);
    std::atomic<bool> told = false;
    std::thread patience([&] {
      for (int tenth = 0; tenth < 50 && !told && !stop_.requested(); ++tenth)
        call_.around.clock.sleep(std::chrono::milliseconds(100));
      soon.request();
    });
    const auto state = workspace_->state_of(*connection, soon);
    told = true;
    patience.join();
    return state.ok() ||
           (state.error().retry == Retry::never && state.error().code != "run.cancelled");
  }

  Status go_on(const JobSpec& job, Cancel& cancel) {
    if (stage_) TM_CHECK(stage_->check());
    TM_TRY(auto left, workspace_->recover_job(job, progress_, cancel));
    tell_recovered(left);
    return {};
  }

  void tell_recovered(const std::vector<RunRecord>& records) {
    for (const RunRecord& record : records) {
      progress_.forget(record.run);
      say(LogLevel::info, "went on with what process " + std::to_string(record.pid) +
                              " had left: " + record.run.get());
    }
  }

  // The project's files may be edited while it is served.
  void watch(Service& service, SqlDatabase& edits) {
    const ProjectSpec& project = workspace_->project();
    JobWatch watch(project, workspace_->jobs(), call_.around.catalog, edits,
                   workspace_->stored_edit(), read_since_);
    bool is_faulty = false;                // as the files are now
    std::optional<Service::Jobs> untaken;  // what the store could not be told yet
    std::chrono::nanoseconds pause = watch_pause_min;
    while (!stop_.requested()) {
      rest(pause);
      process_log().settle();
      const auto begun = call_.around.clock.monotonic();
      const auto changed = watch.look();
      pause = std::max<std::chrono::nanoseconds>(
          watch_pause_min, (call_.around.clock.monotonic() - begun) *
                               (changed ? watch_pause_of_change : watch_pause_of_look));
      if (!changed) {
        if (untaken && take_up(service, *untaken).ok()) untaken.reset();
        has_looked(watch.edited(), !is_faulty && !untaken);
        continue;
      }
      is_faulty = !changed->loaded.faults.empty();
      if (is_faulty) {
        say(LogLevel::warn, "the project's files have faults; all stays as it was");
        for (const SpecFault& fault : changed->loaded.faults.list())
          process_log().tell(LogLevel::warn, LogComponent::cli, fault.headline(),
                             {{"hint", fault.hint}});
        has_looked(watch.edited(), false);
        continue;
      }
      // Without a pause: what goes on now may be what somebody wants to see.
      process_log().set_up(call_.line.log.over(changed->loaded.project.log));
      if (changed->settings) {
        say(LogLevel::info, "tidemark.yaml was changed: what runs may end, then it is taken up");
        settings_changed_ = true;
        stop_.request();
        return;
      }
      const Service::Jobs edited = shared(changed->loaded.jobs);
      const Status taken = take_up(service, edited);
      untaken = taken.ok() ? std::nullopt : std::optional(edited);
      if (!taken.ok())
        process_log().tell_error(LogLevel::warn, LogComponent::cli,
                                 "the change is taken up when the store answers", taken.error());
      has_looked(watch.edited(), taken.ok());
    }
  }

  // Until it is time to look again, or somebody asks for that.
  void rest(std::chrono::nanoseconds pause) {
    const auto until = call_.around.clock.monotonic() + pause;
    while (!stop_.requested() && !asked_to_look_.exchange(false) &&
           call_.around.clock.monotonic() < until)
      call_.around.clock.sleep(watch_rest);
  }

  // In this order: who sees that it was looked at sees then whether it is served.
  void has_looked(std::int64_t edit, bool is_served) {
    if (is_served) served_edit_ = edit;
    looked_at_ = edit;
  }

  // Until what was edited in the store is served: true; or is known to have to wait. From any
  // thread.
  bool wait_for_look(std::int64_t edit) {
    asked_to_look_ = true;
    const auto until = call_.around.clock.monotonic() + wait_for_look_max;
    while (!stop_.requested() && looked_at_ < edit && call_.around.clock.monotonic() < until)
      call_.around.clock.sleep(watch_rest);
    return served_edit_ >= edit;
  }

  Status take_up(Service& service, const Service::Jobs& edited) {
    TM_CHECK(keep_jobs(*store_, edited, workspace_->project(), call_.around.clock));
    TM_CHECK(service.set_jobs(edited));
    if (api_) api_->set_jobs(edited);
    rules_->set_jobs(edited);
    say(LogLevel::info, fmt::format("serving {} jobs: the files were changed", edited.size()));
    return {};
  }

  const Call& call_;
  FireLines& fires_;
  ApiMemory& memory_;
  ServiceMetrics& metrics_;
  // Progress of many runs at a time is for `status`, not for lines.
  RunSigns progress_;
  Cancel stop_;
  std::unique_ptr<ServedAlerts> alerts_;
  std::unique_ptr<ServedRules> rules_;   // tells them
  std::optional<RunWatchers> watchers_;  // of workspace_
  std::unique_ptr<Workspace> workspace_;
  std::chrono::system_clock::time_point read_since_;  // by the clock of files
  Store* store_ = nullptr;
  std::unique_ptr<TraceSender> traces_;    // of its runs, where they are sent; reads the store
  std::optional<SharedStage> stage_;       // where all servers reach it
  std::unique_ptr<ServedApi> api_;         // where somebody is to listen
  std::chrono::nanoseconds stopped_at_{};  // written by the watcher, read after it
  bool settings_changed_ = false;          // written by the watcher, read after it
  std::atomic<std::int64_t> looked_at_{
      0};  // the edit of the store's jobs that the watcher has seen
  std::atomic<std::int64_t> served_edit_{0};  // the last one that is served
  std::atomic<bool> asked_to_look_{false};
};

}  // namespace

int serve(const Call& call) {
  process_log().set_up(call.line.log.over({}));
  FireLines fires(call);
  ApiMemory memory(call.around.clock);
  ServiceMetrics metrics(call.around.clock);
  bool served = false;
  while (true) {
    const auto again = Served(call, fires, memory, metrics).serve();
    if (again.ok() && !*again) break;
    if (again.ok()) {
      served = true;
      continue;
    }
    const bool is_over = again.error().code == "store.newer";  // a later Tidemark has the store
    if (!served || is_over || call.cancel.requested()) {
      process_log().finish();
      return fail(call, again.error());
    }
    // New settings that cannot be served yet: another command has the project, a file has a fault.
    process_log().tell_error(LogLevel::warn, LogComponent::cli, "waiting with the new settings",
                             again.error());
    for (int tenth = 0; tenth < 20 && !call.cancel.requested(); ++tenth)
      call.around.clock.sleep(std::chrono::milliseconds(100));
  }
  process_log().finish();
  say(LogLevel::info, "stopped");
  return exit_done;
}

}  // namespace tidemark
