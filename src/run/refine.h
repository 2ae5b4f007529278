// refine: from a sealed stage to the rows a target takes and the rows it refuses.
//
// Transform steps, then rules, then one version per key; all of it SQL in the run's engine
// connection, pure and repeatable. Blocking.
#pragma once

#include <optional>
#include <string>

#include "base/cancel.h"
#include "connect/sink.h"
#include "env/clock.h"
#include "env/files.h"
#include "plan/plan.h"
#include "stage/stage.h"

namespace tidemark {

struct RefineInput {
  const StreamPlan& plan;
  const Stage& stage;
  const JobSpec& job;
  const RunId& run;
  const Clock& clock;
};

struct Refined {
  StagedTable good;               // with plan.target.schema
  StagedTable refused;            // with quarantine_schema(), those of the extraction included
  std::int64_t rows_changed = 0;  // rows that steps added (+) or dropped and merged (-)
  std::string message;            // counts per step, for the run's event
  std::optional<Error> blocked;   // `stop_above` was passed
  bool alert = false;             // `alert_above` was passed
};

Result<Refined> refine(const RefineInput& input, duck::Connection& engine, Cancel& cancel);

// A blocked run commits nothing, so the rows it refused are kept beside its stage, for people to
// see.
Status keep_refused(const StagedTable& refused, const Stage& stage, duck::Connection& engine,
                    Files& files);

}  // namespace tidemark
