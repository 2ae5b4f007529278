// The leases of the store: reading and writing etl_leases. For this folder only; writes are part of
// a transaction that the caller commits.
#pragma once

#include <optional>

#include "env/clock.h"
#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark::sql_leases {

// Whether it is wanted is as of now.
Result<std::optional<LeaseRecord>> find(SqlSession& session, const JobName& job);
// The new token, or `run.leased`.
Result<Fence> claim(SqlSession& session, const LeaseClaim& claim, UtcMicros now);
// `run.lease_lost` when the token is not the job's any more.
Status renew(SqlSession& session, const JobName& job, Fence token, std::chrono::milliseconds ttl,
             UtcMicros now);
Status give_back(SqlSession& session, const JobName& job, Fence token);
// Somebody was turned away, and may come again.
Status want(SqlSession& session, const JobName& job);
// Whether that was said so lately that it need not be said again.
Result<bool> is_wanted_for_long(SqlSession& session, const JobName& job);

}  // namespace tidemark::sql_leases
