#include "base/money.h"

#include <algorithm>
#include <string_view>

#include "base/assert.h"

namespace tidemark {

namespace {

constexpr std::size_t digits_max = 9;
constexpr std::int64_t billion = 1'000'000'000;
constexpr std::int64_t price_max = 10'000;
constexpr std::int64_t parts_of_billionth = 18 * billion;
constexpr std::int64_t parts_of_hourly_microsecond = 5;  // an hour has 3,600,000,000 of them
constexpr std::int64_t parts_of_gigabytes_byte = 18;

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<Price> Price::parse(const std::string& text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string whole = text.substr(0, point);
  std::string fraction = point == text.size() ? "" : text.substr(point + 1);
  const bool ends_in_point = point + 1 == text.size();
  const bool is_number = !whole.empty() && whole.size() <= 5 && all_digits(whole) &&
                         !ends_in_point && fraction.size() <= digits_max && all_digits(fraction);
  if (is_number) {
    fraction.resize(digits_max, '0');
    const std::int64_t billionths = std::stoll(whole) * billion + std::stoll(fraction);
    if (billionths <= price_max * billion) return Price(billionths);
  }
  return user_error("spec.bad_price", "`" + text + "` is not a price",
                    "write a number such as 0.04, at most 10000, with at most nine digits after "
                    "the point");
}

Money Money::of_time(std::int64_t microseconds, Price per_hour) {
  return Money(Wide(microseconds) * per_hour.billionths() * parts_of_hourly_microsecond);
}

Money Money::of_bytes(std::int64_t bytes, Price per_gigabyte) {
  return Money(Wide(bytes) * per_gigabyte.billionths() * parts_of_gigabytes_byte);
}

Money& Money::operator+=(const Money& other) {
  parts_ += other.parts_;
  return *this;
}

Money Money::per_million(std::int64_t count) const {
  TM_ASSERT(count > 0);
  constexpr std::int64_t million = 1'000'000;
  // What is left of the first division is small, so that nothing overflows.
  return Money(parts_ / count * million + parts_ % count * million / count);
}

std::string Money::text(int digits) const {
  TM_ASSERT(digits >= 0 && digits <= static_cast<int>(digits_max));
  Wide unit = parts_of_billionth;
  for (int i = digits; i < static_cast<int>(digits_max); ++i)
    unit *= 10;
  Wide rest = (parts_ + unit / 2) / unit;
  std::string text;
  for (int at = 0; at <= digits || rest > 0; ++at) {
    if (at == digits && digits > 0) text += '.';
    text += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  std::reverse(text.begin(), text.end());
  return text;
}

}  // namespace tidemark
