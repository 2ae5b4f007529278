// The local time of a place, from the system's time zone data.
//
// Any thread; the data of a zone is read at its first use. Where its tables end their rule for the
// years behind them holds; changes are told up to the year 2437.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "env/clock.h"

namespace tidemark {

// A minute of a week as a clock on the wall shows it.
struct WallMinute {
  int weekday = 0;  // 0: Monday
  int minute = 0;   // of the day, 0 to 1439
};

// Moments are seconds since 1970-01-01T00:00:00Z. A plain value; copies share the data.
class Zone {
 public:
  // `name` is one such as `Europe/Berlin` or `UTC`; `env.no_zone` where the machine has none.
  static Result<Zone> find(const std::string& name);

  // What the clock on the wall shows beyond UTC, in seconds.
  std::int64_t offset(std::int64_t at) const;
  // The first moment at which the clock shows `wall`, in seconds of the clock since 1970, or where
  // it leaves that out is set beyond it.
  std::int64_t shows(std::int64_t wall) const;
  // When clocks are set next, after `at`, and were set last, at or before it; nothing: never.
  std::optional<std::int64_t> change_after(std::int64_t at) const;
  std::optional<std::int64_t> change_until(std::int64_t at) const;
  WallMinute wall_minute(UtcMicros at) const;

 private:
  struct Data;
  explicit Zone(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

}  // namespace tidemark
