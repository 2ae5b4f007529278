// JobFinder: which job a name or a past run means: one of the project, one as it was in an earlier
// run, or a trial: a stage of a job loaded into a new table, to look at (`tidemark replay --to`).
//
// A trial is a job of its own in the store and in the ledger, under the name `JOB@CONNECTION.RUN`,
// so that it never touches the table, the watermark or the quarantine of its job. Borrows what it
// is made of; one thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "connect/registry.h"
#include "run/recovery.h"
#include "spec/project_load.h"
#include "store/records.h"
#include "store/store.h"

namespace tidemark {

class JobFinder {
 public:
  JobFinder(const LoadedProject& loaded, const ConnectorRegistry& connectors)
      : loaded_(loaded), connectors_(connectors) {}

  // `user.no_job` with the nearest name.
  Result<const JobSpec*> in_project(const std::string& name) const;
  // The job of that name, to look at what it loaded. Of a trial only its name and target are there:
  // its job's file may be gone.
  Result<JobSpec> to_look_at(const std::string& name) const;
  // The job whose stages the run loaded: of a trial the job it is a trial of.
  static JobName base_of(const JobName& job);
  // The job as it was in that run. `user.job_not_kept`; `store.kept_job` where what was kept is
  // damaged.
  Result<JobSpec> as_in(const RunRecord& run, Store& store) const;
  // `user.other_target` where the job as it was loaded elsewhere, or otherwise, than it does now.
  Status loads_as_now(const JobSpec& then) const;
  // A run that was left: the job it was begun with, and why it is not gone on with.
  LeftJob of_left(const RunRecord& run, Store& store) const;
  // The job as `run` loads it into a new table of that connection.
  Result<JobSpec> trial(const JobSpec& job, const std::string& connection, const RunId& run) const;
  // `user.no_connection` with the nearest name.
  Result<const ConnectionSpec*> connection(const std::string& name) const;

 private:
  const LoadedProject& loaded_;
  const ConnectorRegistry& connectors_;
};

// A job's texts as the store keeps them.
std::string kept_text(const JobTexts& texts);

}  // namespace tidemark
