#include "connectors/postgres/copy_encoder_values.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "connectors/postgres/copy_encoder.h"

namespace tidemark::postgres {
namespace {

static_assert(std::endian::native == std::endian::little, "the byte swaps below assume it");

// PostgreSQL counts from 2000-01-01, the engine from 1970-01-01.
constexpr std::int32_t epoch_days = 10957;
constexpr std::int64_t epoch_us = 946684800000000;
// The engine keeps a zone as this minus its seconds east of UTC, so that times sort by instant.
constexpr std::int32_t zone_seconds_max = 57599;

template <class T>
T swapped(T value) {
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
  if constexpr (sizeof(T) == 4)
    return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  if constexpr (sizeof(T) == 8)
    return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
}

template <class T>
void store(char* at, T value) {
  const T big = swapped(value);
  std::memcpy(at, &big, sizeof(T));
}

template <class T>
void put_field(ByteBuffer& out, T value) {
  char* at = out.grow(4 + sizeof(T));
  store<std::int32_t>(at, sizeof(T));
  store(at + 4, value);
}

template <class T>
T load(const void* data, std::size_t row) {
  return static_cast<const T*>(data)[row];
}

// The engine promises its buffers the alignment of eight bytes, and compilers read __int128 by
// sixteen.
template <>
__int128 load<__int128>(const void* data, std::size_t row) {
  __int128 value;
  std::memcpy(&value, static_cast<const char*>(data) + row * sizeof(value), sizeof(value));
  return value;
}

void put_text(ByteBuffer& out, std::string_view bytes) {
  char* at = out.grow(4 + bytes.size());
  store<std::int32_t>(at, static_cast<std::int32_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(at + 4, bytes.data(), bytes.size());
}

// PostgreSQL takes no field beyond this (MaxAllocSize); its own message would not name the row.
constexpr std::size_t field_bytes_max = (std::size_t{1} << 30) - 1024;

const char* check_bytes(std::string_view bytes) {
  return bytes.size() > field_bytes_max
             ? "the value is longer than the 1 GB that PostgreSQL can hold"
             : nullptr;
}

const char* check_text(std::string_view text, const WireType& wire) {
  if (!text.empty() && std::memchr(text.data(), 0, text.size()) != nullptr) {
    return "the text holds a NUL byte, which text of PostgreSQL cannot";
  }
  if (wire.characters_max >= 0 && text.size() > static_cast<std::size_t>(wire.characters_max)) {
    std::int64_t characters = 0;
    for (const char c : text)
      characters += (c & 0xC0) != 0x80;
    if (characters > wire.characters_max) return "the text is longer than the column's varchar(n)";
  }
  return check_bytes(text);
}

const char* put_boolean(const ColumnReader&, const void* data, std::size_t row, const Type&,
                        const WireType&, ByteBuffer& out) {
  put_field<std::int8_t>(out, load<std::uint8_t>(data, row) != 0 ? 1 : 0);
  return nullptr;
}

// Whole numbers of either side; `fit` lets a narrower number into a wider one only, so the casts
// lose nothing.
template <class T>
const char* put_whole(const ColumnReader&, const void* data, std::size_t row, const Type& type,
                      const WireType& wire, ByteBuffer& out) {
  const T value = load<T>(data, row);
  switch (wire.kind) {
    case Wire::int2:
      put_field(out, static_cast<std::int16_t>(value));
      return nullptr;
    case Wire::int4:
      put_field(out, static_cast<std::int32_t>(value));
      return nullptr;
    case Wire::int8:
      put_field(out, static_cast<std::int64_t>(value));
      return nullptr;
    default:
      put_numeric(out, static_cast<__int128>(value), type.scale);
      return nullptr;
  }
}

const char* put_float32(const ColumnReader&, const void* data, std::size_t row, const Type&,
                        const WireType& wire, ByteBuffer& out) {
  const float value = load<float>(data, row);
  if (wire.kind == Wire::float8) {
    put_field(out, std::bit_cast<std::int64_t>(static_cast<double>(value)));
  } else {
    put_field(out, std::bit_cast<std::int32_t>(value));
  }
  return nullptr;
}

const char* put_float64(const ColumnReader&, const void* data, std::size_t row, const Type&,
                        const WireType&, ByteBuffer& out) {
  put_field(out, load<std::int64_t>(data, row));
  return nullptr;
}

const char* put_varchar(const ColumnReader& column, const void*, std::size_t row, const Type&,
                        const WireType& wire, ByteBuffer& out) {
  const std::string_view text = column.bytes(row);
  if (const char* reason = check_text(text, wire)) return reason;
  if (wire.kind == Wire::jsonb) {
    // The one version of the format there is, then the text.
    char* at = out.grow(5 + text.size());
    store<std::int32_t>(at, static_cast<std::int32_t>(text.size() + 1));
    at[4] = 1;
    if (!text.empty()) std::memcpy(at + 5, text.data(), text.size());
    return nullptr;
  }
  put_text(out, text);
  return nullptr;
}

const char* put_blob(const ColumnReader& column, const void*, std::size_t row, const Type&,
                     const WireType&, ByteBuffer& out) {
  const std::string_view bytes = column.bytes(row);
  if (const char* reason = check_bytes(bytes)) return reason;
  put_text(out, bytes);
  return nullptr;
}

const char* put_uuid(const ColumnReader&, const void* data, std::size_t row, const Type&,
                     const WireType&, ByteBuffer& out) {
  const auto bits = static_cast<unsigned __int128>(load<__int128>(data, row)) ^
                    (static_cast<unsigned __int128>(1) << 127);
  char* at = out.grow(20);
  store<std::int32_t>(at, 16);
  store(at + 4, static_cast<std::uint64_t>(bits >> 64));
  store(at + 12, static_cast<std::uint64_t>(bits));
  return nullptr;
}

const char* put_date(const ColumnReader&, const void* data, std::size_t row, const Type&,
                     const WireType&, ByteBuffer& out) {
  using Limits = std::numeric_limits<std::int32_t>;
  const auto days = load<std::int32_t>(data, row);
  if (days == Limits::max()) {
    put_field(out, Limits::max());
  } else if (days == -Limits::max()) {
    put_field(out, Limits::min());
  } else if (days < date_first || days >= date_end) {
    return "the date lies outside PostgreSQL's calendar, 4714-11-24 BC to 5874897-12-31";
  } else {
    put_field(out, days - epoch_days);
  }
  return nullptr;
}

const char* put_time(const ColumnReader&, const void* data, std::size_t row, const Type&,
                     const WireType&, ByteBuffer& out) {
  put_field(out, load<std::int64_t>(data, row));
  return nullptr;
}

const char* put_timetz(const ColumnReader&, const void* data, std::size_t row, const Type&,
                       const WireType&, ByteBuffer& out) {
  const auto bits = load<std::uint64_t>(data, row);
  const std::int32_t east = zone_seconds_max - static_cast<std::int32_t>(bits & 0xFFFFFF);
  char* at = out.grow(16);
  store<std::int32_t>(at, 12);
  store(at + 4, static_cast<std::int64_t>(bits >> 24));
  store(at + 12, -east);  // PostgreSQL counts seconds west
  return nullptr;
}

const char* put_timestamp(const ColumnReader&, const void* data, std::size_t row, const Type& type,
                          const WireType&, ByteBuffer& out) {
  using Limits = std::numeric_limits<std::int64_t>;
  auto us = load<std::int64_t>(data, row);
  if (us == Limits::max()) {
    put_field(out, Limits::max());
    return nullptr;
  }
  if (us == -Limits::max()) {
    put_field(out, Limits::min());
    return nullptr;
  }
  if (type.kind == TypeKind::timestamp_ns) {
    if (us % 1000 != 0) return "the time has nanoseconds, PostgreSQL keeps microseconds";
    us /= 1000;
  }
  if (us < timestamp_first)
    return "the time lies before PostgreSQL's calendar, which starts 4714-11-24 BC";
  put_field(out, us - epoch_us);
  return nullptr;
}

struct IntervalParts {
  std::int32_t months;
  std::int32_t days;
  std::int64_t us;
};

const char* put_interval(const ColumnReader&, const void* data, std::size_t row, const Type&,
                         const WireType&, ByteBuffer& out) {
  const auto parts = load<IntervalParts>(data, row);
  char* at = out.grow(20);
  store<std::int32_t>(at, 16);
  store(at + 4, parts.us);
  store(at + 12, parts.days);
  store(at + 16, parts.months);
  return nullptr;
}

const char* put_list(const ColumnReader& column, const void*, std::size_t row, const Type& type,
                     const WireType& wire, ByteBuffer& out) {
  const ListView list = column.list(row);
  const std::size_t start = out.size();
  // An empty array has no dimension at all.
  const bool empty = list.count == 0;
  char* at = out.grow(empty ? 16 : 24);
  store<std::int32_t>(at + 4, empty ? 0 : 1);
  store<std::uint32_t>(at + 12, wire.element_oid);
  std::int32_t has_null = 0;
  if (!empty) {
    store(at + 16, static_cast<std::int32_t>(list.count));
    store<std::int32_t>(at + 20, 1);
    const PutValue put = put_for(*type.element);
    const void* elements = list.elements->data();
    for (std::size_t index = list.first; index < list.first + list.count; ++index) {
      if (!list.elements->valid(index)) {
        put_int32(out, -1);
        has_null = 1;
      } else if (const char* reason =
                     put(*list.elements, elements, index, *type.element, *wire.element, out)) {
        return reason;
      }
    }
  }
  const std::size_t length = out.size() - start - 4;
  if (length > field_bytes_max) return "the list is longer than the 1 GB that PostgreSQL can hold";
  store(out.at(start), static_cast<std::int32_t>(length));
  store(out.at(start + 8), has_null);
  return nullptr;
}

PutValue put_decimal(const Type& type) {
  switch (fixed_width(type)) {
    case 2:
      return put_whole<std::int16_t>;
    case 4:
      return put_whole<std::int32_t>;
    case 8:
      return put_whole<std::int64_t>;
    default:
      return put_whole<__int128>;
  }
}

// From the lowest group up; 38 digits with a part group at the point make at most 11 groups.
using Groups = std::array<std::int16_t, 12>;

template <class Number>
std::size_t split(Number rest, int scale, Groups& groups) {
  std::size_t count = 0;
  if (const int odd = scale % 4; odd != 0 && rest != 0) {
    constexpr std::array<unsigned, 4> powers{1, 10, 100, 1000};
    groups[count++] =
        static_cast<std::int16_t>(static_cast<unsigned>(rest % powers[odd]) * powers[4 - odd]);
    rest /= powers[odd];
  }
  for (; rest > std::numeric_limits<std::uint64_t>::max(); rest /= 10000)
    groups[count++] = static_cast<std::int16_t>(rest % 10000);
  for (auto small = static_cast<std::uint64_t>(rest); small != 0; small /= 10000)
    groups[count++] = static_cast<std::int16_t>(small % 10000);
  return count;
}

}  // namespace

void put_int16(ByteBuffer& out, std::int16_t value) {
  store(out.grow(2), value);
}

void put_int32(ByteBuffer& out, std::int32_t value) {
  store(out.grow(4), value);
}

void put_numeric(ByteBuffer& out, __int128 value, int scale) {
  const auto size =
      value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  Groups groups{};
  // To divide what has more than sixty-four bits takes many times as long.
  const std::size_t count = size > std::numeric_limits<std::uint64_t>::max()
                                ? split(size, scale, groups)
                                : split(static_cast<std::uint64_t>(size), scale, groups);
  const int weight = count == 0 ? 0 : static_cast<int>(count) - (scale + 3) / 4 - 1;
  std::size_t low = 0;
  while (low < count && groups[low] == 0)
    ++low;
  const std::size_t kept = count - low;
  char* at = out.grow(12 + kept * 2);
  store(at, static_cast<std::int32_t>(8 + kept * 2));
  store(at + 4, static_cast<std::int16_t>(kept));
  store(at + 6, static_cast<std::int16_t>(kept == 0 ? 0 : weight));
  store<std::uint16_t>(at + 8, value < 0 ? 0x4000 : 0);
  store(at + 10, static_cast<std::int16_t>(scale));
  at += 12;
  for (std::size_t group = count; group > low; --group, at += 2)
    store(at, groups[group - 1]);
}

PutValue put_for(const Type& type) {
  switch (type.kind) {
    case TypeKind::boolean:
      return put_boolean;
    case TypeKind::int8:
      return put_whole<std::int8_t>;
    case TypeKind::int16:
      return put_whole<std::int16_t>;
    case TypeKind::int32:
      return put_whole<std::int32_t>;
    case TypeKind::int64:
      return put_whole<std::int64_t>;
    case TypeKind::int128:
      return put_whole<__int128>;
    case TypeKind::uint8:
      return put_whole<std::uint8_t>;
    case TypeKind::uint16:
      return put_whole<std::uint16_t>;
    case TypeKind::uint32:
      return put_whole<std::uint32_t>;
    case TypeKind::uint64:
      return put_whole<std::uint64_t>;
    case TypeKind::float32:
      return put_float32;
    case TypeKind::float64:
      return put_float64;
    case TypeKind::decimal:
      return put_decimal(type);
    case TypeKind::varchar:
    case TypeKind::json:
      return put_varchar;
    case TypeKind::blob:
      return put_blob;
    case TypeKind::uuid:
      return put_uuid;
    case TypeKind::date:
      return put_date;
    case TypeKind::time:
      return put_time;
    case TypeKind::timetz:
      return put_timetz;
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
      return put_timestamp;
    case TypeKind::interval:
      return put_interval;
    case TypeKind::list:
      return put_list;
    case TypeKind::engine:
      break;
  }
  TM_ASSERT(type.kind != TypeKind::engine);
  return nullptr;
}

}  // namespace tidemark::postgres
