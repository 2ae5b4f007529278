#include "connectors/mysql/values.h"

namespace tidemark::mysql {
namespace {

int days_in_month(unsigned year, unsigned month) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

}  // namespace

bool is_day(const Moment& moment) {
  return moment.month >= 1 && moment.month <= 12 && moment.day >= 1 &&
         static_cast<int>(moment.day) <= days_in_month(moment.year, moment.month);
}

std::int32_t days_of(const Moment& moment) {
  const int month = static_cast<int>(moment.month);
  const int year = static_cast<int>(moment.year) - (month <= 2 ? 1 : 0);
  const int era = (year >= 0 ? year : year - 399) / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year =
      (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + static_cast<int>(moment.day) - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

std::int64_t clock_us(const Moment& moment) {
  return (static_cast<std::int64_t>(moment.hour) * 3600 + moment.minute * 60 + moment.second) *
             second_us +
         moment.microsecond;
}

std::uint64_t bits_value(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes)
    value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::optional<__int128> scaled(std::string_view text, const Type& type) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  unsigned __int128 value = 0;
  int digits = 0;
  int decimals = -1;
  for (const char c : text) {
    if (c == '.' && decimals < 0) {
      decimals = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    if (decimals >= 0 && ++decimals > type.scale) {
      if (c != '0') return std::nullopt;
      --decimals;
      continue;
    }
    if (value != 0 || c != '0') ++digits;
    if (digits > 38) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  for (int at = decimals < 0 ? 0 : decimals; at < type.scale; ++at) {
    if (value != 0 && ++digits > 38) return std::nullopt;
    value *= 10;
  }
  if (digits > type.width) return std::nullopt;
  const auto whole = static_cast<__int128>(value);
  return negative ? -whole : whole;
}

std::optional<unsigned __int128> uuid_of(std::string_view text) {
  unsigned __int128 value = 0;
  int digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<unsigned>(digit);
    ++digits;
  }
  if (digits != 32) return std::nullopt;
  return value;
}

}  // namespace tidemark::mysql
