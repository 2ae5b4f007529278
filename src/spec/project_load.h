// load_project: a project folder to values, with every fault of every file in one pass.
//
// Reads files and the environment, writes nothing; may be called again at any time. One thread per
// call.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "spec/connector_catalog.h"
#include "spec/fault.h"
#include "spec/job_spec.h"
#include "spec/project_spec.h"
#include "spec/references.h"
#include "spec/sql_check.h"

namespace tidemark {

struct LoadedProject {
  ProjectSpec project;
  // By name. With faults some are incomplete: use them only when there are none.
  std::vector<JobSpec> jobs;
  Faults faults;                                    // sorted
  std::vector<std::filesystem::path> secret_files;  // that secrets are read from

  const JobSpec* find_job(std::string_view name) const;
  std::vector<std::string> job_names() const;
};

// `sql_check` may be null: SQL is then taken as it is. Without `environment` the process's own is
// read. `secrets` is asked when a connection is used, never here; it lives as long as the project.
LoadedProject load_project(const std::filesystem::path& dir, const ConnectorCatalog& catalog,
                           SqlCheck* sql_check, EnvironmentLookup environment = {},
                           SecretLookup secrets = {});

// A job from texts that were kept of it, as LoadedProject would have it. Whether its connections
// are still there is for who uses them. Faults of the texts are in the Error.
Result<JobSpec> read_kept_job(const JobName& job, const JobTexts& texts);

}  // namespace tidemark
