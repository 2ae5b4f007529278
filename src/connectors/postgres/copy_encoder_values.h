// One value of the engine as one field of COPY binary: a length of four bytes, then the value
// big-endian.
//
// Pure functions over a buffer; any thread, each with its own buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/batch.h"
#include "model/type.h"

namespace tidemark::postgres {

struct WireType;

// Bytes that grow at the end and are reused: clear() keeps the memory.
class ByteBuffer {
 public:
  // Room for `count` more bytes, which the caller fills.
  char* grow(std::size_t count) {
    const std::size_t at = size_;
    size_ += count;
    if (size_ > bytes_.size()) bytes_.resize(size_ < 4096 ? 8192 : size_ * 2);
    return bytes_.data() + at;
  }
  void clear() { size_ = 0; }
  std::size_t size() const { return size_; }
  std::string_view view() const { return {bytes_.data(), size_}; }
  // A place written before, to fill in a length. The pointer is good until the next grow().
  char* at(std::size_t offset) { return bytes_.data() + offset; }

 private:
  std::string bytes_;
  std::size_t size_ = 0;
};

// Appends one field that is not NULL. `data` is the column's data(), read once per batch. Returns
// nothing, or why PostgreSQL cannot hold the value.
using PutValue = const char* (*)(const ColumnReader& column, const void* data, std::size_t row,
                                 const Type& type, const WireType& wire, ByteBuffer& out);

PutValue put_for(const Type& type);

void put_int16(ByteBuffer& out, std::int16_t value);
void put_int32(ByteBuffer& out, std::int32_t value);

// A whole number with `scale` digits after the point, as a numeric: groups of four decimal digits.
void put_numeric(ByteBuffer& out, __int128 value, int scale);

// Bounds of PostgreSQL's calendar, in the units of the engine. Its last timestamp lies beyond the
// engine's.
inline constexpr std::int32_t date_first = -2440588;  // 4714-11-24 BC
inline constexpr std::int32_t date_end = 2145042906;  // 5874898-01-01, the first not held
inline constexpr std::int64_t timestamp_first = -210866803200000000;  // 4714-11-24 BC

}  // namespace tidemark::postgres
