// Clock: the time of day and a clock that only goes forward. All code that needs time takes a
// Clock&.
//
// `app/` owns one SystemClock for the life of the process; tests own a ManualClock. Every method is
// safe from any thread; only `sleep` blocks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/named.h"
#include "base/result.h"

namespace tidemark {

// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted; negative before.
using UtcMicros = Named<std::int64_t, struct UtcMicrosTag>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual UtcMicros now_utc() const = 0;
  // For durations and deadlines: never jumps, has no meaning outside this process.
  virtual std::chrono::nanoseconds monotonic() const = 0;
  virtual void sleep(std::chrono::milliseconds duration) const = 0;
};

class SystemClock final : public Clock {
 public:
  UtcMicros now_utc() const override;
  std::chrono::nanoseconds monotonic() const override;
  void sleep(std::chrono::milliseconds duration) const override;
};

// Stands still until a test moves it. `sleep` advances it and returns at once.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UtcMicros start) : utc_micros_(start.get()) {}
  UtcMicros now_utc() const override;
  std::chrono::nanoseconds monotonic() const override;
  void sleep(std::chrono::milliseconds duration) const override;
  void advance(std::chrono::microseconds duration);

 private:
  mutable std::atomic<std::int64_t> utc_micros_;
  mutable std::atomic<std::int64_t> elapsed_micros_{0};
};

// `2026-11-21T14:00:00.123456Z`, always UTC, always six digits: texts of the years 0000-9999 sort
// like the times they name.
std::string to_text(UtcMicros at);
std::string now_text(const Clock& clock);
// Reads what `to_text` writes, with zero to six digits after the point (none: no point).
Result<UtcMicros> parse_utc(std::string_view text);

}  // namespace tidemark
