#include "connectors/mysql/catalog.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "base/nearest.h"
#include "connectors/mysql/type_map.h"

namespace tidemark::mysql {
namespace {

Result<Rows> all_tables(Connection& connection, Cancel& cancel) {
  return connection.query(
      "select table_schema, table_name from information_schema.tables where table_type in ('BASE "
      "TABLE', 'SYSTEM VERSIONED') and table_schema not in ('mysql', 'sys', 'information_schema', "
      "'performance_schema') and table_name not in ('tidemark_ledger', 'tidemark_loads', "
      "'tidemark_quarantine', 'tidemark_columns', 'tidemark_sweeps', 'tidemark_owners', "
      "'tidemark_sessions') order by "
      "1, 2",
      cancel);
}

Error table_missing(Connection& connection, const TableName& table, Cancel& cancel) {
  Error error =
      classify({1146, "there is no table " + table.show() + ", or this user may not see it"},
               connection.side());
  if (auto rows = all_tables(connection, cancel); rows.ok()) {
    const std::string& database = table.database.empty() ? connection.database() : table.database;
    std::vector<std::string> beside;
    std::vector<std::string> all;
    for (std::size_t at = 0; at < rows->rows(); ++at) {
      all.push_back(rows->string(at, 0) + "." + rows->string(at, 1));
      if (rows->string(at, 0) == database) beside.push_back(rows->string(at, 1));
    }
    const auto near = nearest_word(table.table, beside);
    const auto far = nearest_word(database + "." + table.table, all);
    if (near)
      error.hint = "did you mean `" + *near + "`?";
    else if (far)
      error.hint = "did you mean `" + *far + "`?";
  }
  return error;
}

bool matches(const std::string& pattern, const std::string& name, const std::string& database) {
  const std::string qualified =
      pattern.find('.') == std::string::npos ? database + "." + pattern : pattern;
  return fnmatch(qualified.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

}  // namespace

Result<std::string> database_of(const Connection& connection, const TableName& table) {
  const std::string& name = table.database.empty() ? connection.database() : table.database;
  if (!name.empty()) return quote_text(name);
  return user_error("mysql.no_database",
                    "nothing says which database table " + table.show() + " stands in",
                    "write `dbname=` in the connection, or the table as `database.table`");
}

Result<std::vector<std::string>> primary_key(Connection& connection, const std::string& database,
                                             const std::string& table, Cancel& cancel) {
  TM_TRY(const Rows rows,
         connection.query("select column_name from information_schema.statistics where "
                          "table_schema = " +
                              database + " and table_name = " + table +
                              " and index_name = 'PRIMARY' order by seq_in_index",
                          cancel));
  std::vector<std::string> key;
  for (std::size_t at = 0; at < rows.rows(); ++at)
    key.push_back(rows.string(at, 0));
  return key;
}

Result<Relation> describe_table(Connection& connection, const TableName& table, Cancel& cancel) {
  TM_TRY(const std::string database, database_of(connection, table));
  const std::string name = quote_text(table.table);
  const std::string where = " where table_schema = " + database + " and table_name = " + name;
  TM_TRY(const Rows found, connection.query("select table_type, table_rows, data_length from "
                                            "information_schema.tables" +
                                                where,
                                            cancel));
  if (found.rows() == 0) return table_missing(connection, table, cancel);
  TM_TRY(Relation relation, describe_query(connection, "select * from " + table.sql(), cancel));
  TM_TRY(const Rows names,
         connection.query("select column_name, column_type from information_schema.columns" +
                              where + " order by ordinal_position",
                          cancel));
  for (CatalogColumn& column : relation.columns) {
    for (std::size_t at = 0; at < names.rows(); ++at) {
      if (names.string(at, 0) == column.field.name) column.type_name = names.string(at, 1);
    }
  }
  TM_TRY(relation.key, primary_key(connection, database, name, cancel));
  if (found.text(0, 1)) relation.rows_estimated = found.integer(0, 1);
  if (found.text(0, 2)) relation.bytes_estimated = found.integer(0, 2);
  return relation;
}

Result<Relation> describe_query(Connection& connection, const std::string& query, Cancel& cancel) {
  TM_TRY(const RowStream stream, connection.stream(query, cancel));
  Relation relation;
  for (const Field& field : stream.fields())
    relation.columns.push_back({field, type_name(field)});
  return relation;
}

Result<std::vector<TableName>> find_tables(Connection& connection,
                                           const std::vector<std::string>& patterns,
                                           const std::vector<std::string>& except, Cancel& cancel) {
  TM_TRY(const Rows rows, all_tables(connection, cancel));
  const std::string& database = connection.database();
  std::vector<bool> used(patterns.size(), false);
  std::vector<TableName> found;
  for (std::size_t at = 0; at < rows.rows(); ++at) {
    const std::string name = rows.string(at, 0) + "." + rows.string(at, 1);
    bool wanted = false;
    for (std::size_t p = 0; p < patterns.size(); ++p) {
      if (!matches(patterns[p], name, database)) continue;
      used[p] = true;
      wanted = true;
    }
    const bool left_out =
        std::any_of(except.begin(), except.end(),
                    [&](const std::string& pattern) { return matches(pattern, name, database); });
    if (wanted && !left_out) found.push_back({rows.string(at, 0), rows.string(at, 1)});
  }
  for (std::size_t p = 0; p < patterns.size(); ++p) {
    if (used[p]) continue;
    return user_error("plan.no_tables", "no table matches `" + patterns[p] + "`",
                      "a pattern is `database.table` with `*` and `?`; this user must be allowed "
                      "to see the table");
  }
  return found;
}

Result<std::int64_t> bytes_without_index(Connection& connection, const TableName& table,
                                         const std::string& column, Cancel& cancel) {
  TM_TRY(const std::string database, database_of(connection, table));
  const std::string named =
      "table_schema = " + database + " and table_name = " + quote_text(table.table);
  TM_TRY(const Rows rows,
         connection.query(
             "select coalesce(sum(data_length), 0) from information_schema.tables "
             "where " +
                 named + " and not exists (select 1 from information_schema.statistics where " +
                 named + " and seq_in_index = 1 and lower(column_name) = lower(" +
                 quote_text(column) + "))",
             cancel));
  return rows.integer(0, 0);
}

}  // namespace tidemark::mysql
