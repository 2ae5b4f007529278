// Lockout: addresses that tried too many wrong tokens are not heard for a while, and for twice as
// long each time they go on.
//
// In memory of one size, however many addresses there are: where it is full, those that were quiet
// longest are forgotten. A whole /64 of IPv6 counts as one address, since one machine has it all.
// Safe from any thread; the clock outlives it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "env/clock.h"

namespace tidemark {

class Lockout {
 public:
  static constexpr int wrong_max = 10;  // within `window`
  static constexpr std::chrono::minutes window{1};
  static constexpr std::chrono::minutes first{1};
  static constexpr std::chrono::minutes longest{60};
  // After so long without a wrong one the next lock is the first again.
  static constexpr std::chrono::hours forgiven_after{24};

  explicit Lockout(const Clock& clock);

  // For how long the address is still locked; nothing: it is not.
  std::optional<std::chrono::seconds> locked_for(std::string_view address);
  // It tried a wrong token.
  void wrong(std::string_view address);

 private:
  struct Slot {
    std::uint64_t address = 0;  // a hash; 0: free
    std::int64_t seen_s = 0;    // by the clock that only goes forward
    std::int64_t window_s = 0;  // when the first of `count` was
    std::int64_t until_s = 0;
    std::int32_t count = 0;
    std::int32_t locks = 0;
  };
  // Those in which an address may be.
  using Row = std::array<Slot, 8>;
  static constexpr std::size_t rows = 4096;

  std::uint64_t hash(std::string_view address) const;
  Slot* find(std::uint64_t address);
  Slot& take(std::uint64_t address);
  std::int64_t now() const;

  const Clock& clock_;
  // Of this process alone, so that nobody can choose addresses that push another out.
  const std::string salt_;
  std::mutex mutex_;
  std::vector<Row> rows_;  // guarded by mutex_
};

}  // namespace tidemark
