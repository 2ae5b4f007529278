#include "telemetry/service_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/version.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {
namespace {

constexpr std::size_t jobs_max = 2'000;
// Not `job`: that is what Prometheus calls what it scrapes.
constexpr const char* job_label = "etl_job";
constexpr const char* other_jobs = "(others)";
constexpr double micros_of_second = 1e6;

const std::vector<double> step_bounds{0.005, 0.02, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3'600, 14'400};
const std::vector<double> delay_bounds{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300};
const std::vector<double> store_bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5};

std::vector<MetricSpec> all_metrics() {
  using enum MetricKind;
  return {
      {"tidemark_build_info", gauge, "1; which versions run here."},
      {"tidemark_start_timestamp_seconds", gauge, "When it began to serve."},
      {"tidemark_runs_total", counter, "Runs that ended here, by job and status."},
      {"tidemark_run_rows_read_total", counter, "Rows that runs read from sources."},
      {"tidemark_run_rows_loaded_total", counter, "Rows that runs loaded into targets."},
      {"tidemark_run_rows_rejected_total", counter, "Rows that runs put into quarantine."},
      {"tidemark_run_rows_deleted_total", counter, "Rows that were gone from sources."},
      {"tidemark_run_staged_bytes_total", counter, "Bytes of sealed stages."},
      {"tidemark_run_seconds", histogram, "How long runs took, by status.", step_bounds},
      {"tidemark_run_step_seconds", histogram, "How long the steps of runs took.", step_bounds},
      {"tidemark_job_last_success_timestamp_seconds", gauge,
       "When a job that runs by itself ended well last, also where it found nothing new; since "
       "when "
       "it is served where that is not known."},
      {"tidemark_job_data_lag_seconds", gauge,
       "How far what is loaded is behind now, on the time of the data."},
      {"tidemark_job_watermark_held_seconds", gauge,
       "For how long something in the source has held back what a job may read."},
      {"tidemark_slo_burn_rate", gauge,
       "What broke a promise of a job in the last hour or six, in error budgets of that time."},
      {"tidemark_slo_budget_left_ratio", gauge,
       "What is left of a promise's error budget of seven days; below 0: it is broken."},
      {"tidemark_fires_total", counter, "Fires of schedules, by what became of them."},
      {"tidemark_fires_waiting", gauge, "Fires that wait for their turn, of all servers."},
      {"tidemark_fires_running", gauge, "Fires that run, of all servers."},
      {"tidemark_fires_to_retry", gauge, "Fires that failed and are tried again later."},
      {"tidemark_oldest_fire_wait_seconds", gauge, "How long the oldest fire has waited."},
      {"tidemark_runs_in_progress", gauge, "Runs under way, by step, of this process."},
      {"tidemark_scheduling_delay_seconds", histogram, "How late fires began.", delay_bounds},
      {"tidemark_servers", gauge, "Servers that share the store and live."},
      {"tidemark_connection_resting", gauge,
       "1: a connection's jobs wait, because it did not answer."},
      {"tidemark_connection_sessions", gauge, "Sessions of a connection that are held here."},
      {"tidemark_connection_sessions_wanted", gauge, "Sessions that are waited for here."},
      {"tidemark_connection_sessions_limit", gauge,
       "How many there may be, where that is limited."},
      {"tidemark_connection_pace", gauge, "Of the pace that is allowed; below 1: it is strained."},
      {"tidemark_store_answers", gauge, "1: the store answers; 0: it does not."},
      {"tidemark_store_seconds", histogram, "How long the store took, by what was asked.",
       store_bounds},
      {"tidemark_traces_sent_total", counter, "Runs whose traces a collector took."},
      {"tidemark_traces_dropped_total", counter, "Runs whose traces were not sent, by the reason."},
      {"tidemark_trace_spans_refused_total", counter,
       "Spans that a collector left out of what it took."},
      {"tidemark_volume_free_bytes", gauge, "Free on the volume, for whoever is not root."},
      {"tidemark_volume_size_bytes", gauge, "The size of the volume."},
      {"process_cpu_seconds_total", counter, "CPU that this process used."},
      {"process_resident_memory_bytes", gauge, "Memory that this process has."},
      {"process_open_fds", gauge, "Files and sockets that are open."},
      {"process_max_fds", gauge, "How many there may be."},
      {"process_threads", gauge, "Threads."},
      {"tidemark_process_read_bytes_total", counter, "Bytes that were read from disks."},
      {"tidemark_process_written_bytes_total", counter, "Bytes that were written to disks."},
  };
}

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}
double seconds_of(UtcMicros at) {
  return static_cast<double>(at.get()) / micros_of_second;
}
double seconds_between(UtcMicros from, UtcMicros to) {
  return static_cast<double>(to.get() - from.get()) / micros_of_second;
}

