// What a database says of its tables and queries: columns, types, keys, sizes. Reads
// information_schema, and has queries parsed.
//
// Free functions over a Connection of the caller; blocking, idempotent, they run no user's query.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "drivers/mysql/connection.h"

namespace tidemark::mysql {

struct CatalogColumn {
  Field field;
  std::string type_name;  // as the catalog shows it, e.g. `varchar(20)`
};

struct Relation {
  std::vector<CatalogColumn> columns;
  std::vector<std::string> key;      // of the primary key; empty where there is none
  std::int64_t rows_estimated = -1;  // -1: a view, or a query
  std::int64_t bytes_estimated = -1;
};

// A table or view. `mysql.table_missing` names the nearest table there is.
Result<Relation> describe_table(Connection& connection, const TableName& table, Cancel& cancel);

// The columns of a query. The server parses it; it does not run.
Result<Relation> describe_query(Connection& connection, const std::string& query, Cancel& cancel);

// How many bytes a table has where no index begins with `column`; else 0.
Result<std::int64_t> bytes_without_index(Connection& connection, const TableName& table,
                                         const std::string& column, Cancel& cancel);

// Tables whose `database.table` matches one of `patterns` (`*` and `?`; without a dot: in the
// connection's database) and none of `except`; sorted. Views are not tables. A pattern that finds
// nothing is a user fault.
Result<std::vector<TableName>> find_tables(Connection& connection,
                                           const std::vector<std::string>& patterns,
                                           const std::vector<std::string>& except, Cancel& cancel);

// The database a table stands in: its own, or the connection's, as a quoted text; a user fault
// where neither names one.
Result<std::string> database_of(const Connection& connection, const TableName& table);

// The columns of the primary key, in order.
Result<std::vector<std::string>> primary_key(Connection& connection, const std::string& database,
                                             const std::string& table, Cancel& cancel);

}  // namespace tidemark::mysql
