// What jobs watch, in the store: etl_changes, and the fires that follow from it. For this folder
// only; writes are part of a transaction that the caller commits.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark::sql_changes {

Result<std::vector<SeenChange>> list(SqlSession& session, const std::vector<JobName>& jobs);
Result<bool> note(SqlSession& session, const SeenChange& now,
                  const std::optional<SeenChange>& before);
Result<FireAnswer> take(SqlSession& session, const FireOffer& offer, const SeenChange& now,
                        const std::optional<SeenChange>& before);
Result<std::string> loads_of(SqlSession& session, const std::vector<JobName>& jobs);

}  // namespace tidemark::sql_changes
