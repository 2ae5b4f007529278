#include "connectors/postgres/read_columns.h"

#include <utility>

#include "connect/source.h"

namespace tidemark::postgres {

Status check_columns(Connection& connection, const std::string& select,
                     const std::vector<DecodedColumn>& columns, const PlannedColumns& planned,
                     Cancel& cancel) {
  auto described = connection.describe(select, cancel);
  if (!described.ok()) {
    if (described.error().code == "postgres.column_missing")
      return column_changed("the columns have changed (" + described.error().message + ")");
    return std::move(described).error();
  }
  if (described->columns() != columns.size())
    return column_changed("the number of columns has changed");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (described->type_oid(i) == planned.types[i] &&
        described->type_modifier(i) == planned.modifiers[i])
      continue;
    return column_changed("column `" + columns[i].name + "` has changed its type");
  }
  return {};
}

}  // namespace tidemark::postgres
