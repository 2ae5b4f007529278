// The backfills of the store: reading and writing etl_backfills and etl_backfill_parts. For this
// folder only; the caller holds the store's mutex and, for writes, began a transaction that it
// commits.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drivers/sqlite/database.h"
#include "env/clock.h"
#include "store/records.h"

namespace tidemark::sqlite_backfills {

Status insert(sqlite::Database& database, const BackfillRecord& backfill,
              const std::vector<BackfillPart>& parts);
// `backfill.unknown` where there is none.
Result<BackfillRecord> find(sqlite::Database& database, const BackfillId& id);
Result<std::vector<BackfillRecord>> list(sqlite::Database& database,
                                         const std::optional<JobName>& job);
Result<std::vector<BackfillPart>> parts(sqlite::Database& database, const BackfillId& id);
// False where it is in none of the states `from`.
Result<bool> move(sqlite::Database& database, const BackfillId& id,
                  const std::vector<BackfillState>& from, BackfillState to, const std::string& note,
                  UtcMicros now);
Status update(sqlite::Database& database, const BackfillId& id, const BackfillPart& part);

}  // namespace tidemark::sqlite_backfills
