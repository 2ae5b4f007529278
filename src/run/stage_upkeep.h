// Upkeep of stages: looks at what stands, asks who still wants it, removes what may go.
//
// What may go is decided by stage/retention.h alone. Looking changes nothing and needs no lock;
// removing is for the owner of the project. Blocking; used from one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/cancel.h"
#include "run/runner.h"
#include "stage/retention.h"
#include "stage/stage.h"

namespace tidemark {

// What upkeep works with; all of it outlives the call.
struct UpkeepParts {
  const ProjectSpec& project;
  const std::vector<JobSpec>& jobs;
  const ConnectorRegistry& connectors;
  Store* store;  // nothing before the first run
  duck::Engine& engine;
  Files& files;
  const Clock& clock;
};

struct StageFilter {
  std::optional<JobName> job;  // nothing: all
  std::optional<RunId> run;    // only what the run sealed or replayed
  bool give_up_gone = false;   // stages of jobs without a file may go
  bool judged = true;          // else nobody is asked, and no verdict means anything
};

struct SurveyedStage {
  StageFolder folder;
  StageVerdict verdict;
  std::optional<RunId> run;          // who sealed it; nothing where no manifest can be read
  std::optional<std::int64_t> rows;  // read by it, refused ones included; as above
  std::int64_t bytes = 0;            // on disk
};

struct StageSurvey {
  std::vector<SurveyedStage> stages;  // by job, stream, seq and fence
  std::vector<Error> unasked;         // why a target could not be asked; its stages are kept
};

Result<StageSurvey> survey_stages(const UpkeepParts& parts, const StageFilter& filter,
                                  Cancel& cancel);

// Reads every byte of a sealed stage: what is not as it was staged, a damaged manifest included.
Result<std::vector<Damage>> find_damages(const StageFolder& folder, Files& files, Cancel& cancel,
                                         const HashProgress& progress);

// Removes what the survey says may go, each stage whole or, when the process dies, half: then the
// next one removes the rest. Returns the bytes that were freed; `removed` is told of each.
Result<std::int64_t> remove_unwanted(const StageSurvey& survey, Files& files, Cancel& cancel,
                                     const std::function<void(const SurveyedStage&)>& removed);

// After a run has loaded a stream: removes the stages of it that came of age, and what dead runs
// left of windows that are loaded. REQUIRES: the lease of the job. Costs one listing of a folder
// when there is nothing to remove.
Status remove_aged_stages(const RunnerParts& parts, const StreamId& stream, Sink& sink,
                          Cancel& cancel);

}  // namespace tidemark
