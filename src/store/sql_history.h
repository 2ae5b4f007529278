// Old runs, and what the store forgets of them. Inside store/ only; each is part of a transaction.
#pragma once

#include <cstdint>

#include "store/sql_session.h"
#include "store/store.h"

namespace tidemark::sql_history {

// As Store::forget_runs().
Result<std::int64_t> forget(SqlSession& session, const OldRuns& old, int limit);

}  // namespace tidemark::sql_history
