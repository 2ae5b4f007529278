// Copying a whole store from one system into another. Blocks; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/sql_session.h"

namespace tidemark {

struct CopiedTable {
  std::string table;
  std::int64_t rows = 0;
};

// The tables that are copied: each after those it refers to.
std::span<const std::string_view> store_tables();

// Every row of `from` into `to`, in one transaction there, after which each table has as many rows
// as it had. Both are brought to this version first. `store.not_empty` where `to` has rows: it then
// holds another store, or this one whole. After a failure or a crash it is as empty as before.
// REQUIRES that nobody writes into `to` meanwhile.
// What is written into `from` meanwhile is not copied.
Result<std::vector<CopiedTable>> copy_store(SqlDatabase& from, SqlDatabase& to);

// `user.no_backup` where it has not the tables of a store; `name` is for people.
Status check_is_store(SqlDatabase& database, const std::string& name);

}  // namespace tidemark
