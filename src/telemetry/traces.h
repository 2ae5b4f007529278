// Traces: what a run did, as a trace of OpenTelemetry in the JSON of OTLP.
//
// A span of the run, one of its plan, one of each stream, and one of each step of a stream, all
// with the times that the store has of them: a step goes from the transition that began it to the
// one that ended it. Ids are made of the run's, so a run that is sent twice is one trace. Nothing
// in it is out of a row: an error is told by its code, a window not at all. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/json/json.h"
#include "spec/telemetry_spec.h"
#include "store/records.h"

namespace tidemark {

// Whom a request that begins a run comes from, as W3C's Trace Context has it.
struct TraceParent {
  std::string trace_id;
  std::string span_id;
  bool is_sampled = false;
  // Of a header `traceparent`; nothing where it is not exactly as the standard says.
  static std::optional<TraceParent> parse(std::string_view header);
};

struct TracedRun {
  RunHistory history;
  std::optional<UtcMicros> fire;  // of the schedule, that it ran for
  std::optional<TraceParent> parent;
};

// Of a run that has no parent: the first 32 digits of the SHA-256 of its id.
std::string trace_id_of(const RunId& run);

// More streams than have place here are counted, not told.
inline constexpr std::size_t spans_of_run_max = 2'000;
// The spans of a run, a span of OTLP each. REQUIRES that it has ended.
JsonArray spans_of(const TracedRun& run);

// A request of OTLP with these spans.
std::string traces_document(const TelemetrySpec& spec, JsonArray spans);

}  // namespace tidemark
