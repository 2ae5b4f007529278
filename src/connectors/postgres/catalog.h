// What a database says of its tables and queries: columns, types, keys, sizes. Reads pg_catalog
// only.
//
// Free functions over a Connection of the caller; blocking, idempotent, they run no user's query.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connectors/postgres/type_map.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

struct CatalogColumn {
  std::string name;
  PostgresType type;
  bool not_null = false;
};

struct Relation {
  std::vector<CatalogColumn> columns;
  std::vector<std::string> key;      // of the primary key; empty where there is none
  std::int64_t rows_estimated = -1;  // -1: never analyzed, or a query
  std::int64_t bytes_estimated = -1;
  char kind = 0;          // pg_class.relkind: r table, p partitioned, v view, m, f; 0: a query
  bool filtered = false;  // row-level security may hide rows from this user
};

// A table, partitioned table, view, materialized view or foreign table. `postgres.table_missing`
// names the nearest table there is.
Result<Relation> describe_table(Connection& connection, const TableName& table, Cancel& cancel);

// How many bytes of a table, its partitions or children have no index that begins with `column`.
// `relation` is a table's name in SQL.
Result<std::int64_t> bytes_without_index(Connection& connection, const std::string& relation,
                                         const std::string& column, Cancel& cancel);

// The columns of a query. The server parses and plans its types; it does not run.
Result<Relation> describe_query(Connection& connection, const std::string& query, Cancel& cancel);

// Tables whose `schema.table` matches one of `patterns` (`*` and `?`; without a dot: in schema
// public) and none of `except`; sorted. Partitions belong to their parent and views are not tables.
// A pattern that finds nothing is a user fault.
Result<std::vector<TableName>> find_tables(Connection& connection,
                                           const std::vector<std::string>& patterns,
                                           const std::vector<std::string>& except, Cancel& cancel);

// The name as TableName::parse reads it back.
std::string written_name(const TableName& table);

}  // namespace tidemark::postgres
