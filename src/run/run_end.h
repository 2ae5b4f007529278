// How the end of a run is told to who observes runs.
#pragma once

#include <optional>
#include <string>

#include "observe/run_event.h"
#include "plan/plan.h"
#include "store/records.h"

namespace tidemark {

RunEnd end_of(const RunRecord& run);
// Up to when all streams of the plan are loaded, where its run loads them, or has nothing to load;
// times without a zone are taken as UTC. Nothing where one of them follows no time.
std::optional<std::int64_t> data_until(const JobPlan& plan);
// What the store keeps of a plan for whoever asks how its job stands.
PlanSigns signs_of(const JobPlan& plan);

}  // namespace tidemark
