// Migrations: the versions of the store's tables and the step to each from the one before.
//
// Pure list plus one function that blocks on the database; call it once, right after opening. A
// step that was released is never edited: a change is a new step.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "drivers/sqlite/database.h"
#include "env/clock.h"

namespace tidemark {

struct Migration {
  int version;  // 1, 2, 3, ... without gaps
  std::string_view sql;
};

std::span<const Migration> store_migrations();

// Brings the file to the last version of `steps`, each step in one transaction, and notes it in
// `tidemark_schema`. Idempotent; writes nothing when the file is current. `store.newer` when the
// file is ahead: an older Tidemark must not write what it does not understand.
Status migrate(sqlite::Database& database, const Clock& clock, std::span<const Migration> steps);

}  // namespace tidemark
