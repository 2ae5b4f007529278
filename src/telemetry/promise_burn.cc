#include "telemetry/promise_burn.h"

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

constexpr std::chrono::minutes looks_every{1};
constexpr std::chrono::minutes looks_at_budgets_every{15};
// Of the time that a look took it rests so many times.
constexpr int rests = 9;
constexpr std::size_t jobs_max = 2'000;

UtcMicros before(UtcMicros now, std::chrono::microseconds time) {
  return UtcMicros(now.get() - time.count());
}

std::vector<PromiseReport> promises_of(const ReportedJob& job, const SloSpec& slo,
                                       std::chrono::microseconds time, UtcMicros now) {
  return report_of(job, slo, std::nullopt, {before(now, time), now, now}).promises;
}

// The fires of a report are those of its time.
ReportedJob since(ReportedJob job, UtcMicros from) {
  std::erase_if(job.fires, [&](const ReportedFire& fire) { return fire.due < from; });
  return job;
}

std::optional<double> burn(const PromiseReport& promise, const SloSpec& slo) {
  if (promise.kept.measured == 0) return std::nullopt;
  return promise.kept.burn(slo.budget());
}

std::chrono::nanoseconds rest_after(std::chrono::nanoseconds took, std::chrono::nanoseconds usual) {
  return std::max(usual, took * rests);
}

}  // namespace

std::vector<PromiseNow> burn_of(const ReportedJob& job, const SloSpec& slo, UtcMicros now) {
  const std::chrono::hours hour(1);
  const auto long_ones = promises_of(job, slo, burn_window, now);
  const auto short_ones = promises_of(since(job, before(now, hour)), slo, hour, now);
  std::vector<PromiseNow> found;
  for (std::size_t at = 0; at < long_ones.size(); ++at) {
    found.push_back({job.job, long_ones[at].what, burn(short_ones[at], slo),
                     burn(long_ones[at], slo), std::nullopt});
  }
  return found;
}

void set_left(const ReportedJob& job, const SloSpec& slo, UtcMicros now,
              std::vector<PromiseNow>& promises) {
  for (const PromiseReport& report : promises_of(job, slo, budget_window, now)) {
    for (PromiseNow& promise : promises) {
      if (promise.job == job.job && promise.what == report.what && report.kept.measured > 0)
        promise.left = report.left();
    }
  }
}

PromiseWatch::PromiseWatch(std::unique_ptr<SqlDatabase> database, const Clock& clock, Tell tell)
    : database_(std::move(database)), clock_(clock), tell_(std::move(tell)) {
  thread_ = std::thread([this] { watch(); });
}

PromiseWatch::~PromiseWatch() {
  stop_.request();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  thread_.join();
}

void PromiseWatch::set_jobs(const Jobs& jobs) {
  const std::lock_guard lock(mutex_);
  jobs_.clear();
  for (const auto& job : jobs) {
    if (job->slo && job->enabled && jobs_.size() < jobs_max) jobs_.push_back(job);
  }
  is_new_ = true;
  changed_.notify_all();
}

void PromiseWatch::watch() {
  using std::chrono::nanoseconds;
  nanoseconds rested{};
  nanoseconds next_look{};
  nanoseconds next_budgets{};
  std::unique_lock lock(mutex_);
  while (!stop_.requested()) {
    const nanoseconds now = clock_.monotonic();
    // Jobs may be edited often: it rests all the same.
    const nanoseconds next = is_new_ ? rested : next_look;
    if (now < next) {
      changed_.wait_for(lock, std::min<nanoseconds>(next - now, std::chrono::seconds(1)));
      continue;
    }
    const bool at_budgets = now >= next_budgets;
    is_new_ = false;
    const Jobs jobs = jobs_;
    lock.unlock();
    tell_(look(jobs, at_budgets));
    lock.lock();
    const nanoseconds ended = clock_.monotonic();
    rested = ended + rest_after(ended - now, nanoseconds(0));
    next_look = ended + rest_after(ended - now, looks_every);
    if (at_budgets) next_budgets = ended + rest_after(ended - now, looks_at_budgets_every);
  }
}

std::vector<PromiseNow> PromiseWatch::look(const Jobs& jobs, bool at_budgets) {
  if (at_budgets) budgets_.clear();
  std::vector<PromiseNow> found;
  for (const auto& job : jobs) {
    if (stop_.requested()) return found;
    const UtcMicros now = clock_.now_utc();
    const auto read = job_in(*database_, job->name, before(now, burn_window), now);
    // What cannot be read now is told no more; the next look may.
    if (!read.ok()) continue;
    std::vector<PromiseNow> promises = burn_of(*read, *job->slo, now);
    const auto [known, is_new] = budgets_.try_emplace(job->name);
    Budgets& budgets = known->second;
    if (is_new || budgets.version != job->content_hash) {
      const auto week = job_in(*database_, job->name, before(now, budget_window), now);
      if (week.ok()) set_left(*week, *job->slo, now, promises);
      budgets = {job->content_hash, {}};
      for (const PromiseNow& promise : promises)
        budgets.left[promise.what] = promise.left;
    }
    for (PromiseNow& promise : promises) {
      promise.left = budgets.left[promise.what];
      found.push_back(std::move(promise));
    }
  }
  return found;
}

}  // namespace tidemark
