// The fires of the store: reading and writing etl_fires. For this folder only; writes are part of a
// transaction that the caller commits.
#pragma once

#include <vector>

#include "env/clock.h"
#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark::sql_fires {

// False where it is there already.
Result<bool> insert(SqlSession& session, const FireRecord& fire);
// `store.stale` where it has ended, or is not there.
Status update(SqlSession& session, const FireRecord& fire);
Result<std::vector<FireRecord>> open(SqlSession& session);
// Of those in one state that has not ended: the ones whose turn, or next attempt, comes first.
Result<std::vector<FireRecord>> oldest(SqlSession& session, FireState state, int limit);
Result<std::vector<FireRecord>> list(SqlSession& session, const Task& task, int limit);
Result<std::int64_t> forget(SqlSession& session, UtcMicros before);

}  // namespace tidemark::sql_fires
