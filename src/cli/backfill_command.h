// `tidemark backfill`. For this folder only.
#pragma once

#include "cli/call.h"

namespace tidemark {

int backfill(const Call& call);

}  // namespace tidemark
