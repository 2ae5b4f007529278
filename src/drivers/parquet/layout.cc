#include "drivers/parquet/layout.h"

namespace tidemark::parquet {
namespace {

enum LogicalField { logical_time = 7, logical_timestamp = 8, logical_uuid = 14 };
enum TimeUnitField { micros = 2, nanos = 3 };

constexpr int logical_type = 10;
constexpr std::int32_t optional_column = 1;
constexpr std::size_t wide_bytes = 16;

void write_time(int logical, bool is_utc, int unit, CompactWriter& out) {
  out.begin_struct(logical_type);
  out.begin_struct(logical);
  out.field(1, is_utc);
  out.begin_struct(2);
  out.begin_struct(unit);
  for (int level = 0; level < 4; ++level)
    out.end_struct();
}

// What the converted type does not say.
void write_logical_type(TypeKind kind, CompactWriter& out) {
  if (kind == TypeKind::time) return write_time(logical_time, false, micros, out);
  if (kind == TypeKind::timestamp) return write_time(logical_timestamp, false, micros, out);
  if (kind == TypeKind::timestamptz) return write_time(logical_timestamp, true, micros, out);
  if (kind == TypeKind::timestamp_ns) return write_time(logical_timestamp, false, nanos, out);
  if (kind != TypeKind::uuid) return;
  out.begin_struct(logical_type);
  out.begin_struct(logical_uuid);
  out.end_struct();
  out.end_struct();
}

Layout same_bytes(Physical physical, std::size_t width, Converted converted = Converted::none) {
  return {physical, Conversion::copy, converted, width, width};
}

Layout integer(std::size_t width, Converted converted, Conversion widen = Conversion::widen) {
  if (width == 8) return same_bytes(Physical::int64, width, converted);
  if (width == 4) return same_bytes(Physical::int32, width, converted);
  return {Physical::int32, widen, converted, width, 4};
}

Layout natural(std::size_t width, Converted converted) {
  return integer(width, converted, Conversion::widen_unsigned);
}

Layout wide(Conversion conversion, Converted converted) {
  return {Physical::fixed_bytes, conversion, converted, wide_bytes, wide_bytes};
}

Layout text(Converted converted) {
  return {Physical::byte_array, Conversion::text, converted, 0, 0};
}

}  // namespace

std::optional<Layout> layout_of(const Type& type) {
  const std::size_t width = fixed_width(type);
  switch (type.kind) {
    case TypeKind::boolean:
      return Layout{Physical::boolean, Conversion::bit, Converted::none, width, 0};
    case TypeKind::int8:
      return integer(width, Converted::int_8);
    case TypeKind::int16:
      return integer(width, Converted::int_16);
    case TypeKind::int32:
      return integer(width, Converted::int_32);
    case TypeKind::int64:
      return integer(width, Converted::int_64);
    case TypeKind::uint8:
      return natural(width, Converted::uint_8);
    case TypeKind::uint16:
      return natural(width, Converted::uint_16);
    case TypeKind::uint32:
      return natural(width, Converted::uint_32);
    case TypeKind::uint64:
      return natural(width, Converted::uint_64);
    case TypeKind::float32:
      return same_bytes(Physical::float32, width);
    case TypeKind::float64:
      return same_bytes(Physical::float64, width);
    case TypeKind::decimal:
      if (width == wide_bytes) return wide(Conversion::big_endian, Converted::decimal);
      return integer(width, Converted::decimal);
    case TypeKind::varchar:
      return text(Converted::utf8);
    case TypeKind::json:
      return text(Converted::json);
    case TypeKind::blob:
      return text(Converted::none);
    case TypeKind::uuid:
      return wide(Conversion::big_endian_uuid, Converted::none);
    case TypeKind::date:
      return integer(width, Converted::date);
    case TypeKind::time:
      return integer(width, Converted::time_micros);
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
      return integer(width, Converted::timestamp_micros);
    case TypeKind::timestamp_ns:
      return integer(width, Converted::none);
    case TypeKind::int128:
    case TypeKind::timetz:
    case TypeKind::interval:
    case TypeKind::list:
    case TypeKind::engine:
      return std::nullopt;
  }
  return std::nullopt;
}

void write_schema_element(const Column& column, const Layout& layout, CompactWriter& out) {
  out.field(1, number_of(layout.physical));
  if (layout.physical == Physical::fixed_bytes)
    out.field(2, static_cast<std::int32_t>(layout.width_out));
  // NULL is allowed for in all, so that one where there should be none is kept.
  out.field(3, optional_column);
  out.field(4, std::string_view(column.name));
  if (layout.converted != Converted::none) out.field(6, number_of(layout.converted));
  if (column.type.kind == TypeKind::decimal) {
    out.field(7, static_cast<std::int32_t>(column.type.scale));
    out.field(8, static_cast<std::int32_t>(column.type.width));
  }
  write_logical_type(column.type.kind, out);
}

}  // namespace tidemark::parquet
