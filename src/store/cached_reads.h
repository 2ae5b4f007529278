// What people ask of the store, through its ReadCache where it has one. Blocking; any thread.
//
// A null cache is none. What comes back may be `cache_age_max` old: it decides nothing.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "store/overview.h"
#include "store/read_cache.h"
#include "store/store.h"

namespace tidemark {

Result<std::vector<RunRecord>> cached_runs(ReadCache* cache, Store& store, const RunFilter& filter);

// Of whose tasks an overview tells, and a name that another such set has not.
struct TasksOfProject {
  IsOfProject contains;
  std::string digest;
};
Result<StoreOverview> cached_overview(ReadCache* cache, SqlDatabase& database, int limit,
                                      const TasksOfProject& tasks);

}  // namespace tidemark
