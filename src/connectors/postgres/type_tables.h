// PostgreSQL's part of the page of type mappings, asked from the rules that reads and loads use
// (type_map.h, sink_types.h). Pure.
#pragma once

#include <vector>

#include "spec/type_table.h"

namespace tidemark::postgres {

std::vector<TypeTable> type_tables();

}  // namespace tidemark::postgres
