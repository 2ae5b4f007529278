// The backfills of the store: reading and writing etl_backfills and etl_backfill_parts. For this
// folder only; writes are part of a transaction that the caller commits.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "env/clock.h"
#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark::sql_backfills {

Status insert(SqlSession& session, const BackfillRecord& backfill,
              const std::vector<BackfillPart>& parts);
// `backfill.unknown` where there is none.
Result<BackfillRecord> find(SqlSession& session, const BackfillId& id);
Result<std::vector<BackfillRecord>> list(SqlSession& session, const std::optional<JobName>& job);
Result<std::vector<BackfillPart>> parts(SqlSession& session, const BackfillId& id);
// False where it is in none of the states `from`.
Result<bool> move(SqlSession& session, const BackfillId& id, const std::vector<BackfillState>& from,
                  BackfillState to, const std::string& note, UtcMicros now);
// The rest is as Store says it.
Result<bool> resume(SqlSession& session, const BackfillId& id, const BackfillResume& resume);
Result<std::vector<FireRecord>> finish(SqlSession& session, const BackfillId& id,
                                       const std::vector<FireRecord>& behind);
Result<std::vector<BackfillRecord>> detached(SqlSession& session);
Result<std::optional<BackfillRecord>> claim(SqlSession& session, const BackfillClaim& claim);
Status release(SqlSession& session, const BackfillRecord& backfill);
Status update(SqlSession& session, const BackfillRecord& backfill, const BackfillPart& part);

}  // namespace tidemark::sql_backfills
