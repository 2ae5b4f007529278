// What people ask of the store, through its ReadCache where it has one. Blocking; any thread.
//
// A null cache is none. What comes back may be `cache_age_max` old: it decides nothing.
#pragma once

#include <vector>

#include "base/result.h"
#include "store/overview.h"
#include "store/read_cache.h"
#include "store/store.h"

namespace tidemark {

Result<std::vector<RunRecord>> cached_runs(ReadCache* cache, Store& store, const RunFilter& filter);
Result<StoreOverview> cached_overview(ReadCache* cache, SqlDatabase& database, int limit);

}  // namespace tidemark
