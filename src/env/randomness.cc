#include "env/randomness.h"

#include <sys/random.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace tidemark {
namespace {

// Without the letters that are read as digits or spell words.
constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

void append_base32(std::string& text, std::uint64_t value, int width) {
  for (int i = width - 1; i >= 0; --i)
    text += alphabet[(value >> (5 * i)) & 31u];
}

}  // namespace

std::uint64_t SystemRandomness::next() {
  std::uint64_t value = 0;
  // For eight bytes the call neither blocks (after boot) nor returns short.
  TM_ASSERT(getrandom(&value, sizeof value, 0) == static_cast<ssize_t>(sizeof value));
  return value;
}

std::uint64_t SeededRandomness::next() {
  std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15u);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

RunId new_run_id(const Clock& clock, Randomness& randomness) {
  // Nine characters hold 45 bits: milliseconds until the year 3084.
  auto millis = static_cast<std::uint64_t>(clock.now_utc().get() / 1000);
  std::string text;
  text.reserve(16);
  append_base32(text, millis, 9);
  append_base32(text, randomness.next(), 7);
  return RunId(std::move(text));
}

}  // namespace tidemark
