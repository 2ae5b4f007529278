// `calendars` of tidemark.yaml, as it is written. A pure function; inside spec/ only.
#pragma once

#include <vector>

#include "spec/calendar.h"
#include "spec/config_value.h"

namespace tidemark {

ValueSpec<std::vector<CalendarSpec>> calendars_value();

}  // namespace tidemark
