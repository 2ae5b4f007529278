#include "cli/status_command.h"

#include <algorithm>
#include <set>
#include <utility>

#include "cli/status_page.h"
#include "drivers/hash/hash.h"
#include "env/process.h"
#include "run/project_store.h"
#include "store/cached_reads.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds redraws_every{1'000};
constexpr milliseconds looks_every{50};

std::string digest_of(const std::set<Task>& tasks) {
  Xxh3 digest;
  for (const Task& task : tasks) {
    digest.update(task.job.get());
    digest.update(to_string(task.what));
    digest.update("\n");
  }
  return digest.finish();
}

// Looks at a project again and again; its files are read once.
class Looker {
 public:
  static Result<std::unique_ptr<Looker>> open(const Call& call) {
    std::unique_ptr<Looker> looker(new Looker);
    TM_TRY(looker->workspace_, open_good(call));
    for (const JobSpec& job : looker->workspace_->jobs()) {
      looker->tasks_.emplace(job.name);
      if (job.verify) looker->tasks_.emplace(job.name, FireTask::verify);
      if (!job.enabled) continue;
      TM_CHECK(looker->add({job.name, FireTask::run}, job.schedule));
      if (job.verify) TM_CHECK(looker->add({job.name, FireTask::verify}, job.verify->schedule));
    }
    // The store is brought to this version first, and looked at over a connection of its own.
    if (!looker->workspace_->has_store()) return looker;
    TM_TRY([[maybe_unused]] Store * store, looker->workspace_->store());
    const ProjectSpec& project = looker->workspace_->project();
    TM_TRY(looker->database_,
           open_store_database(project.store, project.root, call.around.files, call.around.clock));
    return looker;
  }

  Result<StatusPage> look(const Call& call, Service* service, const RunSigns* signs) {
    StatusPage page;
    page.lease = workspace_->project().lease;
    page.store.at = call.around.clock.now_utc();
    if (database_) {
      ReadCache* const cache = workspace_->cache();
      TM_TRY(page.store,
             cached_overview(
                 cache, *database_, status_lines_max,
                 {[this](const Task& task) { return tasks_.contains(task); }, digest_of(tasks_)}));
      keep_watched(page.store.watched);
      TM_TRY(page.alerts, AlertTable(*database_).open());
      if (cache != nullptr) page.cache = cache->state();
    }
    if (service == nullptr) return page;
    page.server = ServerStatus{this_process(), service->places(), service->now()};
    page.signs = signs->signs();
    add_planned(page);
    page.notes = signs->notes();
    page.next = next(call.around.clock.now_utc());
    return page;
  }

 private:
  Looker() = default;

  Status add(Task task, const ScheduleSpec& schedule) {
    TM_TRY(auto times, JobTimes::of(schedule));
    if (times) times_.emplace_back(std::move(task), *std::move(times));
    return {};
  }

  // What jobs watch now, and not what they watched once.
  void keep_watched(std::vector<SeenChange>& watched) const {
    std::erase_if(watched, [&](const SeenChange& one) {
      const auto job = std::find_if(workspace_->jobs().begin(), workspace_->jobs().end(),
                                    [&](const JobSpec& spec) { return spec.name == one.job; });
      return job == workspace_->jobs().end() || !job->enabled || !job->schedule.when ||
             to_text(*job->schedule.when) != one.watched;
    });
    if (watched.size() > status_lines_max) watched.resize(status_lines_max);
  }

  // Runs that the store does not know yet: they are being planned.
  static void add_planned(StatusPage& page) {
    std::set<RunId> known;
    for (const RunUnderWay& run : page.store.running)
      known.insert(run.run.run);
    for (const auto& [id, sign] : page.signs) {
      if (page.store.running.size() >= status_lines_max) return;
      if (sign.step != RunStep::plan || known.contains(id)) continue;
      RunUnderWay run;
      run.run.run = id;
      run.run.job = sign.job;
      run.run.started_at = sign.began_at;
      page.store.running.push_back(std::move(run));
    }
  }

  std::vector<DueFire> next(UtcMicros now) const {
    std::vector<DueFire> fires;
    for (const auto& [task, times] : times_) {
      const auto fire = times.after(now);
      if (fire) fires.push_back({task, *fire, times.begin_of(task.job, *fire)});
    }
    const std::size_t shown = std::min<std::size_t>(fires.size(), status_lines_max);
    std::partial_sort(fires.begin(), fires.begin() + static_cast<std::ptrdiff_t>(shown),
                      fires.end(), [](const DueFire& left, const DueFire& right) {
                        return std::pair(left.begin, left.task) <
                               std::pair(right.begin, right.task);
                      });
    fires.resize(shown);
    return fires;
  }

  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<SqlDatabase> database_;  // nothing: the project has no store yet
  std::vector<std::pair<Task, JobTimes>> times_;
  std::set<Task> tasks_;  // of all jobs, also of those that are paused
};

// As much of a line as has room; what goes on behind it would make two lines of it.
std::string_view cut(std::string_view line, int columns) {
  int width = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(line[at]) & 0xc0) != 0x80;
    if (begins && ++width > columns) return line.substr(0, at);
  }
  return line;
}

// Drawn over the page before, each line to its end and then what was below: nothing flickers. What
// the terminal has no room for is left out.
std::string drawn(const std::string& page, int lines, int columns, bool first) {
  std::string text = first ? "\x1b[2J\x1b[H" : "\x1b[H";
  int number = 1;
  for (std::size_t at = 0; at < page.size() && number < lines; ++number) {
    const std::size_t end = page.find('\n', at);
    text += cut(std::string_view(page).substr(at, end - at), columns);
    text += "\x1b[K\r\n";
    at = end + 1;
  }
  return text + "\x1b[J";
}

int show(const Call& call, Service* service, const RunSigns* signs) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto looker, Looker::open(call));
    const int lines = call.output.page_lines();
    const bool live = call.line.watch && lines > 0 && !call.line.json;
    // What is behind the last character of a line is erased, and that is the character itself where
    // it stands in the last column.
    const int columns = call.output.page_columns() - (live ? 1 : 0);
    for (bool first = true; first || live; first = false) {
      TM_TRY(const StatusPage page, looker->look(call, service, signs));
      if (call.line.json) {
        call.print_json(status_document(page));
      } else {
        const std::string report = status_report(page, columns);
        call.print(live ? drawn(report, lines, columns, first) : report);
      }
      const auto next = call.around.clock.monotonic() + redraws_every;
      while (live && call.around.clock.monotonic() < next) {
        if (call.cancel.requested()) return exit_done;
        call.around.clock.sleep(looks_every);
      }
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace

int status(const Call& call) {
  return show(call, nullptr, nullptr);
}

int status_of_service(const Call& call, Service& service, const RunSigns& signs) {
  return show(call, &service, &signs);
}

}  // namespace tidemark
