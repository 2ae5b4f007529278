// `tidemark schedule [JOB...]`: when jobs run by themselves.
#pragma once

#include "cli/call.h"

namespace tidemark {

int schedule(const Call& call);

}  // namespace tidemark
