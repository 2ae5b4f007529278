#include "canonical.h"

#include <xxhash.h>

#include <array>
#include <cmath>
#include <cstring>

namespace tidemark::bench {

void CanonicalRow::put(char kind, std::string_view bytes) {
  // With its length, so that no two rows run into the same bytes.
  const auto length = static_cast<std::uint32_t>(bytes.size());
  std::array<char, 5> head{kind};
  std::memcpy(head.data() + 1, &length, sizeof length);
  bytes_.append(head.data(), head.size());
  bytes_.append(bytes);
}

void CanonicalRow::fixed(char kind, std::int64_t value) {
  std::array<char, sizeof value> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  put(kind, {bytes.data(), bytes.size()});
}

void CanonicalRow::number(Int128 unscaled, int scale) {
  // 64 bits first: dividing 128 takes ten times as long.
  if (auto narrow = static_cast<std::int64_t>(unscaled); narrow == unscaled) {
    while (scale > 0 && narrow % 10 == 0) {
      narrow /= 10;
      --scale;
    }
    unscaled = narrow;
  }
  while (scale > 0 && unscaled % 10 == 0) {
    unscaled /= 10;
    --scale;
  }
  std::array<char, sizeof unscaled + sizeof scale> bytes{};
  std::memcpy(bytes.data(), &unscaled, sizeof unscaled);
  std::memcpy(bytes.data() + sizeof unscaled, &scale, sizeof scale);
  put('i', {bytes.data(), bytes.size()});
}

void CanonicalRow::real(double value) {
  std::int64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  // A NaN is one value, whatever bits it has; -0.0 and 0.0 are two.
  fixed('f', std::isnan(value) ? INT64_MAX : bits);
}

void TableSum::add(const CanonicalRow& row) {
  const XXH128_hash_t hash = XXH3_128bits(row.bytes().data(), row.bytes().size());
  sum_ += static_cast<Uint128>(hash.high64) << 64U | hash.low64;
  ++rows_;
}

std::string TableSum::text(std::size_t columns) const {
  std::string digits;
  for (int shift = 124; shift >= 0; shift -= 4)
    digits += "0123456789abcdef"[static_cast<unsigned>(sum_ >> static_cast<unsigned>(shift)) & 15U];
  return digits + " rows " + std::to_string(rows_) + " columns " + std::to_string(columns);
}

}  // namespace tidemark::bench
