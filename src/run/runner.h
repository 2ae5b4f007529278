// Runner: executes one run of a job: plan -> extract -> stage -> transform -> validate -> load ->
// commit.
//
// Owned by app/ for the life of the process; `run` blocks until the run has ended and may be called
// from several threads for different jobs. Every step is durable in the store before its side
// effect begins. A run that fails, is cancelled or blocked is still a record; only a broken store
// or engine is an Error.
#pragma once

#include <functional>
#include <string>

#include "base/cancel.h"
#include "connect/registry.h"
#include "drivers/duckdb/engine.h"
#include "env/clock.h"
#include "env/files.h"
#include "env/randomness.h"
#include "observe/run_event.h"
#include "plan/plan.h"
#include "spec/job_spec.h"
#include "spec/project_spec.h"
#include "store/store.h"

namespace tidemark {

class Planner;

struct RunOptions {
  bool full = false;
  bool allow_empty = false;
};

// What a Runner works with; all of it outlives the Runner.
struct RunnerParts {
  const ProjectSpec& project;
  const ConnectorRegistry& connectors;
  Store& store;
  duck::Engine& engine;
  Files& files;
  const Clock& clock;
  Randomness& randomness;
  RunObserver& observer;
};

class Runner {
 public:
  explicit Runner(const RunnerParts& parts) : parts_(parts) {}
  RunId new_id() { return new_run_id(parts_.clock, parts_.randomness); }
  Result<RunRecord> run(const RunId& id, const JobSpec& job, const RunOptions& options,
                        Cancel& cancel);
  // Loads what an earlier run of the job staged, with the job as it is now; its source is not
  // touched. `stop_above` does not hold it back: a person has looked.
  Result<RunRecord> replay(const RunId& id, const JobSpec& job, const RunRecord& past,
                           const RunOptions& options, Cancel& cancel);

 private:
  // A run from its plan to its record, whatever the plan was made from.
  Result<RunRecord> conduct(const RunId& id, const JobSpec& job, RunKind kind,
                            const std::function<Result<JobPlan>(Planner&)>& make_plan,
                            Cancel& cancel);
  // Every stream to its end, and what to write as the run's.
  Result<RunFinish> advance(const RunId& id, const JobSpec& job, JobPlan& planned,
                            duck::Connection& engine, Cancel& cancel);
  Result<RunRecord> record_of(const RunId& id);

  RunnerParts parts_;
};

// The row of etl_jobs for a job, without secrets.
JobRecord job_record(const JobSpec& job, const ProjectSpec& project, const Clock& clock);

}  // namespace tidemark
