// A look at whether there is a store, which changes nothing: whoever reads history need not have
// the right to make one.
#pragma once

#include "base/result.h"
#include "store/postgres_database.h"

namespace tidemark {

// Connects, and ends the session again. Blocking.
Result<bool> has_postgres_store(const PostgresStoreOptions& options);

}  // namespace tidemark
