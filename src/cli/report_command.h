// `tidemark report`: a week of the project's jobs: runs, what they promise, what they cost.
#pragma once

#include "cli/call.h"

namespace tidemark {

int report(const Call& call);

}  // namespace tidemark
