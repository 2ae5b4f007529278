#include "drivers/json/utf8.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tidemark {
namespace {

static_assert(std::endian::native == std::endian::little, "the first byte is the lowest of a word");

enum class Nul { allowed, refused };

constexpr std::uint64_t each_byte = 0x0101010101010101;
constexpr std::uint64_t high_bits = 0x8080808080808080;

// The high bit of each byte that is no plain character; beside a refused NUL later ones may be
// marked too, the first mark is right.
template <Nul nul>
std::uint64_t marks(std::uint64_t word) {
  if constexpr (nul == Nul::allowed) return word & high_bits;
  return (word | ((word - each_byte) & ~word)) & high_bits;
}

std::size_t first_marked(std::uint64_t found) {
  return static_cast<std::size_t>(std::countr_zero(found)) / 8;
}

template <class T>
std::uint64_t load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// One to seven bytes as a word whose rest is plain. The pieces overlap.
std::uint64_t load_few(const char* at, std::size_t count) {
  const std::uint64_t rest = each_byte << (8 * count);
  if (count >= 4)
    return rest | load<std::uint32_t>(at) |
           load<std::uint32_t>(at + count - 4) << (8 * (count - 4));
  return rest | load<std::uint8_t>(at) | load<std::uint8_t>(at + count / 2) << (8 * (count / 2)) |
         load<std::uint8_t>(at + count - 1) << (8 * (count - 1));
}

// Where the plain characters from `at` on end: eight at once, which is what most text is made of.
template <Nul nul>
const char* skip_plain(const char* at, const char* end) {
  for (; end - at >= 8; at += 8) {
    if (const std::uint64_t found = marks<nul>(load<std::uint64_t>(at)); found != 0)
      return at + first_marked(found);
  }
  const auto count = static_cast<std::size_t>(end - at);
  if (count == 0) return end;
  const std::uint64_t found = marks<nul>(load_few(at, count));
  return found != 0 ? at + first_marked(found) : end;
}

// The bytes of the valid character at `at`, whose first is not plain; 0 when there is none.
std::size_t character_size(const char* at, const char* end) {
  auto byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
  const unsigned first = byte(0);
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || static_cast<std::size_t>(end - at) < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // The second byte decides about overlong forms, surrogates and the upper end.
  const unsigned second = byte(1);
  if (first == 0xe0 && second < 0xa0) return 0;
  if (first == 0xed && second > 0x9f) return 0;
  if (first == 0xf0 && second < 0x90) return 0;
  if (first == 0xf4 && second > 0x8f) return 0;
  return size;
}

template <Nul nul>
bool check(std::string_view bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  for (;;) {
    at = skip_plain<nul>(at, end);
    if (at == end) return true;
    const std::size_t size = character_size(at, end);
    if (size == 0) return false;
    at += size;
  }
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  return check<Nul::allowed>(bytes);
}

bool is_utf8_without_nul(std::string_view bytes) {
  return check<Nul::refused>(bytes);
}

}  // namespace tidemark
