// Migrations: the versions of the store's tables and the step to each from the one before.
//
// Pure list plus one function that blocks on the database; call it once, right after opening. A
// step that was released is never edited: a change is a new step.
//
// The words are SQLite's; other systems read them with the types and the storage of their own
// (INTEGER is 64 bits wide, TEXT compares by its bytes). A server of before may go on working while
// a later one takes a step, so a step adds, what it adds has a default, and `compatible_from` says
// from which version on servers may go on beside it. Those of before can write no more from the
// moment at which the step is taken, and end with `store.newer`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/sql_session.h"

namespace tidemark {

struct Migration {
  int version;  // 1, 2, 3, ... without gaps
  std::string_view sql;
  // The oldest version whose Tidemark may use the store after this step; 0: this one.
  int compatible_from = 0;
};

std::span<const Migration> store_migrations();

// `store.newer` where the store, which messages call `name`, is of a version that the Tidemark of
// `steps` must not use. Writes nothing.
Status check_version(SqlSession& session, const std::string& name,
                     std::span<const Migration> steps = store_migrations());

// Brings the store to the last version of `steps`, each step in one transaction, a new store in one
// for all, and notes them in `tidemark_schema`. Idempotent; writes nothing when the store is
// current, or ahead by steps that this version may ignore. `store.newer` when it is ahead by more:
// an older Tidemark must not write what it does not understand.
Status migrate(SqlDatabase& database, std::span<const Migration> steps);

}  // namespace tidemark
