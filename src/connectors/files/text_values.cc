#include "connectors/files/text_values.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string>

namespace tidemark {

namespace {

constexpr int digits_max = 38;
constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t day_us = 86'400 * second_us;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool all_digits(std::string_view text) {
  for (const char c : text) {
    if (!is_digit(c)) return false;
  }
  return !text.empty();
}

// Two digits at an offset; -1 when they are none.
int two(std::string_view text, std::size_t at) {
  if (at + 2 > text.size() || !is_digit(text[at]) || !is_digit(text[at + 1])) return -1;
  return (text[at] - '0') * 10 + (text[at + 1] - '0');
}

std::string_view without_zeros(std::string_view digits) {
  while (digits.size() > 1 && digits[0] == '0')
    digits.remove_prefix(1);
  return digits;
}

// Seconds east of UTC of `Z`, `+01`, `+01:30`, `+0130`.
std::optional<int> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() < 3 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int hours = two(text, 1);
  std::string_view rest = text.substr(3);
  if (rest.starts_with(':')) rest.remove_prefix(1);
  const int minutes = rest.empty() && text.size() == 3 ? 0 : (rest.size() == 2 ? two(rest, 0) : -1);
  if (hours < 0 || hours > 15 || minutes < 0 || minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

}  // namespace

std::optional<Int128> parse_integer(std::string_view text, bool loose) {
  const std::optional<DecimalText> value = parse_decimal(text, loose);
  if (!value || text.find('.') != std::string_view::npos) return std::nullopt;
  return value->unscaled;
}

std::optional<DecimalText> parse_decimal(std::string_view text, bool loose) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || (loose && rest.starts_with('+'))) rest.remove_prefix(1);
  const std::size_t point = rest.find('.');
  std::string_view whole = rest.substr(0, point);
  const std::string_view decimals =
      point == std::string_view::npos ? std::string_view() : rest.substr(point + 1);
  if (!all_digits(whole) || (point != std::string_view::npos && !all_digits(decimals)))
    return std::nullopt;
  if (loose) whole = without_zeros(whole);
  if (!loose && whole.size() > 1 && whole[0] == '0') return std::nullopt;
  if (whole.size() + decimals.size() > digits_max) return std::nullopt;
  DecimalText value{0, static_cast<int>(whole.size()), static_cast<int>(decimals.size())};
  for (const std::string_view digits : {whole, decimals}) {
    for (const char c : digits)
      value.unscaled = value.unscaled * 10 + (c - '0');
  }
  if (negative && value.unscaled == 0 && !loose) return std::nullopt;
  if (negative) value.unscaled = -value.unscaled;
  return value;
}

std::optional<Int128> at_scale(const DecimalText& value, int width, int scale) {
  Int128 unscaled = value.unscaled;
  for (int have = value.scale; have > scale; --have) {
    if (unscaled % 10 != 0) return std::nullopt;
    unscaled /= 10;
  }
  Int128 limit = 1;
  for (int i = 0; i < width; ++i)
    limit *= 10;
  for (int have = value.scale; have < scale; ++have) {
    if (unscaled >= limit || unscaled <= -limit) return std::nullopt;
    unscaled *= 10;
  }
  if (unscaled >= limit || unscaled <= -limit) return std::nullopt;
  return unscaled;
}

std::optional<double> parse_double(std::string_view text, bool loose) {
  std::string_view rest = text;
  if (loose && rest.starts_with('+')) rest.remove_prefix(1);
  double value = 0;
  const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (code != std::errc() || end != rest.data() + rest.size()) return std::nullopt;
  if (loose) return value;
  const double size = std::fabs(value);
  if (!(size == 0 || (size >= 1e-4 && size < 1e15))) return std::nullopt;
  std::array<char, 64> shortest{};
  const auto printed = std::to_chars(shortest.data(), shortest.data() + shortest.size(), value,
                                     std::chars_format::fixed);
  std::string back(shortest.data(), printed.ptr);
  if (back.find('.') == std::string::npos) back += ".0";
  if (back != text) return std::nullopt;
  return value;
}

std::optional<std::int32_t> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' || two(text, 0) < 0 || two(text, 2) < 0)
    return std::nullopt;
  const int month = two(text, 5);
  const int day = two(text, 8);
  const int year = two(text, 0) * 100 + two(text, 2);
  if (month < 0 || day < 0 || year < 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

std::optional<std::int64_t> parse_time(std::string_view text, bool loose) {
  const int hour = two(text, 0);
  const int minute = two(text, 3);
  if (hour < 0 || minute < 0 || minute > 59 || text[2] != ':') return std::nullopt;
  int second = 0;
  std::int64_t micros = 0;
  if (text.size() > 5) {
    second = two(text, 6);
    if (text[5] != ':' || second < 0 || second > 59) return std::nullopt;
  } else if (!loose) {
    return std::nullopt;
  }
  if (text.size() > 8) {
    std::string_view decimals = text.substr(9);
    if (text[8] != '.' || !all_digits(decimals) || (!loose && decimals.back() == '0'))
      return std::nullopt;
    while (decimals.size() > 6 && decimals.back() == '0')
      decimals.remove_suffix(1);
    if (decimals.size() > 6) return std::nullopt;
    for (std::size_t i = 0; i < 6; ++i)
      micros = micros * 10 + (i < decimals.size() ? decimals[i] - '0' : 0);
  }
  const std::int64_t value = ((hour * 60 + minute) * 60 + second) * second_us + micros;
  if (value > day_us) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_timestamp(std::string_view text, bool loose) {
  if (text.size() < 16 || (text[10] != ' ' && !(loose && (text[10] == 'T' || text[10] == 't'))))
    return std::nullopt;
  const std::optional<std::int32_t> date = parse_date(text.substr(0, 10));
  const std::optional<std::int64_t> time = parse_time(text.substr(11), loose);
  // 24:00 belongs to the next day and would print so.
  if (!date || !time || *time == day_us) return std::nullopt;
  return *date * day_us + *time;
}

std::optional<std::int64_t> parse_timestamptz(std::string_view text) {
  if (text.size() < 17) return std::nullopt;
  const std::size_t zone = text.find_first_of("Zz+-", 16);
  if (zone == std::string_view::npos) return std::nullopt;
  const std::optional<std::int64_t> local = parse_timestamp(text.substr(0, zone), true);
  const std::optional<int> offset = parse_offset(text.substr(zone));
  if (!local || !offset) return std::nullopt;
  return *local - *offset * second_us;
}

std::optional<bool> parse_boolean(std::string_view text, bool loose) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (!loose || text.size() > 5) return std::nullopt;
  std::string lower(text);
  for (char& c : lower)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  for (const char* word : {"true", "t", "yes", "y", "on", "1"}) {
    if (lower == word) return true;
  }
  for (const char* word : {"false", "f", "no", "n", "off", "0"}) {
    if (lower == word) return false;
  }
  return std::nullopt;
}

std::optional<Int128> parse_uuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  unsigned __int128 value = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const char lower = static_cast<char>(text[i] | 0x20);
    unsigned digit = 0;
    if (is_digit(text[i])) {
      digit = static_cast<unsigned>(text[i] - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      digit = static_cast<unsigned>(lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return static_cast<Int128>(value ^ (static_cast<unsigned __int128>(1) << 127));
}

}  // namespace tidemark
