// `tidemark verify JOB`: whether the target has what the source has, and a repair where not.
#pragma once

#include "cli/call.h"

namespace tidemark {

int verify(const Call& call);

}  // namespace tidemark