// The number behind `name:` in a file of /proc; 0 where there is none.
double number_in(const char* file, std::string_view name) {
  std::ifstream stream(file);
  std::string line;
  while (std::getline(stream, line)) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    std::istringstream rest(line.substr(name.size() + 1));
    double number = 0;
    rest >> number;
    return number;
  }
  return 0;
}

}  // namespace

ServiceMetrics::ServiceMetrics(const Clock& clock) : clock_(clock), metrics_(all_metrics()) {
  metrics_.set("tidemark_build_info",
               {{"version", std::string(version_text)}, {"engine", duck::Engine::version()}}, 1);
  metrics_.set("tidemark_start_timestamp_seconds", {}, seconds_of(clock.now_utc()));
}

std::string ServiceMetrics::label_of(const JobName& job) {
  const auto known = labels_.find(job);
  if (known != labels_.end()) return known->second;
  if (labels_.size() >= jobs_max) return other_jobs;
  return labels_.emplace(job, job.get()).first->second;
}

void ServiceMetrics::set_jobs(const Service::Jobs& jobs,
                              const std::map<JobName, UtcMicros>& ended_well) {
  const UtcMicros now = clock_.now_utc();
  std::set<JobName> known;
  std::set<JobName> by_themselves;
  for (const auto& job : jobs) {
    known.insert(job->name);
    if (!job->enabled) continue;
    // A series that begins with its first event tells nobody that there was one.
    for (const char* status : {"success", "failed", "blocked"}) {
      MetricLabels labels = of_job(job->name);
      labels.emplace("status", status);
      metrics_.add("tidemark_runs_total", labels, 0);
    }
    if (job->schedule.every || job->schedule.cron) by_themselves.insert(job->name);
  }
  const std::lock_guard lock(mutex_);
  for (const JobName& job : by_themselves) {
    const auto well = ended_well.find(job);
    succeeded_at_.try_emplace(job, well == ended_well.end() ? now : well->second);
  }
  std::erase_if(succeeded_at_, [&](const auto& one) { return !by_themselves.contains(one.first); });
  std::erase_if(data_until_, [&](const auto& one) { return !known.contains(one.first); });
  std::erase_if(held_since_, [&](const auto& one) { return !known.contains(one.first); });
}

MetricLabels ServiceMetrics::of_job(const JobName& job) {
  const std::lock_guard lock(mutex_);
  return {{job_label, label_of(job)}};
}

void ServiceMetrics::on(const RunEvent& event) {
  const auto now = clock_.monotonic();
  const std::lock_guard lock(mutex_);
  const auto [going, is_new_run] =
      going_.try_emplace(event.run, Going{event.stream.job, {}, false});
  if (is_new_run) {
    // One that ended without a word, because the store was gone, is not told for ever.
    std::erase_if(going_, [&](const auto& other) {
      return other.second.job == event.stream.job && other.first != event.run;
    });
  }
  if (event.holds_watermark) going->second.holds_watermark = true;
  const auto [at, is_new] =
      going->second.streams.try_emplace(event.stream.stream, Step{event.step, now});
  Step& step = at->second;
  if (is_new || step.step == event.step) return;
  metrics_.observe("tidemark_run_step_seconds", {{"step", std::string(to_string(step.step))}},
                   seconds(now - step.since));
  step = {event.step, now};
}

