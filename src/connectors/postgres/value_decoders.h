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

// Writes the value `bytes` at `row` of `writer`. `data` is writer.data(), fetched once a batch.
inline Decoded decode_value(const ColumnForm& form, std::string_view bytes, ColumnWriter& writer,
                            void* data, std::size_t row, Decoding& out);
// The same, for every form.
Decoded decode_any_value(const ColumnForm& form, std::string_view bytes, ColumnWriter& writer,
                         void* data, std::size_t row, Decoding& out);

// The text numeric_out prints for the binary form of a numeric; false when the bytes are no
// numeric.
bool numeric_as_text(std::string_view bytes, std::string& text);
// The scaled integer of a DECIMAL(width, scale).
Decoded numeric_as_integer(std::string_view bytes, int width, int scale, __int128& value,
                           std::string& why);

// Well-formed UTF-8 of any length, NUL excluded: PostgreSQL's own rule.
bool valid_utf8(std::string_view bytes);

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
Decoded put_value(void* data, std::size_t row, T value) {
  static_cast<T*>(data)[row] = value;
  return Decoded::good;
}

// What most columns are costs no call.
inline Decoded decode_value(const ColumnForm& form, std::string_view bytes, ColumnWriter& writer,
                            void* data, std::size_t row, Decoding& out) {
  switch (form.form) {
    case ValueForm::int8:
    case ValueForm::float8:
      if (bytes.size() != 8) return Decoded::broken;
      return put_value(data, row, read_u64(bytes.data()));
    case ValueForm::int4:
      if (bytes.size() != 4) return Decoded::broken;
      return put_value(data, row, read_u32(bytes.data()));
    default:
      return decode_any_value(form, bytes, writer, data, row, out);
  }
}

}  // namespace tidemark::postgres
