// The leases of the store: reading and writing etl_leases. For this folder only; the caller holds
// the store's mutex and, for writes, began a transaction that it commits.
#pragma once

#include <optional>

#include "drivers/sqlite/database.h"
#include "env/clock.h"
#include "store/records.h"

namespace tidemark::sqlite_leases {

Result<std::optional<LeaseRecord>> find(sqlite::Database& database, const JobName& job);
// The new token, or `run.leased`.
Result<Fence> claim(sqlite::Database& database, const LeaseClaim& claim, UtcMicros now);
// `run.lease_lost` when the token is not the job's any more.
Status renew(sqlite::Database& database, const JobName& job, Fence token,
             std::chrono::milliseconds ttl, UtcMicros now);
Status give_back(sqlite::Database& database, const JobName& job, Fence token);

}  // namespace tidemark::sqlite_leases
