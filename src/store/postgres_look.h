// A look at whether there is a store, which changes nothing: whoever reads history need not have
// the right to make one.
#pragma once

#include "base/result.h"
#include "store/postgres_database.h"

namespace tidemark {

// Connects, and ends the session again. Blocking.
Result<bool> has_postgres_store(const PostgresStoreOptions& options);
// What no other store has: that of the server, its database and its schema. A copy of the server's
// files has the same.
Result<std::string> postgres_identity(SqlDatabase& database);

}  // namespace tidemark
