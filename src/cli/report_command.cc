#include "cli/report_command.h"

#include <map>

#include "access/access.h"
#include "cli/report_page.h"
#include "cli/schedule_command.h"
#include "run/project_store.h"

namespace tidemark {
namespace {

constexpr std::int64_t day_us = 86'400'000'000;
// A year, and a month to compare it with. Of each job it takes memory for its runs and its days.
constexpr std::int64_t days_max = 400;

// The Monday of a week as ISO 8601 counts them: the first has the year's first Thursday in it.
Result<UtcMicros> monday_of(const std::string& week) {
  const Error wrong = user_error("user.usage", "--week: `" + week + "` is no week",
                                 "write a year and its week, as 2026-W47");
  if (week.size() != std::string_view("2026-W47").size() || week.substr(4, 2) != "-W") return wrong;
  const std::string year = week.substr(0, 4);
  const auto fourth = parse_utc(year + "-01-04T00:00:00Z");
  const bool is_number = week.find_first_not_of("0123456789", 6) == std::string::npos;
  if (!fourth.ok() || !is_number) return wrong;
  const std::int64_t day = fourth->get() / day_us;
  const std::int64_t weekday = (day + 3) % 7;  // the first day of 1970 was a Thursday
  const std::int64_t monday = day - weekday + 7 * (std::stoll(week.substr(6)) - 1);
  const std::string thursday = to_text(UtcMicros((monday + 3) * day_us));
  if (thursday.substr(0, 4) != year) return wrong;
  return UtcMicros(monday * day_us);
}

Result<ReportStretch> stretch_of(const Call& call) {
  const CommandLine& line = call.line;
  const UtcMicros now = call.around.clock.now_utc();
  if (!line.week.empty()) {
    if (!line.from_time.empty() || !line.to_time.empty()) {
      return user_error("user.usage", "--week says from when to when already",
                        "leave out --from and --to, or --week");
    }
    TM_TRY(const UtcMicros monday, monday_of(line.week));
    return ReportStretch{monday, UtcMicros(monday.get() + 7 * day_us), now};
  }
  ReportStretch stretch{now, now, now};
  if (!line.to_time.empty()) {
    TM_TRY(stretch.to, moment("--to", line.to_time));
  }
  stretch.from = UtcMicros(stretch.to.get() - 7 * day_us);
  if (!line.from_time.empty()) {
    TM_TRY(stretch.from, moment("--from", line.from_time));
  }
  if (stretch.to <= stretch.from)
    return user_error("user.usage", "--to is not after --from", "turn them round");
  if (stretch.to.get() - stretch.from.get() > days_max * day_us) {
    return user_error("user.usage",
                      "from " + to_text(stretch.from) + " to " + to_text(stretch.to) +
                          " it is more than 400 days",
                      "ask for less time, and for the rest of it apart");
  }
  return stretch;
}

Result<ReportPage> page_of(const Call& call, Workspace& workspace) {
  ReportPage page;
  TM_TRY(page.stretch, stretch_of(call));
  const ProjectSpec& project = workspace.project();
  if (project.prices) page.currency = project.prices->currency;
  if (!workspace.has_store()) return page;
  // It is brought to this version first, and looked at over a connection of its own.
  TM_TRY([[maybe_unused]] Store * store, workspace.store());
  TM_TRY(const auto database,
         open_store_database(project.store, project.root, call.around.files, call.around.clock));
  std::map<JobName, const JobSpec*> jobs;
  for (const JobSpec& job : workspace.jobs())
    jobs.emplace(job.name, &job);
  const auto wanted = [&](const JobName& job) {
    return call.line.job_pattern.empty() || is_like(call.line.job_pattern, job.get());
  };
  const auto take = [&](const ReportedJob& job) {
    const auto found = jobs.find(job.job);
    // One that is gone from the project promises nothing any more; what it did is told.
    const std::optional<SloSpec> slo = found == jobs.end() ? std::nullopt : found->second->slo;
    JobReport report = report_of(job, slo, project.prices, page.stretch);
    if (report.runs > 0 || found != jobs.end()) page.jobs.push_back(std::move(report));
  };
  TM_CHECK(jobs_in(*database, page.stretch.from, page.stretch.end(), wanted, take, call.cancel));
  worst_first(page.jobs);
  return page;
}

}  // namespace

int report(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const ReportPage page, page_of(call, *workspace));
    if (call.line.json) {
      call.print_json(report_document(page));
    } else {
      call.print(report_text(page, static_cast<std::size_t>(call.line.limit)));
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
