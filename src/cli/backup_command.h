// `tidemark backup` and `tidemark restore`. For this folder only.
#pragma once

#include "cli/call.h"

namespace tidemark {

int backup(const Call& call);
int restore(const Call& call);

}  // namespace tidemark
