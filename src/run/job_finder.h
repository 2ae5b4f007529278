// JobFinder: which job a name or a past run means: one of the project, one as it was in an earlier
// run, or a trial: a stage of a job loaded into a new table elsewhere (`tidemark replay --to`).
//
// A trial is a job of its own in the store and in the ledger, under the name
// `JOB@CONNECTION.TABLE`, so that it never touches the table, the watermark or the quarantine of
// its job. Borrows what it is made of; one thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "connect/registry.h"
#include "spec/connector_catalog.h"
#include "spec/project_load.h"
#include "store/records.h"
#include "store/store.h"

namespace tidemark {

class JobFinder {
 public:
  JobFinder(const LoadedProject& loaded, const ConnectorCatalog& catalog,
            const ConnectorRegistry& connectors)
      : loaded_(loaded), catalog_(catalog), connectors_(connectors) {}

  // `user.no_job` with the nearest name.
  Result<const JobSpec*> in_project(const std::string& name) const;
  // The job or the trial of that name.
  Result<JobSpec> named(const std::string& name) const;
  // The job whose stages the run loaded: of a trial the job it is a trial of.
  static std::string base_name(const JobName& job);
  // The job as it was in that run. `user.job_not_kept`, or the faults of a text that does not fit
  // the project any more.
  Result<JobSpec> as_in(const RunRecord& run, Store& store) const;
  // `user.other_target` where the job as it was loaded elsewhere, or otherwise, than it does now.
  Status loads_as_now(const JobSpec& then) const;
  // What a run that was left goes on with; nothing where its job is gone.
  std::optional<JobSpec> of_left(const RunRecord& run, Store& store) const;
  // The job as it loads into a new table. `to` is CONNECTION, for a table named after `run`, or
  // CONNECTION.TABLE.
  Result<JobSpec> trial(const JobSpec& job, const std::string& to, const RunId& run) const;
  // `user.no_connection` with the nearest name.
  Result<const ConnectionSpec*> connection(const std::string& name) const;

 private:
  Result<JobSpec> trial_in(const JobSpec& job, const std::string& connection,
                           const std::string& table) const;

  const LoadedProject& loaded_;
  const ConnectorCatalog& catalog_;
  const ConnectorRegistry& connectors_;
};

// A job's texts as the store keeps them.
std::string kept_text(const JobTexts& texts);

}  // namespace tidemark
