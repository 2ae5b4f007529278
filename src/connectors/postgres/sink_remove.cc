#include "connectors/postgres/sink_remove.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "connect/load_check.h"
#include "connectors/postgres/row_copy.h"
#include "connectors/postgres/sink_table.h"
#include "connectors/postgres/sink_types.h"
#include "drivers/postgres/names.h"

namespace tidemark::postgres {
namespace {

struct KeyColumns {
  std::vector<CopyColumn> copy;
  std::string equal;  // `rows` and `gone`, as the merge finds them
  std::string same;   // and to the letter
  std::string there;  // `rows` have one
};

Result<KeyColumns> key_columns(const TableState& state, const StagedTable& keys) {
  KeyColumns found;
  for (const Column& column : keys.schema.columns) {
    const auto there =
        std::find_if(state.columns.begin(), state.columns.end(),
                     [&](const TargetColumn& known) { return known.name == column.name; });
    if (there == state.columns.end())
      return internal_error("target.key_missing", "the table has no column `" + column.name + "`");
    TM_TRY(Fit fits, fit(column, *there));
    found.copy.push_back(std::move(fits.copy));
    const std::string name = quote_name(column.name);
    const std::string equal = "rows." + name + " = gone." + name;
    found.there += " and rows." + name + " is not null";
    found.equal += (found.equal.empty() ? "" : " and ") + equal;
    found.same += (found.same.empty() ? "" : " and ") + equal;
    // A collation may find two keys equal of which one is alive.
    if (!there->collation.empty() && !there->equal_is_same)
      found.same += " and rows." + name + " collate \"C\" = gone." + name + " collate \"C\"";
  }
  return found;
}

}  // namespace

Result<RowCount> remove_rows(duck::Connection& engine, Connection& connection,
                             const Removal& removal, const LoadTarget& target, Cancel& cancel) {
  TM_TRY(const TableState state, read_table(connection, target.table, cancel));
  if (!state.exists) return RowCount(0);
  const bool listed = removal.rows == Removal::Rows::with_keys;
  TM_TRY(KeyColumns key, key_columns(state, removal.keys));
  // Rows of tables that inherit from it were never loaded here.
  const std::string table = (state.children.empty() ? "" : "only ") + state.name.sql();
  const std::string names = quote_list(removal.keys.schema.names());
  const std::string temporary = quote_name(listed ? "tidemark_gone" : "tidemark_keys");
  const std::string keys = "pg_temp." + temporary;
  TM_CHECK(connection.execute("create temp table " + temporary + " on commit drop as select " +
                                  names + " from " + table + " with no data",
                              cancel));
  TM_CHECK(copy_rows(engine, connection, select_rows(removal.keys, removal.keys.schema),
                     "copy " + keys + " (" + names + ") from stdin (format binary)",
                     std::move(key.copy), removal.keys.rows, cancel));
  TM_CHECK(connection.execute("analyze " + keys, cancel));
  const std::string mark = quote_name(target.mark);
  const std::string unmarked = target.mark.empty() ? "true" : "rows." + mark + " is null";
  const std::string set = " set " + mark + " = timestamptz " + quote_text(removal.found_at + "+00");
  const std::string rows = table + " as rows";
  if (listed) {
    TM_TRY(const Rows done,
           connection.query(
               target.mark.empty()
                   ? "delete from " + rows + " using " + keys + " as gone where " + key.same
                   : "update " + rows + set + " from " + keys + " as gone where " + key.same +
                         " and " + unmarked,
               cancel));
    return RowCount(done.changed());
  }
  const std::string where = " where " + unmarked;
  const std::string alive = "exists (select from " + keys + " as gone where " + key.equal + ")";
  // Without a key it cannot be told whether a row is alive.
  const std::string gone = key.there + " and not " + alive;
  const std::string count = "select count(*) from " + rows + where;
  TM_TRY(const Rows all, connection.query(count, cancel));
  TM_TRY(const Rows missing, connection.query(count + gone, cancel));
  TM_CHECK(check_removal(target, removal, missing.integer(0, 0), all.integer(0, 0)));
  if (!target.mark.empty()) {  // rows that are there again
    TM_CHECK(connection.execute("update " + rows + " set " + mark + " = null where rows." + mark +
                                    " is not null and " + alive,
                                cancel));
  }
  if (missing.integer(0, 0) == 0) return RowCount(0);
  TM_TRY(const Rows done,
         connection.query(
             (target.mark.empty() ? "delete from " + rows : "update " + rows + set) + where + gone,
             cancel));
  return RowCount(done.changed());
}

Result<RowCount> remove_range(Connection& connection, const TargetRange& range, RowCount given,
                              const LoadTarget& target, Cancel& cancel) {
  TM_TRY(const TableState state, read_table(connection, target.table, cancel));
  if (!state.exists) return table_gone(target.table);
  const std::string column = quote_name(range.column);
  const std::string from = (state.children.empty() ? "" : "only ") + state.name.sql() + " where " +
                           column + " >= " + quote_text(range.lo) + " and " + column + " < " +
                           quote_text(range.hi);
  // Nobody writes between the count and the deletion; readers go on.
  TM_CHECK(connection.execute("lock table " + state.name.sql() + " in share row exclusive mode",
                              cancel));
  if (!target.allow_empty) {
    TM_TRY(const Rows present, connection.query("select count(*) from " + from, cancel));
    TM_CHECK(check_replacement(target, given.get(), present.integer(0, 0)));
  }
  TM_TRY(const Rows done, connection.query("delete from " + from, cancel));
  return RowCount(done.changed());
}

}  // namespace tidemark::postgres
