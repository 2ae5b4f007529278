// The ReadCache beside a project's store.
#pragma once

#include <memory>

#include "env/clock.h"
#include "env/randomness.h"
#include "spec/project_spec.h"
#include "store/read_cache.h"
#include "store/sql_session.h"

namespace tidemark {

// Null where the project has none. Asks the store which it is, and the cache nothing yet. Clock and
// randomness outlive it.
Result<std::unique_ptr<ReadCache>> open_project_cache(const ProjectSpec& project,
                                                      SqlDatabase& database, const Clock& clock,
                                                      Randomness& randomness);

}  // namespace tidemark
