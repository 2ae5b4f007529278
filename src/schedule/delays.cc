#include "schedule/delays.h"

#include <algorithm>
#include <bit>

namespace tidemark {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t minute_us = 60'000'000;
constexpr std::uint64_t longest_ms = (std::uint64_t{1} << 32) - 1;
// Below 32 ms each length has its own place; then each doubling has sixteen.
constexpr unsigned exact = 32;

std::size_t place_of(milliseconds delay) {
  const auto ms =
      std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(delay.count(), 0)), longest_ms);
  if (ms < exact) return static_cast<std::size_t>(ms);
  const unsigned shift = static_cast<unsigned>(std::bit_width(ms)) - 5;
  return exact + (shift - 1) * 16 + static_cast<std::size_t>((ms >> shift) - 16);
}

// The longest that has this place.
milliseconds length_at(std::size_t place) {
  if (place < exact) return milliseconds(place);
  const std::size_t shift = (place - exact) / 16 + 1;
  const std::uint64_t part = (place - exact) % 16 + 16;
  return milliseconds(((part + 1) << shift) - 1);
}

}  // namespace

void Delays::add(UtcMicros now, milliseconds delay) {
  const std::int64_t number = now.get() / minute_us;
  Minute& minute = minutes_[static_cast<std::size_t>(number) % minutes_.size()];
  if (minute.number != number) minute = Minute{number};
  minute.max = std::max(minute.max, delay);
  ++minute.fires[place_of(delay)];
}

Delays::Summary Delays::last_hour(UtcMicros now) const {
  const std::int64_t number = now.get() / minute_us;
  Summary found;
  std::array<std::int64_t, lengths> fires{};
  for (const Minute& minute : minutes_) {
    const bool counts = minute.number > number - static_cast<std::int64_t>(minutes_.size()) &&
                        minute.number <= number;
    if (!counts) continue;
    found.max = std::max(found.max, minute.max);
    for (std::size_t place = 0; place < lengths; ++place) {
      fires[place] += minute.fires[place];
      found.fires += minute.fires[place];
    }
  }
  // The shortest length that at least this part of the fires does not pass.
  const auto quantile = [&](std::int64_t percent) {
    std::int64_t seen = 0;
    for (std::size_t place = 0; place < lengths; ++place) {
      seen += fires[place];
      if (seen > 0 && seen * 100 >= found.fires * percent)
        return std::min(length_at(place), found.max);
    }
    return found.max;
  };
  found.p50 = quantile(50);
  found.p99 = quantile(99);
  return found;
}

}  // namespace tidemark
