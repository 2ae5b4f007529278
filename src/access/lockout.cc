#include "access/lockout.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "drivers/sodium/sodium.h"
#include "observe/log.h"

namespace tidemark {
namespace {

// Longer ones would overflow nothing, but no lock is longer.
constexpr int locks_max = 16;

// What one who tries has: an IPv4 address, or the first half of one of IPv6.
std::string place_of(std::string_view address) {
  const std::string text(address.substr(0, address.find('%')));
  in6_addr six{};
  if (inet_pton(AF_INET6, text.c_str(), &six) != 1) return text;
  const auto* const bytes = reinterpret_cast<const char*>(six.s6_addr);
  if (!IN6_IS_ADDR_V4MAPPED(&six)) return std::string(bytes, 8);
  std::array<char, INET_ADDRSTRLEN> four{};
  inet_ntop(AF_INET, bytes + 12, four.data(), four.size());
  return four.data();
}

}  // namespace

Lockout::Lockout(const Clock& clock) : clock_(clock), salt_(random_hex(16).reveal()), rows_(rows) {}

std::int64_t Lockout::now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_.monotonic()).count();
}

std::uint64_t Lockout::hash(std::string_view address) const {
  const std::string digits = blake2b_hex(salt_ + place_of(address)).substr(0, 16);
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return std::max<std::uint64_t>(value, 1);
}

Lockout::Slot* Lockout::find(std::uint64_t address) {
  for (Slot& slot : rows_[address % rows]) {
    if (slot.address == address) return &slot;
  }
  return nullptr;
}

Lockout::Slot& Lockout::take(std::uint64_t address) {
  if (Slot* const known = find(address)) return *known;
  Row& row = rows_[address % rows];
  Slot& oldest = *std::min_element(row.begin(), row.end(), [](const Slot& one, const Slot& other) {
    return std::make_pair(one.address != 0, one.seen_s) <
           std::make_pair(other.address != 0, other.seen_s);
  });
  oldest = Slot{.address = address};
  return oldest;
}

std::optional<std::chrono::seconds> Lockout::locked_for(std::string_view address) {
  const std::uint64_t key = hash(address);
  const std::lock_guard guard(mutex_);
  const Slot* const slot = find(key);
  if (slot == nullptr || slot->until_s <= now()) return std::nullopt;
  return std::chrono::seconds(slot->until_s - now());
}

void Lockout::wrong(std::string_view address) {
  const std::uint64_t key = hash(address);
  const std::lock_guard guard(mutex_);
  Slot& slot = take(key);
  const std::int64_t at = now();
  if (slot.locks > 0 && at - slot.seen_s > std::chrono::seconds(forgiven_after).count())
    slot.locks = 0;
  if (slot.count == 0 || at - slot.window_s >= std::chrono::seconds(window).count()) {
    slot.window_s = at;
    slot.count = 0;
  }
  slot.seen_s = at;
  if (++slot.count < wrong_max) return;
  const std::chrono::seconds wait =
      std::min<std::chrono::seconds>(longest, std::chrono::seconds(first) * (1 << slot.locks));
  slot.until_s = at + wait.count();
  slot.locks = std::min(slot.locks + 1, locks_max);
  slot.count = 0;
  process_log().tell(LogLevel::warn, LogComponent::access,
                     "an address sent too many wrong tokens, and is not heard for a time",
                     {{"address", address}, {"seconds", wait.count()}});
}

}  // namespace tidemark