void ServiceMetrics::ended(const RunEnd& end) {
  const MetricLabels job = of_job(end.job);
  MetricLabels with_status = job;
  with_status.emplace("status", end.status);
  metrics_.add("tidemark_runs_total", with_status);
  const auto count = [&](const char* name, std::int64_t more) {
    if (more > 0) metrics_.add(name, job, static_cast<double>(more));
  };
  count("tidemark_run_rows_read_total", end.rows_read);
  count("tidemark_run_rows_loaded_total", end.rows_loaded);
  count("tidemark_run_rows_rejected_total", end.rows_rejected);
  count("tidemark_run_rows_deleted_total", end.rows_deleted);
  count("tidemark_run_staged_bytes_total", end.bytes_staged);
  metrics_.observe("tidemark_run_seconds", {{"status", end.status}}, seconds(end.took));

  const UtcMicros now = clock_.now_utc();
  const std::lock_guard lock(mutex_);
  const auto going = going_.find(end.run);
  if (going != going_.end() && going->second.holds_watermark) {
    held_since_.try_emplace(end.job, now);
  } else {
    held_since_.erase(end.job);
  }
  going_.erase(end.run);
  const auto well = succeeded_at_.find(end.job);
  if (end.is_well && well != succeeded_at_.end()) well->second = now;
  if (end.data_until) data_until_[end.job] = UtcMicros(*end.data_until);
}

void ServiceMetrics::left(const RunId& run) {
  const std::lock_guard lock(mutex_);
  going_.erase(run);
}

void ServiceMetrics::note(const ServiceNote& note) {
  metrics_.add("tidemark_fires_total", {{"state", std::string(to_string(note.state))},
                                        {"task", std::string(to_string(note.task.what))}});
}

void ServiceMetrics::store_took(std::string_view what, std::chrono::nanoseconds took) {
  metrics_.observe("tidemark_store_seconds", {{"what", std::string(what)}}, seconds(took));
}

// A series that begins with what it warns of tells nobody that there was nothing before.
void ServiceMetrics::sends_traces() {
  traces_sent(0);
  trace_spans_refused(0);
  for (const char* reason : {"full", "refused", "stopped", "unreadable"})
    traces_dropped(reason, 0);
}

void ServiceMetrics::traces_sent(std::int64_t runs) {
  metrics_.add("tidemark_traces_sent_total", {}, static_cast<double>(runs));
}

void ServiceMetrics::traces_dropped(std::string_view reason, std::int64_t runs) {
  metrics_.add("tidemark_traces_dropped_total", {{"reason", std::string(reason)}},
               static_cast<double>(runs));
}

void ServiceMetrics::trace_spans_refused(std::int64_t spans) {
  metrics_.add("tidemark_trace_spans_refused_total", {}, static_cast<double>(spans));
}

void ServiceMetrics::delayed(std::chrono::milliseconds delay) {
  metrics_.observe("tidemark_scheduling_delay_seconds", {}, seconds(delay));
}

void ServiceMetrics::set_store(const std::optional<StoreOverview>& told) {
  metrics_.set("tidemark_store_answers", {}, told ? 1 : 0);
  if (!told) {
    for (const char* name :
         {"tidemark_fires_waiting", "tidemark_fires_running", "tidemark_fires_to_retry",
          "tidemark_servers", "tidemark_oldest_fire_wait_seconds"})
      metrics_.clear(name);
    return;
  }
  const StoreOverview& store = *told;
  const auto set = [&](const char* name, std::int64_t value) {
    metrics_.set(name, {}, static_cast<double>(value));
  };
  set("tidemark_fires_waiting", store.fires_waiting);
  set("tidemark_fires_running", store.fires_running);
  set("tidemark_fires_to_retry", store.fires_to_retry);
  set("tidemark_servers", static_cast<std::int64_t>(store.servers.size()));
  metrics_.set("tidemark_oldest_fire_wait_seconds", {},
               store.waits_since ? seconds_between(*store.waits_since, store.at) : 0);
}

