#include "schedule/fire_rules.h"

namespace tidemark {
namespace {

// Runs go first, and parts of backfills last.
constexpr std::int64_t verify_priority = backfill_priority + 1;

}  // namespace

UtcMicros later(UtcMicros at, std::chrono::nanoseconds by) {
  return UtcMicros(at.get() + std::chrono::duration_cast<std::chrono::microseconds>(by).count());
}

bool is_the_stores(const Error& error) {
  return error.code == "store.disk_full" || error.code == "store.read_only";
}

Missed missed_of(const JobSpec& job, FireTask what) {
  return what == FireTask::run ? job.schedule.missed : Missed::once;
}

OnOpen on_open_of(const JobSpec& job, FireTask what) {
  if (what != FireTask::run) return OnOpen::skip;
  switch (job.schedule.overlap) {
    case Overlap::skip:
      return OnOpen::skip;
    case Overlap::queue:
      return OnOpen::queue;
    case Overlap::cancel:
      return OnOpen::replace;
  }
  return OnOpen::skip;
}

void describe(FireRecord& fire, const JobSpec& job) {
  const ScheduleSpec& schedule = job.schedule;
  fire.priority = fire.task.what == FireTask::run ? schedule.priority : verify_priority;
  const bool loads = fire.half == FireHalf::load;
  const auto& pool = loads ? schedule.load_pool : schedule.pool;
  const auto& label = loads ? schedule.load_label : schedule.label;
  fire.pool = pool ? pool->value : "";
  fire.label = label ? label->value : "";
}

bool counts_as_run(FireState state) {
  return state == FireState::done || state == FireState::failed || state == FireState::blocked;
}

std::set<std::string> connections_of(const JobSpec& job, FireHalf half) {
  if (half == FireHalf::load) return {job.to.connection.value};
  return {job.from.connection.value, job.to.connection.value};
}

std::string held_back_text(const std::vector<JobName>& jobs) {
  std::string names;
  for (const JobName& job : jobs)
    names += (names.empty() ? "" : ", ") + job.get();
  return names.empty() ? "" : "; held back: " + names;
}

FireState state_after(const RunRecord& record) {
  switch (record.status()) {
    case RunStatus::success:
    case RunStatus::skipped:
      return FireState::done;
    case RunStatus::blocked:
      return FireState::blocked;
    case RunStatus::cancelled:
      return FireState::cancelled;
    case RunStatus::failed:
    case RunStatus::running:  // a COMMIT that cannot be resolved now
      return FireState::failed;
  }
  return FireState::failed;
}

}  // namespace tidemark
