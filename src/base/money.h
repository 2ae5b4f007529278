// Money: what something cost, exactly, however small: sums lose nothing, and digits are rounded
// only where they are printed.
//
// A plain value, of whatever currency. Amounts are never negative.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace tidemark {

// A price of one unit, in billionths of the currency.
class Price {
 public:
  Price() = default;
  // `12`, `0.04`: at most 10,000, with at most nine digits after the point.
  static Result<Price> parse(const std::string& text);
  std::int64_t billionths() const { return billionths_; }
  friend bool operator==(const Price&, const Price&) = default;

 private:
  explicit Price(std::int64_t billionths) : billionths_(billionths) {}
  std::int64_t billionths_ = 0;
};

class Money {
 public:
  Money() = default;
  static Money of_time(std::int64_t microseconds, Price per_hour);
  static Money of_bytes(std::int64_t bytes, Price per_gigabyte);

  Money& operator+=(const Money& other);
  // What a million of something costs where `count` of it cost this. REQUIRES count > 0.
  Money per_million(std::int64_t count) const;
  // With so many digits after the point, at most nine; half of the last one is rounded up.
  std::string text(int digits) const;

  friend bool operator==(const Money&, const Money&) = default;
  friend auto operator<=>(const Money&, const Money&) = default;

 private:
  // Of which 18,000,000,000 are a billionth of the currency, so that a microsecond and a byte cost
  // a whole number of them.
  __extension__ using Wide = __int128;
  explicit Money(Wide parts) : parts_(parts) {}
  Wide parts_ = 0;
};

}  // namespace tidemark
