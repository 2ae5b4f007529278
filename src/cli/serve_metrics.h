// What `/metrics` of a service tells of this moment. For this folder only.
#pragma once

#include "cli/call.h"
#include "schedule/service.h"
#include "telemetry/service_metrics.h"

namespace tidemark {

// `store`: of the project. Blocking; any thread.
ServiceMoment moment_of(const Workspace& workspace, Service& service, SqlDatabase& store);

}  // namespace tidemark
