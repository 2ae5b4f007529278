// load_project: a project folder to values, with every fault of every file in one pass.
//
// Reads files and the environment, writes nothing; may be called again at any time. One thread per
// call.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "spec/connector_catalog.h"
#include "spec/fault.h"
#include "spec/job_spec.h"
#include "spec/project_spec.h"
#include "spec/references.h"
#include "spec/sql_check.h"

namespace tidemark {

// A job whose text stands in the store and not in a file.
struct StoredJobText {
  std::string name;
  std::string text;
};
// Those of the project's store.
using StoredJobTexts = std::function<Result<std::vector<StoredJobText>>(const ProjectSpec&)>;

struct LoadedProject {
  ProjectSpec project;
  // By name. With faults some are incomplete: use them only when there are none.
  std::vector<JobSpec> jobs;
  Faults faults;                                    // sorted
  std::vector<std::filesystem::path> secret_files;  // that secrets are read from
  // Why the store could not be asked for the jobs that stand there; they are not among `jobs` then.
  std::optional<Error> store_unasked;

  const JobSpec* find_job(std::string_view name) const;
  std::vector<std::string> job_names() const;
};

// `sql_check` may be null: SQL is then taken as it is. Without `environment` the process's own is
// read. `secrets` is asked when a connection is used, never here; it lives as long as the project.
// `stored` is asked where tidemark.yaml says which store it is; of two jobs with one name that of
// the file counts.
LoadedProject load_project(const std::filesystem::path& dir, const ConnectorCatalog& catalog,
                           SqlCheck* sql_check, EnvironmentLookup environment = {},
                           SecretLookup secrets = {}, const StoredJobTexts& stored = {});

// A job from texts that were kept of it, as LoadedProject would have it. Whether its connections
// are still there is for who uses them. Faults of the texts are in the Error.
Result<JobSpec> read_kept_job(const JobName& job, const JobTexts& texts);

}  // namespace tidemark
