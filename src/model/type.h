// Type: what a column holds. A value, the same for every source, the engine and every target.
//
// The storage of a fixed-width kind is stated here because batches expose it raw (model/batch.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark {

enum class TypeKind : std::uint8_t {
  boolean,  // uint8_t, 0 or 1
  int8,
  int16,
  int32,
  int64,
  int128,  // __int128, two's complement
  uint8,
  uint16,
  uint32,
  uint64,
  float32,
  float64,
  decimal,  // width digits, scale of them after the point; int16_t to 4 digits, int32_t to 9,
            // int64_t to 18, __int128 to 38
  varchar,  // bytes, valid UTF-8
  json,     // bytes, valid JSON text kept as written
  blob,     // bytes
  uuid,     // __int128, the 128 bits big-endian with the top bit flipped, so that order is by value
  date,     // int32_t days since 1970-01-01; int32 max is infinity, -max is -infinity
  time,     // int64_t microseconds since midnight, 24:00:00 allowed
  timetz,   // uint64_t: microseconds << 24 | (57599 - seconds east of UTC); 57599 is 15:59:59
  timestamp,     // int64_t microseconds since 1970-01-01 00:00:00, no zone; int64 max is infinity,
                 // -max is -infinity
  timestamptz,   // int64_t microseconds since the Unix epoch; infinities as timestamp
  timestamp_ns,  // int64_t nanoseconds since 1970-01-01 00:00:00, no zone
  interval,      // int32_t months, int32_t days, int64_t microseconds
  list,          // of `element`
  engine,        // a type only the engine knows (STRUCT, MAP, ...), named by `engine_name`
};

struct Type {
  TypeKind kind = TypeKind::varchar;
  std::uint8_t width = 0;  // decimal only: 1..38
  std::uint8_t scale = 0;  // decimal only: 0..width
  std::shared_ptr<const Type>
      element;              // list only; shared because types are immutable and copied often
  std::string engine_name;  // engine only

  static Type of(TypeKind kind) { return Type{kind, 0, 0, nullptr, {}}; }
  static Type decimal(std::uint8_t width, std::uint8_t scale) {
    return Type{TypeKind::decimal, width, scale, nullptr, {}};
  }
  static Type list_of(Type element);
  static Type engine(std::string name) {
    return Type{TypeKind::engine, 0, 0, nullptr, std::move(name)};
  }

  friend bool operator==(const Type& a, const Type& b);
};

// An integer whose every value an int64_t holds.
bool fits_int64(const Type& type);

// The name in the engine's SQL, e.g. `DECIMAL(15,2)`, `TIMESTAMP WITH TIME ZONE`, `INTEGER[]`.
std::string sql_name(const Type& type);

// Reads a name as a user or the engine writes it (`varchar`, `decimal(15,2)`, `timestamptz`,
// `int[]`); names nobody knows are a user fault `spec.unknown_type` with the nearest word.
Result<Type> parse_type(std::string_view text);

// One type of each kind, for tables and tests; DECIMAL(15,2), INTEGER[] and STRUCT(a INTEGER) stand
// for kinds with parameters.
const std::vector<Type>& type_examples();

// Bytes of one value in a batch's buffer; 0 for kinds without fixed-width storage.
std::size_t fixed_width(const Type& type);

}  // namespace tidemark
