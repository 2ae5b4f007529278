#include "cli/schedule_command.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/units.h"
#include "cli/text_table.h"
#include "schedule/fire_times.h"

namespace tidemark {
namespace {

constexpr std::size_t times_max = 100'000;

struct JobTimes {
  const JobSpec* job;
  std::optional<Zone> zone;
  std::vector<UtcMicros> times;
};

// A day, or a moment, of UTC.
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

Result<JobTimes> times_of(const JobSpec& job, UtcMicros from, std::optional<UtcMicros> to,
                          std::size_t limit) {
  JobTimes found{&job, std::nullopt, {}};
  TM_TRY(const std::optional<FireTimes> fires, FireTimes::of(job.schedule));
  if (!fires) return found;
  TM_TRY(found.zone, Zone::find(zone_name(job.schedule)));
  // One that is at `from` belongs to it.
  std::optional<UtcMicros> next = fires->after(UtcMicros(from.get() - 1));
  while (next && found.times.size() < limit && (!to || next->get() < to->get())) {
    found.times.push_back(*next);
    next = fires->after(*next);
  }
  return found;
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

std::string report(const std::vector<JobTimes>& jobs, std::size_t limit) {
  std::vector<std::pair<UtcMicros, const JobTimes*>> fires;
  for (const JobTimes& job : jobs) {
    for (const UtcMicros at : job.times)
      fires.emplace_back(at, &job);
  }
  std::stable_sort(fires.begin(), fires.end(), [](const auto& left, const auto& right) {
    return left.first.get() < right.first.get();
  });
  if (fires.size() > limit) fires.resize(limit);
  TextTable table{{"UTC", "LOCAL", "ZONE", "JOB"}, {false, false, false, false}, {}};
  for (const auto& [at, job] : fires) {
    table.rows.push_back({to_text(at), on_the_wall(*job->zone, at), zone_name(job->job->schedule),
                          job->job->name.get()});
  }
  return print_table(table);
}

JsonValue document(const JobTimes& found) {
  const ScheduleSpec& spec = found.job->schedule;
  JsonArray times;
  for (const UtcMicros at : found.times)
    times.emplace_back(to_text(at));
  JsonValue json;
  json.set("job", found.job->name.get());
  json.set("every_ms", spec.every ? JsonValue(spec.every->count()) : JsonValue());
  json.set("cron", spec.cron ? JsonValue(spec.cron->value) : JsonValue());
  return json.set("timezone", zone_name(spec)).set("times", std::move(times));
}

bool runs_by_itself(const JobSpec& job) {
  return job.schedule.every || job.schedule.cron;
}

Result<std::vector<const JobSpec*>> jobs_asked_for(const Call& call, const Workspace& workspace) {
  std::vector<const JobSpec*> jobs;
  for (const std::string& name : call.line.names) {
    TM_TRY(const JobSpec* job, workspace.finder().in_project(name));
    if (std::find(jobs.begin(), jobs.end(), job) == jobs.end()) jobs.push_back(job);
  }
  if (!call.line.names.empty()) return jobs;
  for (const JobSpec& job : workspace.jobs()) {
    if (job.enabled && runs_by_itself(job)) jobs.push_back(&job);
  }
  return jobs;
}

// For people, where there is nothing to list.
void say_why_none(const Call& call, const std::vector<const JobSpec*>& jobs, bool named) {
  if (jobs.empty())
    call.tell("no enabled job of this project runs by itself: give one `every` or `cron`\n");
  for (const JobSpec* job : jobs) {
    if (named && !runs_by_itself(*job))
      call.tell(job->name.get() + " does not run by itself: it has neither `every` nor `cron`\n");
  }
}

}  // namespace

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
    std::vector<JobTimes> found;
    JsonArray documents;
    std::size_t all = 0;
    for (const JobSpec* job : jobs) {
      TM_TRY(JobTimes times, times_of(*job, from, to, limit + (to ? 1 : 0)));
      all += times.times.size();
      if (to && all > times_max) {
        return user_error("user.usage", "there are more than " + show_count(times_max) + " times",
                          "name a later --from, an earlier --to, or fewer jobs");
      }
      if (call.line.json) documents.push_back(document(times));
      found.push_back(std::move(times));
    }
    if (call.line.json) {
      call.print_json(documents);
      return exit_done;
    }
    say_why_none(call, jobs, !call.line.names.empty());
    const bool some = std::any_of(found.begin(), found.end(),
                                  [](const JobTimes& one) { return !one.times.empty(); });
    if (some) call.print(report(found, limit));
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
