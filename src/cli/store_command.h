// `tidemark store migrate`. Returns its exit code.
#pragma once

#include "cli/call.h"

namespace tidemark {

int migrate_store(const Call& call);

}  // namespace tidemark
