// ServiceMetrics: what `/metrics` tells of a service: what its runs did since it began, counted as
// it happens, and what goes on now, looked at when it is asked.
//
// Owned by who serves; outlives its runs. Any thread. Labels are bounded: jobs beyond the first
// 2,000 are told together as `etl_job="(others)"`, and no label holds anything out of a row.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "connect/guard.h"
#include "drivers/prometheus/metrics.h"
#include "env/clock.h"
#include "env/files.h"
#include "observe/run_event.h"
#include "schedule/run_signs.h"
#include "schedule/service.h"
#include "store/overview.h"
#include "telemetry/promise_burn.h"

namespace tidemark {

// What is told of a moment, beside what was counted.
struct ServiceMoment {
  std::optional<StoreOverview> store;  // nothing: it does not answer
  ServiceNow now;
  std::vector<std::pair<std::string, VolumeSpace>> volumes;  // for what: `stage`, `store`, `spill`
  struct Use {
    std::string connection;
    std::int64_t sessions = 0;  // held now
    std::int64_t wanted = 0;    // waited for
    std::optional<std::int64_t> limit;
    double pace = 1;  // of what it would be; less where the source is strained
  };
  std::vector<Use> connections;
};

class ServiceMetrics final : public RunObserver {
 public:
  explicit ServiceMetrics(const Clock& clock);

  // What is served from now on: of jobs that have times of their own it is told since when none
  // ended well, and that none has failed yet; of others nothing any more. `ended_well`: as the
  // store knows it.
  void set_jobs(const Service::Jobs& jobs, const std::map<JobName, UtcMicros>& ended_well);
  void on(const RunEvent& event) override;
  void ended(const RunEnd& end) override;
  void left(const RunId& run) override;
  // Of a fire: begun, ended, left out, tried again later.
  void note(const ServiceNote& note);
  // `what` the store was asked to do, as `read` or `write`, took so long.
  void store_took(std::string_view what, std::chrono::nanoseconds took);
  // Traces of runs, see TraceSender: from now on they are told; so many more were sent, or dropped.
  void sends_traces();
  void traces_sent(std::int64_t runs);
  void traces_dropped(std::string_view reason, std::int64_t runs);
  void trace_spans_refused(std::int64_t spans);
  // How what jobs promise stands now, in the place of what was told of it before.
  void set_promises(std::vector<PromiseNow> promises);
  // How late a fire began.
  void delayed(std::chrono::milliseconds delay);

  std::string text(const ServiceMoment& moment);

 private:
  struct Step {
    RunStep step = RunStep::plan;
    std::chrono::nanoseconds since{};
  };
  struct Going {
    JobName job;
    std::map<StreamName, Step> streams;
    bool holds_watermark = false;  // its source
  };
  std::string label_of(const JobName& job);  // with mutex_ held
  MetricLabels of_job(const JobName& job);
  void set_store(const std::optional<StoreOverview>& store);
  void set_jobs(UtcMicros at);
  void tell_promises();
  void set_process();

  const Clock& clock_;
  Metrics metrics_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<JobName, std::string> labels_;
  std::unordered_map<RunId, Going> going_;
  std::map<JobName, UtcMicros> held_since_;  // its watermark
  std::map<JobName, UtcMicros> data_until_;
  std::map<JobName, UtcMicros> succeeded_at_;
  std::vector<PromiseNow> promises_;
};

}  // namespace tidemark
