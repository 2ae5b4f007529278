// Delays: how late fires began, in the last hour. A fixed amount of memory, whatever the number of
// fires: each minute counts them by their length, which is kept to a sixteenth.
//
// One thread at a time.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "env/clock.h"

namespace tidemark {

class Delays {
 public:
  struct Summary {
    std::int64_t fires = 0;
    std::chrono::milliseconds p50{0};
    std::chrono::milliseconds p99{0};
    std::chrono::milliseconds max{0};
  };

  void add(UtcMicros now, std::chrono::milliseconds delay);
  // Of this minute and the 59 before it.
  Summary last_hour(UtcMicros now) const;

 private:
  static constexpr std::size_t lengths = 480;
  struct Minute {
    std::int64_t number = -1;  // since 1970
    std::chrono::milliseconds max{0};
    std::array<std::uint32_t, lengths> fires{};
  };
  std::array<Minute, 60> minutes_;
};

}  // namespace tidemark
