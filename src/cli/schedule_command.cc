#include "cli/schedule_command.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/units.h"
#include "cli/text_table.h"
#include "schedule/job_times.h"

namespace tidemark {
namespace {

constexpr std::size_t times_max = 100'000;

// What a job does by itself, and when.
struct Listed {
  const JobSpec* job;
  FireTask what;
  const ScheduleSpec* schedule;
  Zone zone;
  std::vector<UtcMicros> times;
};

Result<Listed> list(const JobSpec& job, FireTask what, UtcMicros from, std::optional<UtcMicros> to,
                    std::size_t limit) {
  const ScheduleSpec& schedule = what == FireTask::run ? job.schedule : job.verify->schedule;
  TM_TRY(Zone zone, Zone::find(zone_name(schedule)));
  Listed listed{&job, what, &schedule, std::move(zone), {}};
  TM_TRY(const std::optional<JobTimes> fires, JobTimes::of(schedule));
  if (!fires) return listed;
  // One that is at `from` belongs to it.
  std::optional<UtcMicros> next = fires->after(UtcMicros(from.get() - 1));
  while (next && listed.times.size() < limit && (!to || next->get() < to->get())) {
    listed.times.push_back(*next);
    next = fires->after(*next);
  }
  return listed;
}

// `Mon 2026-11-23 03:00:00 +01:00`
std::string on_the_wall(const Zone& zone, UtcMicros at) {
  constexpr const char* days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  constexpr std::size_t to_the_second = 19;
  const std::int64_t offset = zone.offset(at.get() / 1'000'000);
  std::string text = to_text(UtcMicros(at.get() + offset * 1'000'000)).substr(0, to_the_second);
  text[text.find('T')] = ' ';
  const auto weekday = static_cast<std::size_t>(zone.wall_minute(at).weekday);
  const std::int64_t minutes = std::abs(offset) / 60;
  return fmt::format("{} {} {}{:02}:{:02}", days[weekday], text, offset < 0 ? '-' : '+',
                     minutes / 60, minutes % 60);
}

std::string report(const std::vector<Listed>& tasks, std::size_t limit) {
  std::vector<std::pair<UtcMicros, const Listed*>> fires;
  for (const Listed& task : tasks) {
    for (const UtcMicros at : task.times)
      fires.emplace_back(at, &task);
  }
  std::stable_sort(fires.begin(), fires.end(), [](const auto& left, const auto& right) {
    return left.first.get() < right.first.get();
  });
  if (fires.size() > limit) fires.resize(limit);
  TextTable table{{"UTC", "LOCAL", "ZONE", "JOB"}, {false, false, false, false}, {}};
  for (const auto& [at, task] : fires) {
    const std::string name = task->job->name.get();
    table.rows.push_back({to_text(at), on_the_wall(task->zone, at), zone_name(*task->schedule),
                          task->what == FireTask::run ? name : name + " verify"});
  }
  return print_table(table);
}

JsonValue document(const Listed& listed) {
  const ScheduleSpec& schedule = *listed.schedule;
  JsonArray times;
  for (const UtcMicros at : listed.times)
    times.emplace_back(to_text(at));
  JsonArray after;
  for (const Name& before : schedule.after)
    after.emplace_back(before.value);
  JsonValue json;
  json.set("job", listed.job->name.get()).set("task", to_string(listed.what));
  json.set("every_ms", schedule.every ? JsonValue(schedule.every->count()) : JsonValue());
  json.set("cron", schedule.cron ? JsonValue(schedule.cron->value) : JsonValue());
  json.set("timezone", zone_name(schedule)).set("after", std::move(after));
  json.set("when", schedule.when ? JsonValue(to_text(*schedule.when)) : JsonValue());
  return json.set("times", std::move(times));
}

bool has_times(const JobSpec& job) {
  return job.schedule.every || job.schedule.cron;
}

// Both of a cron expression's days are named, so that one of them is enough.
bool names_either_day(const std::string& cron) {
  std::istringstream fields(cron);
  const std::vector<std::string> words{std::istream_iterator<std::string>(fields), {}};
  return words.size() >= 5 && !words[words.size() - 3].starts_with('*') &&
         !words.back().starts_with('*');
}

// What is easily meant otherwise; empty: nothing is.
std::string doubtful(const ScheduleSpec& schedule) {
  constexpr std::chrono::milliseconds day = std::chrono::days(1);
  if (schedule.cron && names_either_day(schedule.cron->value))
    return "means each day that its day of the month or its day of the week names, not only those "
           "that both name; write `*` for one of them where the other is meant";
  const bool wanders = schedule.every && *schedule.every >= std::chrono::minutes(1) &&
                       day % *schedule.every != day.zero() && *schedule.every % day != day.zero();
  if (wanders)
    return "does not divide a day, so its times of the day wander; write one that does, as 6h, or "
           "a `cron`";
  return {};
}

// With its place, what it is taken for, and the times that follow from that.
Status say_doubts(const Call& call, const JobSpec& job, UtcMicros from) {
  const ScheduleSpec& schedule = job.schedule;
  TM_TRY(const Listed next, list(job, FireTask::run, from, std::nullopt, 3));
  std::string times;
  for (const UtcMicros at : next.times)
    times += (times.empty() ? "" : ", ") + on_the_wall(next.zone, at);
  const std::string doubt = doubtful(schedule);
  if (times.empty() && has_times(job)) {
    call.tell(job.name.get() + " never runs by itself from " + to_text(from) +
              " on: look at its `ends` and its days off\n");
  } else if (!doubt.empty()) {
    const std::string place = schedule.cron
                                  ? fmt::format("{}:{}:{}: `{}` ", job.file, schedule.cron->at.line,
                                                schedule.cron->at.column, schedule.cron->value)
                                  : job.file + ": `every` ";
    call.tell(place + doubt + "; the next: " + times + "\n");
  }
  return {};
}

bool runs_by_itself(const JobSpec& job) {
  return has_times(job) || !job.schedule.after.empty() || job.schedule.when;
}

Result<std::vector<const JobSpec*>> jobs_asked_for(const Call& call, const Workspace& workspace) {
  std::vector<const JobSpec*> jobs;
  for (const std::string& name : call.line.names) {
    TM_TRY(const JobSpec* job, workspace.finder().in_project(name));
    if (std::find(jobs.begin(), jobs.end(), job) == jobs.end()) jobs.push_back(job);
  }
  if (!call.line.names.empty()) return jobs;
  for (const JobSpec& job : workspace.jobs()) {
    if (job.enabled && (runs_by_itself(job) || job.verify)) jobs.push_back(&job);
  }
  return jobs;
}

// `orders and customers`
std::string those_before(const ScheduleSpec& schedule) {
  std::string names;
  for (std::size_t at = 0; at < schedule.after.size(); ++at) {
    const bool last = at + 1 == schedule.after.size();
    const char* between = !last ? ", " : schedule.after_any ? " or " : " and ";
    names += (at == 0 ? "" : between) + schedule.after[at].value;
  }
  return names;
}

std::string watching(const WhenSpec& when) {
  std::string text =
      "it runs when " + to_text(when) + " changes, looked at every " + show_duration(when.check);
  if (when.settle.count() > 0)
    text += ", once nothing more has changed for " + show_duration(when.settle);
  return text;
}

// For people: what no time says.
void say_the_rest(const Call& call, const std::vector<const JobSpec*>& jobs, bool named) {
  if (jobs.empty())
    call.tell(
        "no enabled job of this project runs by itself: give one `every`, `cron` or `when`\n");
  for (const JobSpec* job : jobs) {
    const std::string& name = job->name.get();
    if (job->schedule.when) {
      call.tell(name + " has no times of its own: " + watching(*job->schedule.when) + "\n");
    } else if (!has_times(*job) && runs_by_itself(*job)) {
      call.tell(name + " has no times of its own: it runs after " + those_before(job->schedule) +
                "\n");
    } else if (!job->schedule.after.empty()) {
      call.tell(name + " waits at its times for " + those_before(job->schedule) + "\n");
    } else if (named && !runs_by_itself(*job)) {
      call.tell(name + " does not run by itself: it has neither `every` nor `cron` nor `when`\n");
    }
  }
}

// A comparison is something that a job does beside its runs.
std::vector<std::pair<const JobSpec*, FireTask>> tasks_of(const std::vector<const JobSpec*>& jobs) {
  std::vector<std::pair<const JobSpec*, FireTask>> tasks;
  for (const JobSpec* job : jobs) {
    tasks.emplace_back(job, FireTask::run);
    if (job->verify) tasks.emplace_back(job, FireTask::verify);
  }
  return tasks;
}

}  // namespace

Result<UtcMicros> moment(const char* option, const std::string& text) {
  const bool day = text.size() == std::string_view("2026-01-01").size();
  auto read = parse_utc(day ? text + "T00:00:00Z" : text);
  // Nobody knows the zones of later years.
  static const UtcMicros end = *parse_utc("2400-01-01T00:00:00Z");
  if (read.ok() && read->get() < end.get()) return read;
  return user_error(
      "user.usage", fmt::format("{}: `{}` is no moment", option, text),
      "write a day, 2026-11-22, or a moment of UTC, 2026-11-22T14:00:00Z, before the year 2400");
}

int schedule(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    UtcMicros from = call.around.clock.now_utc();
    std::optional<UtcMicros> to;
    if (!call.line.from_time.empty()) {
      TM_TRY(from, moment("--from", call.line.from_time));
    }
    if (!call.line.to_time.empty()) {
      TM_TRY(to, moment("--to", call.line.to_time));
    }
    if (to && to->get() < from.get())
      return user_error("user.usage", "--to is before --from", "turn them round");
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const std::vector<const JobSpec*> jobs, jobs_asked_for(call, *workspace));
    // With an end all of them are wanted.
    const std::size_t limit = to ? times_max : static_cast<std::size_t>(call.line.limit);
    std::vector<Listed> found;
    JsonArray documents;
    std::size_t all = 0;
    for (const auto& [job, what] : tasks_of(jobs)) {
      TM_TRY(Listed listed, list(*job, what, from, to, limit + (to ? 1 : 0)));
      all += listed.times.size();
      if (to && all > times_max) {
        return user_error("user.usage", "there are more than " + show_count(times_max) + " times",
                          "name a later --from, an earlier --to, or fewer jobs");
      }
      if (call.line.json) documents.push_back(document(listed));
      found.push_back(std::move(listed));
    }
    if (call.line.json) {
      call.print_json(documents);
      return exit_done;
    }
    say_the_rest(call, jobs, !call.line.names.empty());
    for (const JobSpec* job : jobs)
      TM_CHECK(say_doubts(call, *job, from));
    const bool some = std::any_of(found.begin(), found.end(),
                                  [](const Listed& one) { return !one.times.empty(); });
    if (some) call.print(report(found, limit));
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
