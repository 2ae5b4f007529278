#include "connect/key_check.h"

#include <string>

#include "base/error.h"
#include "base/units.h"

namespace tidemark {
namespace {

std::string join_key(const LoadTarget& target, const std::string& after,
                     const std::string& between) {
  std::string text;
  for (const std::string& name : target.key)
    text += (text.empty() ? "" : between) + duck::quote_name(name) + after;
  return text;
}

}  // namespace

Status check_null_key(duck::Connection& engine, const StagedTable& rows, const LoadTarget& target) {
  if (target.key.empty()) return {};
  TM_TRY(const std::int64_t count, engine.count("SELECT count(*) FROM " + rows.relation +
                                                " WHERE " + join_key(target, " IS NULL", " OR ")));
  if (count == 0) return {};
  std::string names;
  for (const std::string& name : target.key)
    names += (names.empty() ? "" : ", ") + name;
  return target_error(
      "target.null_key",
      show_count(count) + " of " + show_count(rows.rows.get()) + " rows have NULL in the key (" +
          names + ")",
      Retry::never,
      "refuse them by a rule, for example: key_present: " + target.key.front() + " is not null");
}

Status check_key_once(duck::Connection& engine, const StagedTable& rows, const LoadTarget& target) {
  if (target.key.empty()) return {};
  const std::string key = join_key(target, "", ", ");
  TM_TRY(const std::int64_t doubled,
         engine.count("SELECT count(*) FROM (SELECT " + key + " FROM " + rows.relation +
                      " GROUP BY " + key + " HAVING count(*) > 1)"));
  if (doubled == 0) return {};
  return duplicate_key(target, show_count(doubled) + " in all");
}

Error duplicate_key(const LoadTarget& target, const std::string& found) {
  return target_error("target.duplicate_key",
                      "the rows for " + target.table + " hold a key more than once: " + found,
                      Retry::never, "say which row wins: dedupe in `transform`, by the key");
}

}  // namespace tidemark
