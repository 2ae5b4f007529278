#include "connectors/mysql/sink_remove.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "connect/load_check.h"
#include "connectors/mysql/row_insert.h"
#include "connectors/mysql/sink_table.h"
#include "connectors/mysql/sink_types.h"
#include "drivers/mysql/names.h"

namespace tidemark::mysql {
namespace {

struct KeyColumns {
  std::vector<LoadColumn> load;
  std::string definitions;
  std::string equal;  // `t` and `s`, as the merge finds them
  std::string same;   // and to the letter
  std::string there;  // `t` has one
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
    found.load.push_back(std::move(fits.column));
    const std::string name = quote_name(column.name);
    found.definitions += name + " " + there->column_type;
    if (!there->collation.empty())
      found.definitions += " character set " + there->charset + " collate " + there->collation;
    found.definitions += " not null, ";
    const std::string equal = "t." + name + " = s." + name;
    found.there += " and t." + name + " is not null";
    found.equal += (found.equal.empty() ? "" : " and ") + equal;
    found.same += (found.same.empty() ? "" : " and ") + equal;
    // A collation may find two keys equal of which one is alive.
    if (!there->collation.empty())
      found.same += " and cast(t." + name + " as binary) = cast(s." + name + " as binary)";
  }
  return found;
}

}  // namespace

Result<RowCount> remove_rows(duck::Connection& engine, Connection& connection,
                             const Removal& removal, const LoadTarget& target, Cancel& cancel) {
  TM_TRY(const TableState state, read_table(connection, target.table, cancel));
  if (!state.exists) return RowCount(0);
  const bool listed = removal.rows == Removal::Rows::with_keys;
  TM_TRY(const KeyColumns key, key_columns(state, removal.keys));
  const std::string keys = listed ? "`_tm_gone`" : "`_tm_keys`";
  const std::string names = quote_list(removal.keys.schema.names());
  // Not unique: a collation may find equal what the source tells apart.
  TM_CHECK(connection.execute("create temporary table " + keys + " (" + key.definitions + "key (" +
                                  names + ")) engine = InnoDB",
                              cancel));
  TM_CHECK(insert_rows(engine, connection, removal.keys.relation, keys, key.load, removal.keys.rows,
                       cancel));
  const std::string table = state.name.sql();
  const std::string mark = quote_name(target.mark);
  const std::string unmarked = target.mark.empty() ? "true" : "t." + mark + " is null";
  const std::string set = " set t." + mark + " = " + quote_text(removal.found_at);
  if (listed) {
    TM_TRY(
        const std::int64_t done,
        connection.execute(target.mark.empty()
                               ? "delete t from " + table + " t join " + keys + " s on " + key.same
                               : "update " + table + " t join " + keys + " s on " + key.same + set +
                                     " where " + unmarked,
                           cancel));
    return RowCount(done);
  }
  const std::string alive = "exists (select 1 from " + keys + " s where " + key.equal + ")";
  // Without a key it cannot be told whether a row is alive.
  const std::string gone = " where " + unmarked + key.there + " and not " + alive;
  TM_TRY(const Rows all,
         connection.query("select count(*) from " + table + " t where " + unmarked, cancel));
  TM_TRY(const Rows missing,
         connection.query("select count(*) from " + table + " t" + gone, cancel));
  TM_CHECK(check_removal(target, removal, missing.integer(0, 0), all.integer(0, 0)));
  if (!target.mark.empty()) {  // rows that are there again
    TM_CHECK(connection.execute("update " + table + " t set t." + mark + " = null where t." + mark +
                                    " is not null and " + alive,
                                cancel));
  }
  if (missing.integer(0, 0) == 0) return RowCount(0);
  TM_TRY(const std::int64_t done,
         connection.execute(target.mark.empty() ? "delete t from " + table + " t" + gone
                                                : "update " + table + " t" + set + gone,
                            cancel));
  return RowCount(done);
}

}  // namespace tidemark::mysql
