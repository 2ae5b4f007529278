// `tidemark doctor` and `tidemark connection test`: what works, what does not, and what to do.
// For this folder only.
#pragma once

#include "cli/call.h"

namespace tidemark {

int doctor(const Call& call);
int test_connections(const Call& call);

}  // namespace tidemark
