// `tidemark serve`: runs the project's jobs at their times, until it is stopped.
#pragma once

#include "cli/call.h"

namespace tidemark {

int serve(const Call& call);

}  // namespace tidemark
