#include "drivers/parquet/layout.h"

#include "base/assert.h"

namespace tidemark::parquet {
namespace {

// The format's own numbers.
enum ConvertedType {
  utf8 = 0,
  as_decimal = 5,
  as_date = 6,
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
  as_json = 19,
  none = -1,
};
enum LogicalTypeField { logical_time = 7, logical_timestamp = 8, logical_uuid = 14 };
enum TimeUnitField { micros = 2, nanos = 3 };

constexpr std::int32_t optional_column = 1;
constexpr std::size_t wide_bytes = 16;

int converted_type(const Type& type) {
  switch (type.kind) {
    case TypeKind::int8:
      return int_8;
    case TypeKind::int16:
      return int_16;
    case TypeKind::int32:
      return int_32;
    case TypeKind::int64:
      return int_64;
    case TypeKind::uint8:
      return uint_8;
    case TypeKind::uint16:
      return uint_16;
    case TypeKind::uint32:
      return uint_32;
    case TypeKind::uint64:
      return uint_64;
    case TypeKind::decimal:
      return as_decimal;
    case TypeKind::varchar:
      return utf8;
    case TypeKind::json:
      return as_json;
    case TypeKind::date:
      return as_date;
    case TypeKind::time:
      return time_micros;
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
      return timestamp_micros;
    default:
      return none;
  }
}

void write_time(int logical, bool is_utc, int unit, CompactWriter& out) {
  out.begin_struct(10);
  out.begin_struct(logical);
  out.field(1, is_utc);
  out.begin_struct(2);
  out.begin_struct(unit);
  for (int level = 0; level < 4; ++level)
    out.end_struct();
}

// What the converted type does not say.
void write_logical_type(const Type& type, CompactWriter& out) {
  switch (type.kind) {
    case TypeKind::time:
      return write_time(logical_time, false, micros, out);
    case TypeKind::timestamp:
      return write_time(logical_timestamp, false, micros, out);
    case TypeKind::timestamptz:
      return write_time(logical_timestamp, true, micros, out);
    case TypeKind::timestamp_ns:
      return write_time(logical_timestamp, false, nanos, out);
    case TypeKind::uuid:
      out.begin_struct(10);
      out.begin_struct(logical_uuid);
      out.end_struct();
      out.end_struct();
      return;
    default:
      return;
  }
}

Layout same_bytes(Physical physical, std::size_t width) {
  return {physical, Conversion::copy, width, width};
}

Layout integer(std::size_t width, bool is_signed) {
  if (width == 8) return same_bytes(Physical::int64, width);
  if (width == 4) return same_bytes(Physical::int32, width);
  return {Physical::int32, is_signed ? Conversion::widen : Conversion::widen_unsigned, width, 4};
}

}  // namespace

std::optional<Layout> layout_of(const Type& type) {
  const std::size_t width = fixed_width(type);
  switch (type.kind) {
    case TypeKind::boolean:
      return Layout{Physical::boolean, Conversion::bit, width, 0};
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::date:
    case TypeKind::time:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
      return integer(width, true);
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
    case TypeKind::uint64:
      return integer(width, false);
    case TypeKind::float32:
      return same_bytes(Physical::float32, width);
    case TypeKind::float64:
      return same_bytes(Physical::float64, width);
    case TypeKind::decimal:
      if (width == wide_bytes)
        return Layout{Physical::fixed_bytes, Conversion::big_endian, width, width};
      return integer(width, true);
    case TypeKind::uuid:
      return Layout{Physical::fixed_bytes, Conversion::big_endian_uuid, width, width};
    case TypeKind::varchar:
    case TypeKind::json:
    case TypeKind::blob:
      return Layout{Physical::byte_array, Conversion::text, 0, 0};
    case TypeKind::int128:
    case TypeKind::timetz:
    case TypeKind::interval:
    case TypeKind::list:
    case TypeKind::engine:
      return std::nullopt;
  }
  return std::nullopt;
}

void write_schema_element(const Column& column, CompactWriter& out) {
  const std::optional<Layout> layout = layout_of(column.type);
  TM_ASSERT(layout);
  out.field(1, static_cast<std::int32_t>(layout->physical));
  if (layout->physical == Physical::fixed_bytes)
    out.field(2, static_cast<std::int32_t>(layout->width_out));
  // NULL is allowed for in all, so that one where there should be none is kept.
  out.field(3, optional_column);
  out.field(4, std::string_view(column.name));
  if (const int converted = converted_type(column.type); converted != none)
    out.field(6, static_cast<std::int32_t>(converted));
  if (column.type.kind == TypeKind::decimal) {
    out.field(7, static_cast<std::int32_t>(column.type.scale));
    out.field(8, static_cast<std::int32_t>(column.type.width));
  }
  write_logical_type(column.type, out);
}

}  // namespace tidemark::parquet
