#include "cli/run_traces.h"

#include <utility>

#include "observe/log.h"
#include "telemetry/service_metrics.h"

namespace tidemark {
namespace {

// Of a job's schedule; its newest are enough, since the run has just ended.
std::optional<UtcMicros> fire_of(Store& store, const RunRecord& run) {
  constexpr int fires_looked_at = 20;
  const auto fires = store.list_fires(Task(run.job), fires_looked_at);
  if (!fires.ok()) return std::nullopt;
  for (const FireRecord& fire : *fires) {
    if (fire.run == run.run) return fire.fire;
  }
  return std::nullopt;
}

}  // namespace

Result<TraceSenderParts> trace_sender_parts(const ProjectSpec& project, const Surroundings& around,
                                            Store& store) {
  TM_ASSERT(project.telemetry.has_value());
  TM_TRY(std::shared_ptr<const OtlpClient> client,
         OtlpClient::make(project.telemetry->otlp, around.clock));
  return TraceSenderParts{*project.telemetry, around.randomness,
                          [&store](const RunId& run) -> Result<TracedRun> {
                            TM_TRY(RunHistory history, store.get_run(run));
                            TracedRun traced{std::move(history), std::nullopt, std::nullopt};
                            traced.fire = fire_of(store, traced.history.run);
                            return traced;
                          },
                          [client](const std::string& document, const Cancel& cancel) {
                            return client->post(document, cancel);
                          },
                          [](const std::string&) {}};
}

Result<std::unique_ptr<TraceSender>> serve_traces(const ProjectSpec& project,
                                                  const Surroundings& around, Store& store,
                                                  ServiceMetrics& metrics) {
  if (!project.telemetry) return std::unique_ptr<TraceSender>();
  TM_TRY(TraceSenderParts parts, trace_sender_parts(project, around, store));
  metrics.sends_traces();
  parts.say = [](const std::string& text) {
    process_log().tell(LogLevel::warn, LogComponent::telemetry, text);
  };
  parts.sent = [&metrics](std::int64_t runs) { metrics.traces_sent(runs); };
  parts.dropped = [&metrics](std::string_view reason, std::int64_t runs) {
    metrics.traces_dropped(reason, runs);
  };
  parts.spans_refused = [&metrics](std::int64_t spans) { metrics.trace_spans_refused(spans); };
  return std::make_unique<TraceSender>(std::move(parts));
}

Result<std::unique_ptr<TraceSender>> CommandTraces::make(Workspace& workspace) {
  TM_TRY(Store * store, workspace.store());
  TM_TRY(TraceSenderParts parts, trace_sender_parts(workspace.project(), call_.around, *store));
  parts.say = [this](const std::string& text) { why_ = text; };
  parts.dropped = [this](std::string_view, std::int64_t) { is_lost_ = true; };
  parts.spans_refused = [this](std::int64_t) { is_lost_ = true; };
  return std::make_unique<TraceSender>(std::move(parts));
}

CommandTraces::CommandTraces(const Call& call, Workspace& workspace) : call_(call) {
  if (call.around.owner != nullptr || !workspace.project().telemetry) return;
  auto made = make(workspace);
  if (!made.ok()) {
    call.tell("note: traces are not sent: " + made.error().describe() + "\n");
    return;
  }
  sender_ = std::move(made).value();
  workspace.watch_runs(*sender_);
}

CommandTraces::~CommandTraces() {
  if (sender_ == nullptr) return;
  sender_->drain(traces_drain);
  if (!is_lost_) return;
  const std::string silent = "traces were not sent: the collector did not answer in time";
  call_.tell("note: " + (why_.empty() ? silent : why_) + "\n");
}

}  // namespace tidemark
