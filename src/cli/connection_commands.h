// `tidemark connection show`: how connections are protected, and what is in use of them.
#pragma once

#include "cli/call.h"

namespace tidemark {

int show_connections(const Call& call);

}  // namespace tidemark
