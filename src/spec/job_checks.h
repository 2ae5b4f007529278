// What must hold between the parts of a job, between a job and the project, and between jobs.
//
// Pure functions, no thread rule. They look at what could be read, also of files with faults, and
// say nothing about what is missing: that has its own fault.
#pragma once

#include <vector>

#include "spec/connector_catalog.h"
#include "spec/fault.h"
#include "spec/job_yaml.h"
#include "spec/project_spec.h"
#include "spec/sql_check.h"

namespace tidemark {

// Strategy, key and input of one job.
void check_job(const ReadJob& job, Faults& faults);

// The connections a job names: they exist, and can do what the job asks of them.
void check_connections(const ReadJob& job, const ProjectSpec& project,
                       const ConnectorCatalog& catalog, Faults& faults);

// `from.query`, where its connector's SQL is the engine's. A `sql_check` that is null takes it as
// it is.
void check_query(const ReadJob& job, const ProjectSpec& project, const ConnectorCatalog& catalog,
                 SqlCheck* sql_check, Faults& faults);

// Two jobs that write one table; `after` that names no job or runs in a circle.
void check_jobs(const std::vector<ReadJob>& jobs, Faults& faults);

}  // namespace tidemark
