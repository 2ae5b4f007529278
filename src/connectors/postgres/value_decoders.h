// The bytes of one value of COPY binary into one place of a column. Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "connectors/postgres/type_map.h"
#include "model/batch.h"

namespace tidemark::postgres {

// What came of one value.
enum class Decoded : std::uint8_t {
  good,
  refused,  // a value of its type that the column cannot hold exactly; `why` says what
  broken,   // no value of its type: the column's type is not what was expected, or the bytes are
            // damaged
};

struct Decoding {
  std::string why;       // set unless good; for people
  std::string& scratch;  // room for text that is built
};

// A column of a batch, with its data(), which is fetched once a batch.
struct ColumnPlace {
  ColumnWriter* writer = nullptr;
  void* data = nullptr;
};

// Writes the value `bytes`, which is of `form`, at `row` of a column.
using DecodeValue = Decoded (*)(const ColumnForm& form, std::string_view bytes,
                                const ColumnPlace& place, std::size_t row, Decoding& out);
// The decoder of a form: asked once for a column, not for each value.
DecodeValue decoder_of(const ColumnForm& form);

// The text numeric_out prints for the binary form of a numeric; false when the bytes are no
// numeric.
bool numeric_as_text(std::string_view bytes, std::string& text);
// The scaled integer of a DECIMAL(width, scale).
Decoded numeric_as_integer(std::string_view bytes, int width, int scale, __int128& value,
                           std::string& why);

// Big-endian, as the wire has them. REQUIRES enough bytes at `at`.
inline std::uint16_t read_u16(const char* at) {
  std::uint16_t value;
  std::memcpy(&value, at, sizeof(value));
  return __builtin_bswap16(value);
}

inline std::uint32_t read_u32(const char* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  return __builtin_bswap32(value);
}

inline std::uint64_t read_u64(const char* at) {
  std::uint64_t value;
  std::memcpy(&value, at, sizeof(value));
  return __builtin_bswap64(value);
}

template <class T>
Decoded put_value(const ColumnPlace& place, std::size_t row, T value) {
  static_cast<T*>(place.data)[row] = value;
  return Decoded::good;
}

}  // namespace tidemark::postgres
