// The files' part of the page of type mappings, asked from the code that finds and reads types
// (text_types.h). Pure.
#pragma once

#include <vector>

#include "spec/type_table.h"

namespace tidemark {

std::vector<TypeTable> files_type_tables();

}  // namespace tidemark
