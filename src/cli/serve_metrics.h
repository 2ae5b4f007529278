// What `/metrics` of a service tells of this moment. For this folder only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "env/files.h"
#include "schedule/service.h"
#include "telemetry/service_metrics.h"

namespace tidemark {

// What is free where a service writes, and for what it does: `spill`, `stage`, `store`. Blocking.
std::vector<std::pair<std::string, VolumeSpace>> volumes_of(const ProjectSpec& project);

// `store`: of the project. Blocking; any thread.
ServiceMoment moment_of(const Workspace& workspace, Service& service, SqlDatabase& store);

}  // namespace tidemark
