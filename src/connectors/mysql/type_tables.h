// The parts of the page of type mappings that are MySQL's, made from the rules the code works by.
#pragma once

#include <vector>

#include "spec/type_table.h"

namespace tidemark::mysql {

std::vector<TypeTable> type_tables();

}  // namespace tidemark::mysql
