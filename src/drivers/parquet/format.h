// The format's own numbers, as far as they are written here
// (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift). Private to
// this folder.
#pragma once

#include <cstdint>

namespace tidemark::parquet {

enum class Physical : std::int32_t {
  boolean = 0,
  int32 = 1,
  int64 = 2,
  float32 = 4,
  float64 = 5,
  byte_array = 6,
  fixed_bytes = 7,
};

enum class Converted : std::int32_t {
  none = -1,
  utf8 = 0,
  decimal = 5,
  date = 6,
  time_micros = 8,
  timestamp_micros = 10,
  uint_8 = 11,
  uint_16 = 12,
  uint_32 = 13,
  uint_64 = 14,
  int_8 = 15,
  int_16 = 16,
  int_32 = 17,
  int_64 = 18,
  json = 19,
};

enum class PageType : std::int32_t { dictionary = 2, data_v2 = 3 };
enum class Encoding : std::int32_t { plain = 0, rle = 3, dictionary = 8 };
enum class Codec : std::int32_t { zstd = 6 };

template <class Number>
constexpr std::int32_t number_of(Number number) {
  return static_cast<std::int32_t>(number);
}

}  // namespace tidemark::parquet
