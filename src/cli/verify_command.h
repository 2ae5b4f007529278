// `tidemark verify JOB`: whether the target has what the source has, and a repair where not.
#pragma once

#include "cli/call.h"

namespace tidemark {

int verify(const Call& call);

// The line that says when the job of this run was proved equal; none where it was not.
void print_proof(const Call& call, Workspace& workspace, const RunRecord& newest);

}  // namespace tidemark
