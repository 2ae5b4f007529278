#include "telemetry/traces.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/version.h"
#include "drivers/hash/hash.h"
#include "drivers/json/utf8.h"

namespace tidemark {
namespace {

constexpr std::size_t trace_id_digits = 32;
constexpr std::size_t span_id_digits = 16;
constexpr int kind_internal = 1;
constexpr int status_error = 2;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

std::string span_id_of(const RunId& run, const std::string& what) {
  return sha256_hex(run.get() + "\n" + what).substr(0, span_id_digits);
}

std::string nanos(UtcMicros at) {
  return std::to_string(std::max<std::int64_t>(at.get(), 0)) + "000";
}

// The attributes of a span, or of the service.
class Attributes {
 public:
  Attributes& text(const char* key, std::string_view value) {
    if (!value.empty()) add(key, "stringValue", is_utf8(value) ? value : "(not UTF-8)");
    return *this;
  }
  // 64 bits are text in JSON.
  Attributes& number(const char* key, std::int64_t value) {
    return add(key, "intValue", std::to_string(value));
  }
  Attributes& add(const std::string& key, const char* kind, std::string_view value) {
    list_.push_back(JsonValue().set("key", key).set("value", JsonValue().set(kind, value)));
    return *this;
  }
  JsonArray take() { return std::move(list_); }

 private:
  JsonArray list_;
};

// What all spans of a trace have.
struct Trace {
  const RunId& run;
  std::string id;

