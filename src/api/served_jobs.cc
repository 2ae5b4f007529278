#include "api/served_jobs.h"

#include <utility>
#include <variant>

namespace tidemark {

std::optional<UtcMicros> ServedJob::next_fire(UtcMicros now) const {
  if (!times_ || !spec_->enabled) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (asked_at_ <= now && now < next_) return next_;
  const auto found = times_->after(now);
  if (!found) return std::nullopt;
  asked_at_ = now;
  next_ = *found;
  return found;
}

void ServedJobs::set(const std::vector<std::shared_ptr<const JobSpec>>& jobs) {
  auto table = std::make_shared<JobTable>();
  for (const auto& job : jobs) {
    auto times = JobTimes::of(job->schedule);
    table->emplace(job->name.get(),
                   std::make_unique<const ServedJob>(
                       job, times.ok() ? *std::move(times) : std::optional<JobTimes>()));
  }
  const std::lock_guard lock(mutex_);
  table_ = std::move(table);
}

std::shared_ptr<const JobTable> ServedJobs::now() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

std::string source_text(const JobSpec& job) {
  const auto list = [](const std::vector<Name>& names) {
    constexpr std::size_t shown_max = 3;
    std::string text;
    for (std::size_t at = 0; at < names.size() && at < shown_max; ++at)
      text += (at == 0 ? "" : ", ") + names[at].value;
    return names.size() > shown_max ? text + ", ..." : text;
  };
  std::string what = "a query";
  if (const auto* table = std::get_if<TableInput>(&job.from.input)) what = table->table.value;
  if (const auto* tables = std::get_if<TablesInput>(&job.from.input)) what = list(tables->tables);
  if (const auto* files = std::get_if<FilesInput>(&job.from.input)) what = list(files->patterns);
  return job.from.connection.value + " " + what;
}

// As a file says it: `90m`, `1h`, `7d`.
static std::string every_text(std::chrono::milliseconds every) {
  constexpr std::pair<std::int64_t, const char*> units[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}};
  for (const auto& [length, name] : units) {
    if (every.count() % length == 0) return std::to_string(every.count() / length) + name;
  }
  return std::to_string(every.count()) + "ms";
}

std::string schedule_text(const ScheduleSpec& schedule) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (schedule.every) add("every " + every_text(*schedule.every));
  if (schedule.cron) add("cron " + schedule.cron->value + " " + zone_name(schedule));
  for (const Name& before : schedule.after)
    add("after " + before.value);
  if (schedule.when) add("when " + to_text(*schedule.when));
  return text;
}

}  // namespace tidemark
