// The statements that take rows out of a warehouse's table, or mark them. Pure; any thread.
#pragma once

#include <string>

#include "connect/sink.h"
#include "connectors/duckdb/warehouse.h"

namespace tidemark {

struct RemovalStatements {
  std::string count_all;   // rows that could go
  std::string count_gone;  // those of them that do
  std::string remove;
  std::string revive;  // takes the mark from rows that are there again; empty: there is none
};
RemovalStatements removal_statements(const WarehouseTable& table, const Schema& present,
                                     const LoadTarget& target, const Removal& removal);

}  // namespace tidemark
