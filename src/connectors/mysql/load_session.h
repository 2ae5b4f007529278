// LoadSession: how a session that may change something for an owner is known to others.
//
// MySQL shows no name of a session that another user could go by, and a number of a session may be
// another's after a restart. So each one holds a lock with a name of its own (GET_LOCK), which ends
// with it, and writes that name into tidemark_sessions before it changes anything else. Who takes a
// job over ends the sessions of older owners by it; who lost the answer to a COMMIT waits for it.
// Free functions; blocking.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "drivers/mysql/connection.h"

namespace tidemark::mysql {

// Takes a lock with a new name and tells it. Returns the name. REQUIRES the ledger's tables.
Result<std::string> register_session(Connection& connection, const JobName& job, Fence token,
                                     Cancel& cancel);

// Ends the sessions of the job's older owners and waits until they are gone. What one of them was
// committing may be in afterwards. `target.commit_pending` when one has not gone after ten seconds;
// `target.older_session` when one is another user's, whom this user may not end.
Status end_older_sessions(Connection& connection, const JobName& job, Fence token, Cancel& cancel);

// Waits until the session of that name is gone, and after a while ends it.
Status wait_for_end(Connection& connection, const std::string& session, Cancel& cancel);

}  // namespace tidemark::mysql
