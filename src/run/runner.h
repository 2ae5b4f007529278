// Runner: executes one run of a job: plan -> extract -> stage -> transform -> validate -> load ->
// commit.
//
// Owned by app/ for the life of the process; `run` blocks until the run has ended and may be called
// from several threads for different jobs. Every step is durable in the store before its side
// effect begins. A run that fails, is cancelled or blocked is still a record; only a broken store
// or engine is an Error.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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

class Lease;
class Planner;
class ProcessorShares;
class RunMeter;
struct BackfillRange;
struct HandOver;

struct RunOptions {
  bool full = false;
  bool allow_empty = false;
  bool same_source = false;  // a person says that a source that looks like another is the one
  bool in_quiet_hours = false;
  bool accept_drift = false;    // a person has seen how the source's columns differ
  bool accept_deletes = false;  // a person has seen how many rows are gone from the source
  bool sweep = false;           // all keys are compared now
  // Who is asked whether it is loaded here; nothing: it is.
  const HandOver* hand_over = nullptr;
};

// How a run is gone on with.
struct GoOn {
  const HandOver* hand_over = nullptr;
  bool from_stages = false;  // nothing is read from the source: `run.no_stage` where it would be
};

struct BackfillOptions {
  double rate_share = 1;  // of the rate of the source's guard
  bool allow_empty = false;
  bool in_quiet_hours = false;
};

struct BackfillRun {
  RunRecord record;
  bool from_stage = false;  // the rows came from stages that were kept, not from the source
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
  Guards& guards;
  RunObserver* watcher = nullptr;     // of all runs of this process; null: nobody
  ProcessorShares* shares = nullptr;  // of all runs of this process; null: each counts alone
  std::string request = {};           // of the API that asks for the run; empty: none

  void tell(const RunEvent& event) const;
  void tell(const RunEnd& end) const;
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
                           bool allow_empty, Cancel& cancel);

  // Loads the open refused rows that the job takes now, each once and as it was edited; no source
  // is touched. What it still refuses stays in quarantine as it is. `rows`: only those, by their
  // ids; none: all.
  Result<RunRecord> replay_refused(const RunId& id, const JobSpec& job,
                                   const std::vector<std::string>& rows, Cancel& cancel);

  // Loads a window of the past again; the watermark stays. What was staged for it is removed at the
  // end, however that is.
  Result<BackfillRun> backfill(const RunId& id, const JobSpec& job, const BackfillRange& range,
                               const BackfillOptions& options, Cancel& cancel);

  using MakePlan = std::function<Result<JobPlan>(Planner&, duck::Connection&)>;
  // Loads what `make_plan` found to be missing or different in the target; its streams are planned
  // as LoadKind::repair, from stages. It may be called twice, and the last call counts.
  Result<RunRecord> repair(const RunId& id, const JobSpec& job, const MakePlan& make_plan,
                           Cancel& cancel);

  // Goes on with a run whose process died, from the last durable step of each stream; what it
  // sealed is not read again. REQUIRES its lease, and that its unfinished streams are at
  // `retry_wait`, or `staged`, with the lease's token.
  Result<RunRecord> go_on(const RunRecord& left, const JobSpec& job, Lease& lease, const GoOn& how,
                          Cancel& cancel);

 private:
  // A run from its plan to its record, whatever the plan was made from.
  Result<RunRecord> conduct(const RunId& id, const JobSpec& job, RunKind kind,
                            const MakePlan& make_plan, Cancel& cancel,
                            const HandOver* hand_over = nullptr);
  // The plan under the job's lease, or a plan with nothing to do and no lease.
  Result<JobPlan> plan_and_lease(const RunId& id, const JobSpec& job, const MakePlan& make_plan,
                                 duck::Connection& engine, std::unique_ptr<Lease>& lease,
                                 Cancel& stop);
  // The streams of a run that ended before.
  struct Ended {
    std::vector<RunState> states;
    std::optional<Error> error;  // of the first that did not end well
  };
  // The streams of a plan to their ends or, with `hand_over`, perhaps to their sealed stages.
  Result<RunRecord> advance(const RunId& id, const JobSpec& job, JobPlan& planned,
                            const std::vector<StreamMark>& marks, Ended ended,
                            duck::Connection& engine, Lease& lease, const HandOver* hand_over,
                            RunMeter& meter, Cancel& stop);
  // `run.leased` where another run of the job is staged and not loaded.
  Status check_nothing_staged(const RunId& id, const JobName& job);
  // Stages that came of age, of streams that were loaded.
  void remove_aged(const RunId& id, const std::vector<StreamId>& loaded, Sink& sink, Cancel& stop);
  Result<RunRecord> record_of(const RunId& id);
  // The same of one that has just ended, told to who observes it.
  Result<RunRecord> told(const RunId& id);
  // The same of one that goes on elsewhere, or later.
  Result<RunRecord> left(const RunId& id);

  RunnerParts parts_;
};

// The row of etl_jobs for a job, without secrets.
JobRecord job_record(const JobSpec& job, const ProjectSpec& project, const Clock& clock);

}  // namespace tidemark
