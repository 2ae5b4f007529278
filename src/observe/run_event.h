// RunEvent: what happens inside a run, as it happens. Logs, progress lines and metrics are views of
// it.
//
// An observer outlives the run it watches; `on` may come from any thread, one call at a time per
// run, and returns quickly.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/named.h"

namespace tidemark {

enum class RunStep { plan, extract, stage, transform, validate, load, commit, done };

constexpr std::string_view to_string(RunStep step) {
  switch (step) {
    case RunStep::plan:
      return "plan";
    case RunStep::extract:
      return "extract";
    case RunStep::stage:
      return "stage";
    case RunStep::transform:
      return "transform";
    case RunStep::validate:
      return "validate";
    case RunStep::load:
      return "load";
    case RunStep::commit:
      return "commit";
    case RunStep::done:
      return "done";
  }
  return "plan";
}

struct RunEvent {
  RunId run;
  StreamId stream;
  RunStep step = RunStep::plan;
  std::int64_t rows = 0;   // so far, in this step
  std::int64_t bytes = 0;  // so far, in this step
  std::string message;     // for people; empty for mere progress
  // Of a plan: something in the source holds back what may be read, as `message` says.
  bool holds_watermark = false;
};

// A run came to its end, whatever that is. Sums of its streams.
struct RunEnd {
  RunId run;
  JobName job;
  std::string status;    // `success`, `failed`, ...
  bool is_well = false;  // it loaded what there was, or found nothing new
  std::chrono::nanoseconds took{};
  std::int64_t rows_read = 0;
  std::int64_t rows_loaded = 0;
  std::int64_t rows_rejected = 0;
  std::int64_t rows_deleted = 0;
  std::int64_t bytes_staged = 0;
  // Up to when the data is loaded, in microseconds since 1970 on its own time; nothing where its
  // watermark is no time.
  std::optional<std::int64_t> data_until;
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on(const RunEvent& event) = 0;
  virtual void ended(const RunEnd&) {}
  // It has not ended, and goes on elsewhere or later.
  virtual void left(const RunId&) {}
};

}  // namespace tidemark
