// A target that is older than the store: put back from a backup, opened without the end of its
// log, or another one than before.
//
// The ledger decides, so a run goes on from there and reads again what the target lacks. Nobody
// would hear of it, though, where the source does not have those rows any more.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "plan/plan.h"
#include "store/store.h"

namespace tidemark {

// A note for people where the stream's ledger ends before the window that the store saw loaded
// last.
Result<std::optional<std::string>> older_target_note(const StreamPlan& plan, Store& store);

}  // namespace tidemark
