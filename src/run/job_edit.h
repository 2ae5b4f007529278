// The jobs that stand in a project's store: how they are read beside its files, and edited. An edit
// is stored only where the project as a whole has no more faults with it than without.
//
// Functions of values; they block on the store and on the project's files. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/duckdb/engine.h"
#include "env/clock.h"
#include "env/files.h"
#include "spec/connector_catalog.h"
#include "spec/project_load.h"
#include "store/stored_jobs.h"

namespace tidemark {

// None of a project whose store was not made yet.
Result<StoredJobs> stored_jobs_of(const ProjectSpec& project, Files& files, const Clock& clock);
std::vector<StoredJobText> texts_of(const StoredJobs& jobs);

struct JobEdit {
  std::string job;
  std::optional<std::string> text;  // nothing: it is taken out
  std::string by;
  // The version that it is an edit of; 0: there must be no such job yet; nothing: whichever.
  std::optional<std::int64_t> of;
  // Also where a file has that job, which counts: to take out what is of no use any more.
  bool under_file = false;
};

struct EditedJob {
  StoredJob job;
  std::int64_t edit = 0;   // of all jobs
  Faults faults;           // that the edit would bring; where there are some, nothing was stored
  bool is_served = false;  // a service that made the edit works by it already
};

struct JobEditParts {
  const ProjectSpec& project;
  const ConnectorCatalog& catalog;
  duck::Engine& engine;
  SqlDatabase& store;  // of this version
};

// `user.job_in_file` where a file has that job, `user.job_changed` where it is another version by
// now, `user.no_job` where there is none to take out, `store.busy` where others edit all the time.
Result<EditedJob> edit_job(const JobEditParts& parts, const JobEdit& edit);

}  // namespace tidemark
