// The fires of the store: reading and writing etl_fires. For this folder only; the caller holds the
// store's mutex and, for writes, began a transaction that it commits.
#pragma once

#include <vector>

#include "drivers/sqlite/database.h"
#include "env/clock.h"
#include "store/records.h"

namespace tidemark::sqlite_fires {

// False where it is there already.
Result<bool> insert(sqlite::Database& database, const FireRecord& fire);
// `store.stale` where it has ended, or is not there.
Status update(sqlite::Database& database, const FireRecord& fire);
Result<std::vector<FireRecord>> open(sqlite::Database& database);
Result<std::vector<FireRecord>> list(sqlite::Database& database, const JobName& job, int limit);
Result<std::int64_t> forget(sqlite::Database& database, UtcMicros before);

}  // namespace tidemark::sqlite_fires
