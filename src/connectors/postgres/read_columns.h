// Columns as they were at the plan, and whether they still are. Blocking.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connectors/postgres/copy_decoder.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// What describe() found, of the columns of the SELECT in their order.
struct PlannedColumns {
  std::vector<std::uint32_t> types;
  std::vector<std::int32_t> modifiers;
};

// `source.column_changed` where a column was dropped, renamed or given another type since. On
// success they stay as they are until the transaction ends.
Status check_columns(Connection& connection, const std::string& select,
                     const std::vector<DecodedColumn>& columns, const PlannedColumns& planned,
                     Cancel& cancel);

}  // namespace tidemark::postgres