  JsonValue span(const std::string& what, const std::string& parent, std::string_view name,
                 UtcMicros from, UtcMicros to) const {
    JsonValue span;
    span.set("traceId", id).set("spanId", span_id_of(run, what));
    if (!parent.empty()) span.set("parentSpanId", parent);
    span.set("name", is_utf8(name) ? name : "(not UTF-8)").set("kind", kind_internal);
    // A clock that was put back makes no span that ends before it begins.
    return span.set("startTimeUnixNano", nanos(from))
        .set("endTimeUnixNano", nanos(std::max(from, to)));
  }
};

bool is_error(RunState state) {
  return state == RunState::failed || state == RunState::blocked;
}

// By its code alone: its message may have a value of a row.
void set_error(JsonValue& span, Attributes& attributes, RunState state,
               const std::optional<StoredError>& error) {
  if (error) attributes.text("error.type", error->code).text("tidemark.fault", error->fault);
  if (!is_error(state)) return;
  span.set("status", JsonValue()
                         .set("code", status_error)
                         .set("message", error ? error->code : std::string(to_string(state))));
}

// What is done in a state; empty where it is only waited.
std::string_view step_in(RunState state) {
  switch (state) {
    case RunState::extracting:
      return "extract";
    case RunState::staged:
      return "validate";
    case RunState::loading:
      return "load";
    case RunState::commit_unknown:
      return "resolve";
    case RunState::committed:
      return "acknowledge";
    case RunState::scheduled:
    case RunState::claimed:
    case RunState::planned:
    case RunState::checked:
    case RunState::done:
    case RunState::retry_wait:
    case RunState::failed:
    case RunState::cancelled:
    case RunState::skipped:
    case RunState::blocked:
      return "";
  }
  return "";
}

// One state of a stream, from the transition into it to the one out of it.
struct Step {
  RunState state = RunState::planned;
  UtcMicros from;
  std::int64_t number = 0;  // of the event that began it
  UtcMicros until;
  RunState next = RunState::planned;
};

using StepsOf = std::map<StreamName, std::vector<Step>>;

StepsOf steps_of(const std::vector<EventRecord>& events) {
  StepsOf done;
  std::map<StreamName, Step> open;
  for (const EventRecord& event : events) {
    if (event.stream.get().empty()) continue;  // of the run as a whole
    const auto step = open.find(event.stream);
    if (!event.state_to) {
      // Who takes a run over begins with its stage then; until then the stage has waited.
      if (step != open.end() && step->second.state == RunState::staged)
        step->second.from = event.at;
      continue;
    }
    if (step != open.end() && !step_in(step->second.state).empty()) {
      step->second.until = event.at;
      step->second.next = *event.state_to;
      done[event.stream].push_back(step->second);
    }
    open[event.stream] = Step{*event.state_to, event.at, event.number, event.at, *event.state_to};
  }
  return done;
}

// Counts belong to the last step of a kind that came to its end: what was done before it was done
// again.
bool has_counts(const std::vector<Step>& steps, std::size_t at) {
  const Step& step = steps[at];
  const bool ended = (step.state == RunState::extracting && step.next == RunState::staged) ||
                     (step.state == RunState::staged && step.next == RunState::checked) ||
                     (step.state == RunState::loading && step.next == RunState::committed);
  return ended && std::none_of(steps.begin() + static_cast<std::ptrdiff_t>(at) + 1, steps.end(),
                               [&](const Step& later) { return later.state == step.state; });
}

void count(Attributes& attributes, const Step& step, const StreamCounts& counts) {
  if (step.state == RunState::extracting) {
    attributes.number("tidemark.rows_read", counts.rows_read.get())
        .number("tidemark.bytes_staged", counts.bytes_staged);
  } else if (step.state == RunState::staged) {
    attributes.number("tidemark.rows_good", counts.rows_good.get())
        .number("tidemark.rows_rejected", counts.rows_rejected.get());
  } else {
    attributes.number("tidemark.rows_loaded", counts.rows_loaded.get())
        .number("tidemark.rows_deleted", counts.rows_deleted.get());
  }
}

// The span of a stream, and those of its steps.
JsonArray spans_of(const Trace& trace, const StreamRecord& stream, const std::vector<Step>& steps,
                   UtcMicros run_end) {
  const std::string name = stream.stream.get();
  const std::string what = "stream " + name;
  JsonValue span = trace.span(what, span_id_of(trace.run, "run"), what, stream.started_at,
                              stream.ended_at.value_or(run_end));
  Attributes attributes;
  attributes.text("tidemark.stream", name)
      .text("tidemark.state", to_string(stream.mark.state))
      .number("tidemark.seq", stream.seq.get())
      .number("tidemark.attempt", stream.attempt)
      .number("tidemark.rows_read", stream.counts.rows_read.get())
      .number("tidemark.rows_loaded", stream.counts.rows_loaded.get())
      .number("tidemark.rows_rejected", stream.counts.rows_rejected.get())
      .number("tidemark.rows_deleted", stream.counts.rows_deleted.get())
      .number("tidemark.bytes_staged", stream.counts.bytes_staged);
  set_error(span, attributes, stream.mark.state, stream.error);
  JsonArray spans{std::move(span.set("attributes", attributes.take()))};
  for (std::size_t at = 0; at < steps.size(); ++at) {
    const Step& step = steps[at];
    JsonValue one =
        trace.span(what + " " + std::to_string(step.number), span_id_of(trace.run, what),
                   step_in(step.state), step.from, step.until);
    Attributes told;
    told.text("tidemark.stream", name).text("tidemark.next_state", to_string(step.next));
    if (has_counts(steps, at)) count(told, step, stream.counts);
    if (is_error(step.next)) set_error(one, told, step.next, stream.error);
    spans.push_back(std::move(one.set("attributes", told.take())));
  }
  return spans;
}

JsonValue root_of(const Trace& trace, const TracedRun& traced, std::int64_t streams_left_out) {
  const RunRecord& run = traced.history.run;
  const std::optional<TraceParent>& parent = traced.parent;
  const bool is_child = parent && parent->is_sampled;
  JsonValue span = trace.span("run", is_child ? parent->span_id : "", "run " + run.job.get(),
                              run.started_at, *run.ended_at);
  Attributes attributes;
  attributes.text("tidemark.job", run.job.get())
      .text("tidemark.run", run.run.get())
      .text("tidemark.kind", to_string(run.kind))
      .text("tidemark.state", to_string(run.state));
  if (traced.fire) attributes.text("tidemark.fire", to_text(*traced.fire));
  if (run.guarantee) attributes.text("tidemark.guarantee", to_string(*run.guarantee));
  attributes.number("tidemark.attempt", run.attempt)
      .number("tidemark.rows_read", run.rows_read.get())
      .number("tidemark.rows_loaded", run.rows_loaded.get())
      .number("tidemark.rows_rejected", run.rows_rejected.get())
      .number("tidemark.rows_deleted", run.rows_deleted.get())
      .number("tidemark.bytes_staged", run.bytes_staged);
  if (run.use) {
    attributes.number("tidemark.cpu_us", run.use->cpu_us)
        .number("tidemark.bytes_read", run.use->bytes_read)
        .number("tidemark.bytes_written", run.use->bytes_written);
  }
  if (streams_left_out > 0) attributes.number("tidemark.streams_left_out", streams_left_out);
  set_error(span, attributes, run.state, run.error);
  span.set("attributes", attributes.take());
  // Who is not sampled there is not sent there, and what refers to it is a trace of its own.
  if (parent && !is_child) {
    JsonValue link;
    link.set("traceId", parent->trace_id).set("spanId", parent->span_id);
    span.set("links", JsonArray{std::move(link)});
  }
  return span;
}

// From the run's beginning to its first event, which is there when the plan is.
JsonValue plan_of(const Trace& trace, const RunHistory& history) {
  const RunRecord& run = history.run;
  const UtcMicros until = history.events.empty() ? *run.ended_at : history.events.front().at;
  JsonValue span = trace.span("plan", span_id_of(trace.run, "run"), "plan", run.started_at, until);
  Attributes attributes;
  attributes.number("tidemark.streams", static_cast<std::int64_t>(run.streams.size()));
  if (run.streams.empty()) set_error(span, attributes, run.state, run.error);
  return span.set("attributes", attributes.take());
}

}  // namespace

std::optional<TraceParent> TraceParent::parse(std::string_view header) {
  constexpr std::size_t length = 55;  // 00-<32 digits>-<16 digits>-<2 digits>
  constexpr std::size_t trace_at = 3;
  constexpr std::size_t span_at = 36;
  constexpr std::size_t flags_at = 53;
  if (header.size() < length || header[2] != '-' || header[span_at - 1] != '-' ||
      header[flags_at - 1] != '-')
    return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  const std::string_view flags = header.substr(flags_at, 2);
  if (!is_hex(version) || version == "ff" || !is_hex(flags)) return std::nullopt;
  // A version to come may have more behind it.
  if (header.size() > length && (version == "00" || header[length] != '-')) return std::nullopt;
  TraceParent parent{std::string(header.substr(trace_at, trace_id_digits)),
                     std::string(header.substr(span_at, span_id_digits)), false};
  if (!is_id(parent.trace_id) || !is_id(parent.span_id)) return std::nullopt;
  parent.is_sampled = std::string_view("13579bdf").find(flags[1]) != std::string_view::npos;
  return parent;
}

std::string trace_id_of(const RunId& run) {
  return sha256_hex(run.get()).substr(0, trace_id_digits);
}

JsonArray spans_of(const TracedRun& traced) {
  const RunRecord& run = traced.history.run;
  TM_ASSERT(run.ended_at.has_value());
  const bool is_child = traced.parent && traced.parent->is_sampled;
  const Trace trace{run.run, is_child ? traced.parent->trace_id : trace_id_of(run.run)};
  const StepsOf steps = steps_of(traced.history.events);
  JsonArray of_streams;
  std::int64_t left_out = 0;
  for (const StreamRecord& stream : run.streams) {
    const auto own = steps.find(stream.stream);
    const std::size_t needed = 1 + (own == steps.end() ? 0 : own->second.size());
    if (of_streams.size() + needed + 2 > spans_of_run_max) {
      ++left_out;
      continue;
    }
    JsonArray spans = spans_of(
        trace, stream, own == steps.end() ? std::vector<Step>() : own->second, *run.ended_at);
    std::move(spans.begin(), spans.end(), std::back_inserter(of_streams));
  }
  JsonArray spans{root_of(trace, traced, left_out), plan_of(trace, traced.history)};
  std::move(of_streams.begin(), of_streams.end(), std::back_inserter(spans));
  return spans;
}

std::string traces_document(const TelemetrySpec& spec, JsonArray spans) {
  Attributes service;
  service.text("service.name", spec.service_name).text("service.version", version_text);
  for (const auto& [key, value] : spec.attributes)
    service.add(key, "stringValue", value);
  JsonValue scope;
  scope.set("name", "tidemark").set("version", version_text);
  JsonValue of_scope;
  of_scope.set("scope", std::move(scope)).set("spans", std::move(spans));
  JsonValue of_service;
  of_service.set("resource", JsonValue().set("attributes", service.take()))
      .set("scopeSpans", JsonArray{std::move(of_scope)});
  return to_json(JsonValue().set("resourceSpans", JsonArray{std::move(of_service)}));
}

}  // namespace tidemark
