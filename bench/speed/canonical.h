// The checksum of a table: the same for the same rows in any order, wherever they are held.
//
// A value counts by what it is, not by how a system stores it: 1.50 as numeric(15,2) is 1.5 as
// decimal(38,10) and an int4 of 7 is a bigint of 7, but a text '7' is neither, NULL is not the
// empty text, and a timestamp without a zone is not one with. Whatever else differs in one value of
// one row gives another sum. Plain values; one thread each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark::bench {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

// One row, column by column in their order.
class CanonicalRow {
 public:
  void null() { put('n', {}); }
  void boolean(bool value) { put('b', {value ? "t" : "f", 1}); }
  // unscaled / 10^scale.
  void number(Int128 unscaled, int scale);
  // A number that has no digits: NaN, Infinity, -Infinity.
  void no_number(std::string_view name) { put('s', name); }
  void real(double value);
  void date(std::int64_t days_since_1970) { fixed('d', days_since_1970); }
  void timestamp(std::int64_t micros_since_1970) { fixed('t', micros_since_1970); }
  void timestamptz(std::int64_t micros_since_1970) { fixed('z', micros_since_1970); }
  // Also JSON, which is its text.
  void text(std::string_view bytes) { put('x', bytes); }

  std::string_view bytes() const { return bytes_; }
  void clear() { bytes_.clear(); }

 private:
  void fixed(char kind, std::int64_t value);
  void put(char kind, std::string_view bytes);
  std::string bytes_;
};

// The days or moments before and after all others, which each system has as numbers of its own.
inline constexpr std::int64_t before_all = INT64_MIN;
inline constexpr std::int64_t after_all = INT64_MAX;

// The sum of the rows' hashes, so that a row that is there twice counts twice.
class TableSum {
 public:
  void add(const CanonicalRow& row);
  std::int64_t rows() const { return rows_; }
  // `<32 digits> rows N columns M`.
  std::string text(std::size_t columns) const;

 private:
  Uint128 sum_ = 0;
  std::int64_t rows_ = 0;
};

}  // namespace tidemark::bench
