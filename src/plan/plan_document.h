// A plan as JSON: for `tidemark plan --json` and for the store, which keeps what a run meant to do.
// Pure.
#pragma once

#include "drivers/json/json.h"
#include "plan/plan.h"

namespace tidemark {

JsonValue plan_document(const JobPlan& plan);
// `{lo, hi, top}`, null where an end is open.
JsonValue window_document(const Window& window);

}  // namespace tidemark
