#include "drivers/zone/zone.h"

#include <date/tz.h>

#include <chrono>
#include <exception>

namespace tidemark {

Result<WallMinute> wall_minute(const std::string& zone, UtcMicros at) {
  using std::chrono::floor;
  try {
    const date::sys_time<std::chrono::microseconds> moment{std::chrono::microseconds(at.get())};
    const auto local = date::locate_zone(zone)->to_local(moment);
    const auto day = floor<date::days>(local);
    const auto minute = floor<std::chrono::minutes>(local - day);
    return WallMinute{static_cast<int>(date::weekday(day).iso_encoding()) - 1,
                      static_cast<int>(minute.count())};
  } catch (const std::exception&) {
    return user_error("env.no_zone", "this machine knows no time zone `" + zone + "`",
                      "write a name such as Europe/Berlin, and install the package tzdata");
  }
}

}  // namespace tidemark
