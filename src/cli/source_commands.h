// `tidemark source prepare`: what a table of a source lacks to be followed exactly.
#pragma once

#include "cli/call.h"

namespace tidemark {

// Prints the statements; with --apply it has run them.
int prepare_source(const Call& call);

}  // namespace tidemark
