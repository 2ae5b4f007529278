// The fires of the store: reading and writing etl_fires. For this folder only; writes are part of a
// transaction that the caller commits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "env/clock.h"
#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark::sql_fires {

// The columns that read() wants, of etl_fires f and its job; a condition follows.
extern const char* const select_fires;
// The states of fires that have not ended, as a list of SQL.
extern const char* const open_states;
Result<std::vector<FireRecord>> read(SqlStatement& rows);

Result<FireAnswer> take(SqlSession& session, const FireRecord& fire, OnOpen on_open);
// Whether one that goes on would leave it out.
Result<bool> is_left_out(SqlSession& session, const Task& task, OnOpen on_open);
// In the place of what its owner has stored; from then on it is `owner`'s. `store.stale` where it
// has ended, or somebody else has it.
Status update(SqlSession& session, const FireRecord& fire, const std::string& owner);
Status describe(SqlSession& session, const FireRecord& fire);
Status adopt(SqlSession& session, const std::string& owner);
Result<std::vector<FireRecord>> open(SqlSession& session);
Result<std::vector<FireRecord>> ended(SqlSession& session, UtcMicros since);
// Of those in one state that has not ended: the ones whose turn, or next attempt, comes first.
Result<std::vector<FireRecord>> oldest(SqlSession& session, FireState state, int limit);
Result<std::vector<FireRecord>> list(SqlSession& session, const Task& task, int limit);
Result<std::int64_t> forget(SqlSession& session, UtcMicros before, int limit);

}  // namespace tidemark::sql_fires
