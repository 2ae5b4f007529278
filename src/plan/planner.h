// Planner: (project, job, target ledger, schemas) -> JobPlan. Reads systems, changes nothing in
// them.
//
// Made for one run on its own engine connection; blocking. What cannot be planned is an Error that
// names the column, table or rule and what to write instead.
#pragma once

#include <filesystem>
#include <string>

#include "base/cancel.h"
#include "connect/registry.h"
#include "drivers/duckdb/engine.h"
#include "env/files.h"
#include "plan/plan.h"
#include "spec/project_spec.h"

namespace tidemark {

struct PlanOptions {
  bool full = false;         // read everything again
  bool allow_empty = false;  // an empty or shrunken source may replace a full target
  RunId run;
};

class Planner {
 public:
  Planner(const ProjectSpec& project, const ConnectorRegistry& connectors, duck::Connection& engine,
          Files& files)
      : project_(project), connectors_(connectors), engine_(engine), files_(files) {}

  Result<JobPlan> plan(const JobSpec& job, const PlanOptions& options, Cancel& cancel);

 private:
  Result<PreparedStream> plan_stream(const JobSpec& job, const StreamSpec& stream,
                                     bool many_streams, Sink& sink, const PlanOptions& options,
                                     Cancel& cancel);
  // Makes every connection that transforms and rules read visible in the engine.
  Status attach_references(const JobSpec& job, const ConnectorContext& context, Cancel& cancel);
  std::optional<Schema> pinned_schema(const StreamId& id);

  const ProjectSpec& project_;
  const ConnectorRegistry& connectors_;
  duck::Connection& engine_;
  Files& files_;
};

// `stage:` as a folder; an error for schemes this build has not.
Result<std::filesystem::path> stage_root(const ProjectSpec& project);

}  // namespace tidemark
