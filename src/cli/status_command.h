// `tidemark status`. For this folder only.
#pragma once

#include "cli/call.h"

namespace tidemark {

class RunSigns;
class Service;

// What the store knows; for a project that nobody serves.
int status(const Call& call);
// The same with what the service of the project knows beside.
int status_of_service(const Call& call, Service& service, const RunSigns& signs);

}  // namespace tidemark
