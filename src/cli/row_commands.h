// `tidemark quarantine show JOB ID` and `tidemark quarantine edit JOB ID`: one refused row. Each
// returns its exit code.
#pragma once

#include "cli/call.h"

namespace tidemark {

int show_refused_row(const Call& call);
int edit_row(const Call& call);

}  // namespace tidemark
