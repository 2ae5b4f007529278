// Runner: executes one run of a job: plan -> extract -> stage -> transform -> validate -> load ->
// commit.
//
// Owned by app/ for the life of the process; `run` blocks until the run has ended and may be called
// from several threads for different jobs. Every step is durable in the store before its side
// effect begins. A run that fails, is cancelled or blocked is still a record; only a broken store
// or engine is an Error.
#pragma once

#include <string>

#include "base/cancel.h"
#include "connect/registry.h"
#include "drivers/duckdb/engine.h"
#include "env/clock.h"
#include "env/files.h"
#include "env/randomness.h"
#include "observe/run_event.h"
#include "spec/job_spec.h"
#include "spec/project_spec.h"
#include "store/store.h"

namespace tidemark {

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

 private:
  RunnerParts parts_;
};

// The row of etl_jobs for a job, without secrets.
JobRecord job_record(const JobSpec& job, const ProjectSpec& project, const Clock& clock);

}  // namespace tidemark
