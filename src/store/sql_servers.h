// The servers of a store that several share, and how they divide its fires: reading and writing
// etl_servers and etl_fires. For this folder only; writes are part of a transaction that the caller
// commits.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark::sql_servers {

Result<ServerView> lives(SqlSession& session, const ServerRecord& server,
                         std::optional<std::chrono::milliseconds> dead_after);
Status leaves(SqlSession& session, const std::string& owner);
Result<std::vector<ServerRecord>> list(SqlSession& session);
Result<std::vector<FireRecord>> claim(SqlSession& session, const FireClaim& claim);

// Its owner's fire comes to its load; false where its pool has no place.
Result<bool> begin_load(SqlSession& session, const FireRecord& fire,
                        const std::map<std::string, int>& pools);

}  // namespace tidemark::sql_servers
