// `when` of a job as far as the project and its other jobs decide about it.
//
// Pure functions, no thread rule. Used inside spec/ only.
#pragma once

#include <vector>

#include "spec/connector_catalog.h"
#include "spec/job_yaml.h"
#include "spec/project_spec.h"

namespace tidemark {

// The connection that is watched is there, and can say whether something has changed.
void check_when(const JobSpec& job, const ProjectSpec& project, const ConnectorCatalog& catalog,
                Faults& faults);

// Finds the jobs that load each dataset; a fault where none does.
void take_writers(std::vector<ReadJob>& jobs, Faults& faults);

}  // namespace tidemark
