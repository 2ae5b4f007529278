// How fast the error budgets of jobs burn now: of each promise over the last hour and the last six,
// and what is left of the budget of seven days. docs/slo.md has the formulas.
//
// burn_of() and left_of() are pure. A PromiseWatch owns a thread that reads the store: about once a
// minute for the short windows, four times an hour for the long one, sooner for jobs that are new,
// and never for more than a tenth of the time. Owned by who serves; set_jobs() from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "env/clock.h"
#include "spec/job_spec.h"
#include "store/report_rows.h"
#include "store/sql_session.h"
#include "telemetry/job_report.h"

namespace tidemark {

// One promise of a job. Nothing where nothing was measured in that time.
struct PromiseNow {
  JobName job;
  std::string what;  // `freshness`, `duration`, `start`
  std::optional<double> burn_1h;
  std::optional<double> burn_6h;
  std::optional<double> left;  // of the budget of the last seven days; below 0: broken
};

inline constexpr std::chrono::hours burn_window{6};
inline constexpr std::chrono::hours budget_window{7 * 24};

// `job`: what it did in the six hours up to `now`.
std::vector<PromiseNow> burn_of(const ReportedJob& job, const SloSpec& slo, UtcMicros now);
// Sets what is left of each, of a job's last seven days up to `now`.
void set_left(const ReportedJob& job, const SloSpec& slo, UtcMicros now,
              std::vector<PromiseNow>& promises);

class PromiseWatch {
 public:
  using Jobs = std::vector<std::shared_ptr<const JobSpec>>;
  using Tell = std::function<void(std::vector<PromiseNow>)>;

  // `tell` is called by its thread, with the promises of all jobs that could be read. `clock`
  // outlives it.
  PromiseWatch(std::unique_ptr<SqlDatabase> database, const Clock& clock, Tell tell);
  // Waits for the job that is being read.
  ~PromiseWatch();
  PromiseWatch(const PromiseWatch&) = delete;
  PromiseWatch& operator=(const PromiseWatch&) = delete;

  // Those that promise something are looked at from now on, 2,000 at most: soon, the long window of
  // those that are new or another version alone.
  void set_jobs(const Jobs& jobs);

 private:
  void watch();
  std::vector<PromiseNow> look(const Jobs& jobs, bool at_budgets);

  const std::unique_ptr<SqlDatabase> database_;
  const Clock& clock_;
  const Tell tell_;
  Cancel stop_;
  struct Budgets {
    std::string version;                                // of the job
    std::map<std::string, std::optional<double>> left;  // by promise
  };
  // By its thread alone: what was found of the long window.
  std::map<JobName, Budgets> budgets_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  Jobs jobs_;
  bool is_new_ = false;
  std::thread thread_;
};

}  // namespace tidemark
