// The JSON Schema of what `tidemark report --json` prints. Pure.
#pragma once

#include "drivers/json/json.h"

namespace tidemark {

JsonValue report_schema();

}  // namespace tidemark
