// The local time of a place, from the system's time zone data.
//
// Free functions, any thread; the data is read at the first use.
#pragma once

#include <string>

#include "base/result.h"
#include "env/clock.h"

namespace tidemark {

// A minute of a week as a clock on the wall shows it.
struct WallMinute {
  int weekday = 0;  // 0: Monday
  int minute = 0;   // of the day, 0 to 1439
};

// `zone` is a name such as `Europe/Berlin` or `UTC`; `env.no_zone` where the machine has none of
// that name.
Result<WallMinute> wall_minute(const std::string& zone, UtcMicros at);

}  // namespace tidemark
