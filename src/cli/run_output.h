// How commands that run a job show what became of it. For this folder only.
#pragma once

#include "cli/call.h"
#include "cli/progress.h"

namespace tidemark {

int exit_code_of(const RunRecord& run);
// The line and the error of a run, for people.
void show_run(const Call& call, const RunRecord& record);
// What a process that died had left, and went on now: people are told before what they asked for.
void show_recovered(const Call& call, Workspace& workspace, ProgressView& progress);

}  // namespace tidemark
