#include "connectors/duckdb/type_tables.h"

#include "connect/fit.h"
#include "model/type.h"

namespace tidemark {

std::vector<TypeTable> duckdb_type_tables() {
  TypeTable table{"DuckDB as a target",
                  "A new table gets the engine's own types. A column that is there already must "
                  "hold every value of the rows' type as it is, or the plan is refused "
                  "(`target.schema_misfit`). A DECIMAL fits into one with as much room before and "
                  "after the point.",
                  {"engine", "new column", "fits into a column of"},
                  {}};
  for (const Type& type : type_examples()) {
    std::string fits;
    for (const Type& there : type_examples()) {
      if (can_hold(there, type)) fits += (fits.empty() ? "`" : ", `") + sql_name(there) + "`";
    }
    table.rows.push_back({"`" + sql_name(type) + "`", "`" + sql_name(type) + "`", fits});
  }
  return {std::move(table)};
}

}  // namespace tidemark
