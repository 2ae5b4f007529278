// Whether somebody wrote into a table, by what the server counts for its statistics.
//
// A change is one of any kind: the counters begin anew after a crash, or when somebody resets them.
// What is committed may still stay behind a watermark, while older transactions are open; so a
// change is in the sign once more when those are over that were open when it was seen.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/names.h"

namespace tidemark::postgres {

// One word. `source.no_change_sign` for what is no table, and where the server does not count, or
// is older than 15: sessions that are idle keep there what they have to tell.
// `postgres.table_missing`. Blocking; the Connection is in autocommit.
Result<std::string> change_sign(Connection& connection, const TableName& table,
                                const std::string& before, Cancel& cancel);

}  // namespace tidemark::postgres
