// RunEvent: what happens inside a run, as it happens. Logs, progress lines and metrics are views of
// it.
//
// An observer outlives the run it watches; `on` may come from any thread, one call at a time per
// run, and returns quickly.
#pragma once

#include <cstdint>
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
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on(const RunEvent& event) = 0;
};

}  // namespace tidemark
