#include "connectors/duckdb/removal.h"

#include "connect/expression.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

RemovalStatements removal_statements(const WarehouseTable& table, const Schema& present,
                                     const LoadTarget& target, const Removal& removal) {
  const bool listed = removal.rows == Removal::Rows::with_keys;
  // As they would stand in the table, so that they are compared as the merge compares them.
  std::string keys;
  std::string same;
  std::string has_key;
  for (const std::string& column : target.key) {
    const std::string name = duck::quote_name(column);
    const auto at = find_column(present, column);
    const bool text = at && present.columns[*at].type.kind == TypeKind::varchar;
    keys += keys.empty() ? "SELECT " : ", ";
    keys += at ? "CAST(" + name + " AS " + present.columns[*at].source_type + ") AS " + name : name;
    same += (same.empty() ? "" : " AND ") + ("old." + name) + " = gone." + name;
    has_key += " AND old." + name + " IS NOT NULL";
    // A collation may find two keys equal of which one is alive.
    if (text && listed) same += " AND encode(old." + name + ") = encode(gone." + name + ")";
  }
  const std::string from = "(" + keys + " FROM " + removal.keys.relation + ") AS gone";
  const std::string mark = duck::quote_name(target.mark);
  const std::string unmarked = target.mark.empty() ? "true" : "old." + mark + " IS NULL";
  const std::string set =
      " SET " + mark + " = TIMESTAMPTZ " + duck::quote_text(removal.found_at + "+00");
  const std::string rows = table.quoted() + " AS old";
  RemovalStatements statements;
  if (listed) {
    statements.remove =
        target.mark.empty()
            ? "DELETE FROM " + rows + " USING " + from + " WHERE " + same
            : "UPDATE " + rows + set + " FROM " + from + " WHERE " + same + " AND " + unmarked;
    return statements;
  }
  const std::string where = " WHERE " + unmarked;
  const std::string alive = "EXISTS (SELECT 1 FROM " + from + " WHERE " + same + ")";
  // Without a key it cannot be told whether a row is alive.
  const std::string gone = has_key + " AND NOT " + alive;
  statements.count_all = "SELECT count(*) FROM " + rows + where;
  statements.count_gone = statements.count_all + gone;
  statements.remove =
      (target.mark.empty() ? "DELETE FROM " + rows : "UPDATE " + rows + set) + where + gone;
  if (!target.mark.empty()) {
    statements.revive = "UPDATE " + rows + " SET " + mark + " = NULL WHERE old." + mark +
                        " IS NOT NULL AND " + alive;
  }
  return statements;
}

}  // namespace tidemark