void ServiceMetrics::set_jobs(UtcMicros at) {
  const std::lock_guard lock(mutex_);
  for (const char* name :
       {"tidemark_job_last_success_timestamp_seconds", "tidemark_job_data_lag_seconds",
        "tidemark_job_watermark_held_seconds", "tidemark_runs_in_progress"})
    metrics_.clear(name);
  const auto set = [&](const char* name, const JobName& job, double value) {
    const std::string label = label_of(job);
    // Of several jobs under one label no single value is true.
    if (label != other_jobs) metrics_.set(name, {{job_label, label}}, value);
  };
  for (const auto& [job, when] : succeeded_at_)
    set("tidemark_job_last_success_timestamp_seconds", job, seconds_of(when));
  for (const auto& [job, until] : data_until_)
    set("tidemark_job_data_lag_seconds", job, seconds_between(until, at));
  for (const auto& [job, since] : held_since_)
    set("tidemark_job_watermark_held_seconds", job, seconds_between(since, at));
  std::map<RunStep, std::set<RunId>> runs;
  for (const auto& [run, going] : going_) {
    for (const auto& [stream, step] : going.streams)
      runs[step.step].insert(run);
  }
  for (const auto& [step, ids] : runs)
    metrics_.set("tidemark_runs_in_progress", {{"step", std::string(to_string(step))}},
                 static_cast<double>(ids.size()));
}

void ServiceMetrics::set_promises(std::vector<PromiseNow> promises) {
  const std::lock_guard lock(mutex_);
  promises_ = std::move(promises);
}

void ServiceMetrics::tell_promises() {
  const std::lock_guard lock(mutex_);
  metrics_.clear("tidemark_slo_burn_rate");
  metrics_.clear("tidemark_slo_budget_left_ratio");
  for (const PromiseNow& promise : promises_) {
    const std::string label = label_of(promise.job);
    if (label == other_jobs) continue;
    const auto burn = [&](const char* window, const std::optional<double>& value) {
      if (value)
        metrics_.set("tidemark_slo_burn_rate",
                     {{job_label, label}, {"slo", promise.what}, {"window", window}}, *value);
    };
    burn("1h", promise.burn_1h);
    burn("6h", promise.burn_6h);
    if (promise.left)
      metrics_.set("tidemark_slo_budget_left_ratio", {{job_label, label}, {"slo", promise.what}},
                   *promise.left);
  }
}

void ServiceMetrics::set_process() {
  struct rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto in_seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / micros_of_second;
  };
  metrics_.advance_to("process_cpu_seconds_total", {},
                      in_seconds(used.ru_utime) + in_seconds(used.ru_stime));
  metrics_.set("process_resident_memory_bytes", {}, number_in("/proc/self/status", "VmRSS") * 1024);
  metrics_.set("process_threads", {}, number_in("/proc/self/status", "Threads"));
  std::error_code code;
  double open = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", code);
       !code && entry != std::filesystem::directory_iterator(); entry.increment(code))
    ++open;
  metrics_.set("process_open_fds", {}, open);
  struct rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
    metrics_.set("process_max_fds", {}, static_cast<double>(files.rlim_cur));
  metrics_.advance_to("tidemark_process_read_bytes_total", {},
                      number_in("/proc/self/io", "read_bytes"));
  metrics_.advance_to("tidemark_process_written_bytes_total", {},
                      number_in("/proc/self/io", "write_bytes"));
}

std::string ServiceMetrics::text(const ServiceMoment& moment) {
  set_store(moment.store);
  set_jobs(clock_.now_utc());
  tell_promises();
  set_process();
  metrics_.clear("tidemark_connection_resting");
  for (const RestingConnection& resting : moment.now.resting)
    metrics_.set("tidemark_connection_resting", {{"connection", resting.connection}}, 1);
  for (const ServiceMoment::Use& use : moment.connections) {
    const MetricLabels labels{{"connection", use.connection}};
    metrics_.set("tidemark_connection_sessions", labels, static_cast<double>(use.sessions));
    metrics_.set("tidemark_connection_sessions_wanted", labels, static_cast<double>(use.wanted));
    if (use.limit)
      metrics_.set("tidemark_connection_sessions_limit", labels, static_cast<double>(*use.limit));
    metrics_.set("tidemark_connection_pace", labels, use.pace);
  }
  for (const auto& [use, space] : moment.volumes) {
    const MetricLabels labels{{"volume", use}};
    metrics_.set("tidemark_volume_free_bytes", labels, static_cast<double>(space.free));
    metrics_.set("tidemark_volume_size_bytes", labels, static_cast<double>(space.all));
  }
  return metrics_.text();
}

}  // namespace tidemark
