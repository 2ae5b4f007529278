// The binary form of numeric: a count of base-10000 digits, the weight of the first, a sign, and
// how many decimal digits are shown after the point.
#include <array>

#include "connectors/postgres/value_decoders.h"

namespace tidemark::postgres {
namespace {

constexpr std::uint16_t sign_minus = 0x4000;
constexpr std::uint16_t sign_nan = 0xc000;
constexpr std::uint16_t sign_plus_infinity = 0xd000;
constexpr std::uint16_t sign_minus_infinity = 0xf000;

using Wide = unsigned __int128;

constexpr auto powers = [] {
  std::array<Wide, 39> list{};
  list[0] = 1;
  for (std::size_t i = 1; i < list.size(); ++i)
    list[i] = list[i - 1] * 10;
  return list;
}();

struct Parts {
  int count = 0;
  int weight = 0;
  std::uint16_t sign = 0;
  int shown = 0;  // digits after the point
  const char* digits = nullptr;

  int digit(int index) const { return index < count ? read_u16(digits + 2 * index) : 0; }
};

bool read_parts(std::string_view bytes, Parts& parts) {
  if (bytes.size() < 8) return false;
  parts.count = read_u16(bytes.data());
  parts.weight = static_cast<std::int16_t>(read_u16(bytes.data() + 2));
  parts.sign = read_u16(bytes.data() + 4);
  parts.shown = read_u16(bytes.data() + 6) & 0x3fff;
  parts.digits = bytes.data() + 8;
  if (bytes.size() != 8 + 2 * static_cast<std::size_t>(parts.count)) return false;
  for (int i = 0; i < parts.count; ++i) {
    if (parts.digit(i) > 9999) return false;
  }
  return parts.sign == 0 || parts.sign == sign_minus || parts.sign == sign_nan ||
         parts.sign == sign_plus_infinity || parts.sign == sign_minus_infinity;
}

const char* special(std::uint16_t sign) {
  if (sign == sign_nan) return "NaN";
  if (sign == sign_plus_infinity) return "Infinity";
  if (sign == sign_minus_infinity) return "-Infinity";
  return nullptr;
}

// What is left of a group of four digits without its last `cut` ones, 1 to 3; false where those are
// not zero. Divisors that the compiler knows cost no division.
bool cut_group(int group, int cut, int& kept) {
  const int below = cut == 1 ? 10 : cut == 2 ? 100 : 1000;
  kept = cut == 1 ? group / 10 : cut == 2 ? group / 100 : group / 1000;
  return kept * below == group;
}

// |value| * 10^scale; false where that is no integer or does not fit the accumulator. The caller
// knows by the weight whether it may not fit.
template <class Number, bool may_overflow>
bool accumulate(const Parts& parts, int scale, Number& total) {
  const auto append = [&total](Number power, int digits) {
    if constexpr (may_overflow) {
      return !__builtin_mul_overflow(total, power, &total) &&
             !__builtin_add_overflow(total, static_cast<Number>(digits), &total);
    }
    total = total * power + static_cast<Number>(digits);
    return true;
  };
  // The power of ten of group i, after scaling, is exponent - 4 i.
  const int exponent = 4 * parts.weight + scale;
  int i = 0;
  for (; exponent - 4 * i >= 0; ++i) {
    if (i >= parts.count && total == 0) return true;
    if (!append(10000, parts.digit(i))) return false;
  }
  // One group may reach over the last place; what is beyond that place must be zero.
  const int cut = 4 * i - exponent;
  if (cut < 4) {
    int kept = 0;
    if (!cut_group(parts.digit(i), cut, kept)) return false;
    if (!append(static_cast<Number>(cut == 1 ? 1000 : cut == 2 ? 100 : 10), kept)) return false;
    ++i;
  }
  for (; i < parts.count; ++i) {
    if (parts.digit(i) != 0) return false;
  }
  return true;
}

void append_digits(std::string& text, int group, int from, int to) {
  const std::array<char, 4> printed = {
      static_cast<char>('0' + group / 1000), static_cast<char>('0' + group / 100 % 10),
      static_cast<char>('0' + group / 10 % 10), static_cast<char>('0' + group % 10)};
  text.append(printed.data() + from, static_cast<std::size_t>(to - from));
}

// Apart, so that numbers that fit do not pay for the frame of a message.
[[gnu::cold, gnu::noinline]] Decoded refuse_special(std::uint16_t sign, std::string& why) {
  why = std::string("the value is ") + special(sign) + ", which no DECIMAL can hold";
  return Decoded::refused;
}

[[gnu::cold, gnu::noinline]] Decoded refuse_size(std::string_view bytes, int width, int scale,
                                                 std::string& why) {
  std::string text;
  numeric_as_text(bytes, text);
  if (text.size() > 80) text = text.substr(0, 80) + "...";
  why = "the value " + text + " does not fit DECIMAL(" + std::to_string(width) + "," +
        std::to_string(scale) + ")";
  return Decoded::refused;
}

}  // namespace

Decoded numeric_as_integer(std::string_view bytes, int width, int scale, __int128& value,
                           std::string& why) {
  Parts parts;
  if (!read_parts(bytes, parts)) return Decoded::broken;
  if (special(parts.sign) != nullptr) return refuse_special(parts.sign, why);
  Wide magnitude = 0;
  bool fits = true;
  if (4 * (parts.weight + 1) + scale <= 18) {
    std::uint64_t narrow = 0;
    fits = accumulate<std::uint64_t, false>(parts, scale, narrow);
    magnitude = narrow;
  } else {
    fits = accumulate<Wide, true>(parts, scale, magnitude);
  }
  if (!fits || magnitude >= powers[static_cast<std::size_t>(width)])
    return refuse_size(bytes, width, scale, why);
  value = parts.sign == sign_minus ? -static_cast<__int128>(magnitude)
                                   : static_cast<__int128>(magnitude);
  return Decoded::good;
}

bool numeric_as_text(std::string_view bytes, std::string& text) {
  text.clear();
  Parts parts;
  if (!read_parts(bytes, parts)) return false;
  if (const char* word = special(parts.sign)) {
    text = word;
    return true;
  }
  if (parts.sign == sign_minus) text += '-';
  if (parts.weight < 0) text += '0';
  for (int i = 0; i <= parts.weight; ++i) {
    const int group = parts.digit(i);
    int from = 0;
    // Only the first group is printed without leading zeros.
    if (i == 0) from = group >= 1000 ? 0 : group >= 100 ? 1 : group >= 10 ? 2 : 3;
    append_digits(text, group, from, 4);
  }
  if (parts.shown == 0) return true;
  text += '.';
  int left = parts.shown;
  for (int i = parts.weight + 1; left > 0; ++i) {
    const int take = left < 4 ? left : 4;
    append_digits(text, i < 0 ? 0 : parts.digit(i), 0, take);
    left -= take;
  }
  return true;
}

}  // namespace tidemark::postgres
