// How the end of a run is told to who observes runs.
#pragma once

#include "observe/run_event.h"
#include "plan/plan.h"
#include "store/records.h"

namespace tidemark {

RunEnd end_of(const RunRecord& run);
// What the store keeps of a plan for whoever asks how its job stands.
PlanSigns signs_of(const JobPlan& plan);

}  // namespace tidemark
