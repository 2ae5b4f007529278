// Locks on a table that others use too: lock_table().
//
// A session that waits for a lock holds up everybody who comes after it and wants a lock that does
// not go with it: behind a waiting ACCESS EXCLUSIVE even readers queue. So each try waits a short
// time only, gives way, and tries again after a pause.
//
// Borrows a Connection inside a transaction. One thread.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/names.h"

namespace tidemark::postgres {

// About a minute in all. A try lasts longer than deadlock_timeout (1 s), after which the server
// makes autovacuum give way.
struct LockPatience {
  int tries = 12;
  int try_ms = 2000;
  int pause_ms =
      250;  // doubles from pause to pause, and each is drawn between half and one and a half
  int pause_ms_max = 5000;
};

enum class LockMode {
  share_row_exclusive,  // other writers wait, readers go on
  access_exclusive,     // everybody waits
};

std::string lock_sql(const TableName& table, LockMode mode);

// Holds the lock until the transaction ends. What the transaction did before stays, also where the
// lock is not to be had: then `target.lock_timeout`, which names who holds it. Blocks; honours
// Cancel in tries and between them.
Status lock_table(Connection& connection, const TableName& table, LockMode mode,
                  const LockPatience& patience, Cancel& cancel);

}  // namespace tidemark::postgres
