#include "cli/serve_command.h"

#include <cstdio>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "cli/reports.h"
#include "cli/run_output.h"
#include "env/process.h"
#include "schedule/job_watch.h"
#include "schedule/service.h"

namespace tidemark {
namespace {

// Progress of many runs at a time is for `status`, not for lines.
class NoProgress final : public RunObserver {
 public:
  void on(const RunEvent&) override {}
};

JsonValue document(const ServiceNote& note, UtcMicros at) {
  JsonValue json;
  json.set("at", to_text(at)).set("job", note.job.get()).set("fire", to_text(note.fire));
  json.set("state", to_string(note.state)).set("message", note.text);
  return json.set("run_id", note.record ? JsonValue(note.record->run.get()) : JsonValue());
}

// A line for each thing that happened, to stdout; with --json a document a line.
class Log {
 public:
  Log(const Clock& clock, bool json) : clock_(clock), json_(json) {}

  void tell(const ServiceNote& note) {
    const UtcMicros now = clock_.now_utc();
    if (json_) {
      line(to_json(document(note, now), JsonLayout::compact));
      return;
    }
    if (note.state == FireState::running) return;
    std::string text =
        fmt::format("{}  {}  {}", to_text(now), note.job.get(), to_string(note.state));
    if (note.record) text += ": " + one_line(run_line(*note.record));
    if (!note.text.empty()) text += ": " + note.text;
    line(text);
  }
  void say(const std::string& text) {
    if (!json_) line(to_text(clock_.now_utc()) + "  " + text);
  }

 private:
  static std::string one_line(std::string text) {
    while (!text.empty() && text.back() == '\n')
      text.pop_back();
    return text;
  }
  void line(const std::string& text) {
    const std::lock_guard lock(mutex_);
    print(text + "\n");
    std::fflush(stdout);
  }

  const Clock& clock_;
  const bool json_;
  std::mutex mutex_;
};

ServiceOptions options_of(const ProjectSpec& project, const CommandLine& line) {
  ServiceOptions options;
  options.owner = this_process();
  options.limits.running_max = static_cast<int>(project.workers);
  for (const PoolSpec& pool : project.pools)
    options.limits.pools.emplace(pool.name.value, static_cast<int>(pool.places));
  options.drain = line.drain;
  return options;
}

Status keep_jobs(Store& store, const Service::Jobs& jobs, const ProjectSpec& project,
                 const Clock& clock) {
  for (const auto& job : jobs)
    TM_CHECK(store.upsert_job(job_record(*job, project, clock)));
  return {};
}

Service::Jobs shared(const std::vector<JobSpec>& jobs) {
  Service::Jobs made;
  for (const JobSpec& job : jobs)
    made.push_back(std::make_shared<const JobSpec>(job));
  return made;
}

}  // namespace

int serve(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_CHECK(workspace->claim("serve", call.line.wait, call.cancel));
    TM_TRY(Store * store, workspace->store());
    const ProjectSpec& project = workspace->project();
    const Clock& clock = call.around.clock;
    NoProgress progress;
    Log log(clock, call.line.json);
    // What a dead process left goes on before anything new begins.
    std::vector<JobName> names;
    for (const JobSpec& job : workspace->jobs())
      names.push_back(job.name);
    TM_CHECK(workspace->recover(names, progress, call.cancel));
    for (const RunRecord& record : workspace->take_recovered())
      log.say("went on with what process " + std::to_string(record.pid) +
              " had left: " + record.run.get());

    Service service(
        {*store, clock, call.around.randomness,
         [&](const JobSpec& job, const RunId& run, Cancel& cancel) {
           return Runner(workspace->parts(*store, progress)).run(run, job, RunOptions{}, cancel);
         },
         [&](const ServiceNote& note) { log.tell(note); }},
        options_of(project, call.line));
    const Service::Jobs jobs = shared(workspace->jobs());
    TM_CHECK(keep_jobs(*store, jobs, project, clock));
    TM_CHECK(service.set_jobs(jobs));
    log.say(fmt::format("serving {} jobs of {}", jobs.size(), project.root.string()));

    // Its files may be edited while it runs.
    Cancel stop_watching(call.cancel);
    std::thread watcher([&] {
      JobWatch watch(project.root, call.around.catalog);
      while (!stop_watching.requested()) {
        clock.sleep(std::chrono::milliseconds(500));
        const auto changed = watch.look();
        if (!changed) continue;
        if (!changed->faults.empty()) {
          log.say("the project's files have faults; the jobs stay as they were\n" +
                  changed->faults.print());
          continue;
        }
        const Service::Jobs edited = shared(changed->jobs);
        Status taken = keep_jobs(*store, edited, project, clock);
        if (taken.ok()) taken = service.set_jobs(edited);
        log.say(taken.ok() ? fmt::format("serving {} jobs: the files were changed", edited.size())
                           : "the change was not taken: " + taken.error().describe());
      }
    });
    const Status served = service.serve(call.cancel);
    stop_watching.request();
    watcher.join();
    TM_CHECK(served);
    log.say("stopped");
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
