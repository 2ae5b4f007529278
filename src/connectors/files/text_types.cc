#include "connectors/files/text_types.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "connectors/files/json_scan.h"
#include "connectors/files/text_values.h"

namespace tidemark {

namespace {

constexpr int decimal_digits_max = 38;

template <class T>
bool put(ColumnWriter& column, std::size_t row, T value) {
  static_cast<T*>(column.data())[row] = value;
  return true;
}

template <class T>
bool put_if(ColumnWriter& column, std::size_t row, const std::optional<T>& value) {
  return value && put<T>(column, row, *value);
}

template <class T>
bool put_integer(ColumnWriter& column, std::size_t row, std::string_view text, bool loose) {
  const std::optional<Int128> value = parse_integer(text, loose);
  if (!value || *value < static_cast<Int128>(std::numeric_limits<T>::min()) ||
      *value > static_cast<Int128>(std::numeric_limits<T>::max())) {
    return false;
  }
  return put<T>(column, row, static_cast<T>(*value));
}

bool put_decimal(const Type& type, ColumnWriter& column, std::size_t row, std::string_view text,
                 bool loose) {
  const std::optional<DecimalText> value = parse_decimal(text, loose);
  if (!value || (!loose && value->scale != type.scale)) return false;
  const std::optional<Int128> unscaled = at_scale(*value, type.width, type.scale);
  if (!unscaled) return false;
  if (type.width <= 4) return put<std::int16_t>(column, row, static_cast<std::int16_t>(*unscaled));
  if (type.width <= 9) return put<std::int32_t>(column, row, static_cast<std::int32_t>(*unscaled));
  if (type.width <= 18) return put<std::int64_t>(column, row, static_cast<std::int64_t>(*unscaled));
  return put<Int128>(column, row, *unscaled);
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    constexpr std::string_view special = "\"\\\b\f\n\r\t";
    constexpr std::string_view letters = "\"\\bfnrt";
    if (const std::size_t which = special.find(c); which != std::string_view::npos) {
      out += '\\';
      out += letters[which];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char digits[] = "0123456789abcdef";
      out += "\\u00";
      out += digits[(c >> 4) & 15];
      out += digits[c & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// A text in a CSV must be JSON already; in a JSON file it is a JSON text, whose quotes were taken
// off.
bool put_json(const Cell& cell, ColumnWriter& column, std::size_t row) {
  if (cell.kind == CellKind::text) {
    column.set_bytes(row, json_quoted(cell.text));
    return true;
  }
  if (cell.kind == CellKind::plain || cell.kind == CellKind::quoted) {
    JsonScan scan;
    std::vector<JsonField> fields;
    // Any JSON value, by making it the value of an object.
    if (!scan.scan("{\"v\":" + std::string(cell.text) + "}", fields).empty() || fields.size() != 1)
      return false;
  }
  column.set_bytes(row, cell.text);
  return true;
}

// Found types that JSON writes as texts.
bool may_be_json_text(const Type& type) {
  return type.kind == TypeKind::varchar || type.kind == TypeKind::json ||
         type.kind == TypeKind::date || type.kind == TypeKind::timestamp;
}

// A float keeps a fraction to its own digits, as it says; but no other whole number than the one
// that is written, and no infinity for a number.
template <typename Float>
bool put_float(ColumnWriter& column, std::size_t row, std::string_view text, bool loose) {
  const std::optional<double> value = parse_double(text, loose);
  if (!value) return false;
  const Float kept = static_cast<Float>(*value);
  if (std::isinf(kept) != std::isinf(*value)) return false;
  if (const std::optional<Int128> whole = parse_integer(text, loose)) {
    constexpr double beyond = 1.7e38;  // of Int128
    if (std::fabs(kept) >= beyond || static_cast<Int128>(kept) != *whole) return false;
  }
  return put<Float>(column, row, kept);
}

bool put_timestamp_ns(ColumnWriter& column, std::size_t row, std::string_view text) {
  const std::optional<std::int64_t> micros = parse_timestamp(text, true);
  constexpr std::int64_t limit = std::numeric_limits<std::int64_t>::max() / 1000;
  if (!micros || *micros > limit - 1 || *micros < -limit + 1) return false;
  return put<std::int64_t>(column, row, *micros * 1000);
}

bool put_blob(ColumnWriter& column, std::size_t row, std::string_view text) {
  column.set_bytes(row, text);
  return true;
}

}  // namespace

void TypeGuess::add(const Cell& cell) {
  if (cell.kind == CellKind::null) return;
  saw_values_ = true;
  switch (cell.kind) {
    case CellKind::null:
      return;
    case CellKind::nested:
      json_ = true;
      return;
    case CellKind::boolean:
      may_be_int64_ = may_be_decimal_ = may_be_double_ = may_be_date_ = may_be_timestamp_ = false;
      number_ = true;  // as a number, it cannot stand in one column with texts
      return;
    case CellKind::number:
      number_ = true;
      may_be_boolean_ = may_be_date_ = may_be_timestamp_ = false;
      add_number(cell.text);
      return;
    case CellKind::text:
      text_ = true;
      may_be_boolean_ = may_be_int64_ = may_be_decimal_ = may_be_double_ = false;
      if (may_be_date_) may_be_date_ = parse_date(cell.text).has_value();
      if (may_be_timestamp_) may_be_timestamp_ = parse_timestamp(cell.text, false).has_value();
      return;
    case CellKind::plain:
    case CellKind::quoted:
      if (may_be_boolean_) may_be_boolean_ = parse_boolean(cell.text, false).has_value();
      if (may_be_date_) may_be_date_ = parse_date(cell.text).has_value();
      if (may_be_timestamp_) may_be_timestamp_ = parse_timestamp(cell.text, false).has_value();
      add_number(cell.text);
      return;
  }
}

void TypeGuess::add_number(std::string_view text) {
  if (!may_be_int64_ && !may_be_decimal_ && !may_be_double_) return;
  if (may_be_double_) may_be_double_ = parse_double(text, false).has_value();
  const std::optional<DecimalText> value = parse_decimal(text, false);
  if (!value) {
    may_be_int64_ = may_be_decimal_ = false;
    return;
  }
  if (scale_ < 0) scale_ = value->scale;
  if (value->scale != scale_) may_be_decimal_ = false;
  whole_digits_ = std::max(whole_digits_, value->whole_digits);
  if (whole_digits_ + scale_ > decimal_digits_max) may_be_decimal_ = false;
  const bool small = value->unscaled >= std::numeric_limits<std::int64_t>::min() &&
                     value->unscaled <= std::numeric_limits<std::int64_t>::max();
  if (value->scale != 0 || !small) may_be_int64_ = false;
}

Type TypeGuess::type() const {
  if (!saw_values_) return Type::of(TypeKind::varchar);
  if (json_ || (number_ && text_)) return Type::of(TypeKind::json);
  if (may_be_int64_) return Type::of(TypeKind::int64);
  if (may_be_boolean_) return Type::of(TypeKind::boolean);
  // Integers of more than 64 bits are names of something more often than amounts: as text they stay
  // exact.
  if (may_be_decimal_ && scale_ > 0) {
    // Room for larger amounts in later files.
    const bool small = whole_digits_ + scale_ <= 18;
    return Type::decimal(small ? 18 : decimal_digits_max, static_cast<std::uint8_t>(scale_));
  }
  if (may_be_double_) return Type::of(TypeKind::float64);
  if (may_be_date_) return Type::of(TypeKind::date);
  if (may_be_timestamp_) return Type::of(TypeKind::timestamp);
  return Type::of(number_ ? TypeKind::json : TypeKind::varchar);
}

bool is_readable(const Type& type) {
  switch (type.kind) {
    case TypeKind::boolean:
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::int128:
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
    case TypeKind::uint64:
    case TypeKind::float32:
    case TypeKind::float64:
    case TypeKind::decimal:
    case TypeKind::varchar:
    case TypeKind::json:
    case TypeKind::blob:
    case TypeKind::uuid:
    case TypeKind::date:
    case TypeKind::time:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
      return true;
    case TypeKind::timetz:
    case TypeKind::interval:
    case TypeKind::list:
    case TypeKind::engine:
      return false;
  }
  return false;
}

bool write_cell(const Type& type, const Cell& cell, Strictness strictness, ColumnWriter& column,
                std::size_t row) {
  const bool loose = strictness == Strictness::declared;
  const std::string_view text = cell.text;
  // A JSON number that stands where texts were found is not a text, and a JSON text is not a
  // number.
  const bool is_text =
      cell.kind == CellKind::plain || cell.kind == CellKind::quoted || cell.kind == CellKind::text;
  if (!loose && cell.kind == CellKind::text && !may_be_json_text(type)) return false;
  switch (type.kind) {
    case TypeKind::varchar:
      if (!loose && !is_text) return false;
      return put_blob(column, row, text);
    case TypeKind::blob:
      return put_blob(column, row, text);
    case TypeKind::json:
      return put_json(cell, column, row);
    case TypeKind::boolean: {
      const std::optional<bool> value = parse_boolean(text, loose);
      return value && put<std::uint8_t>(column, row, *value ? 1 : 0);
    }
    case TypeKind::int8:
      return put_integer<std::int8_t>(column, row, text, loose);
    case TypeKind::int16:
      return put_integer<std::int16_t>(column, row, text, loose);
    case TypeKind::int32:
      return put_integer<std::int32_t>(column, row, text, loose);
    case TypeKind::int64:
      return put_integer<std::int64_t>(column, row, text, loose);
    case TypeKind::int128:
      return put_if(column, row, parse_integer(text, loose));
    case TypeKind::uint8:
      return put_integer<std::uint8_t>(column, row, text, loose);
    case TypeKind::uint16:
      return put_integer<std::uint16_t>(column, row, text, loose);
    case TypeKind::uint32:
      return put_integer<std::uint32_t>(column, row, text, loose);
    case TypeKind::uint64:
      return put_integer<std::uint64_t>(column, row, text, loose);
    case TypeKind::float32:
      return put_float<float>(column, row, text, true);
    case TypeKind::float64:
      return put_float<double>(column, row, text, loose);
    case TypeKind::decimal:
      return put_decimal(type, column, row, text, loose);
    case TypeKind::uuid:
      return put_if(column, row, parse_uuid(text));
    case TypeKind::date:
      return put_if(column, row, parse_date(text));
    case TypeKind::time:
      return put_if(column, row, parse_time(text, loose));
    case TypeKind::timestamp:
      return put_if(column, row, parse_timestamp(text, loose));
    case TypeKind::timestamptz:
      return put_if(column, row, parse_timestamptz(text));
    case TypeKind::timestamp_ns:
      return put_timestamp_ns(column, row, text);
    case TypeKind::timetz:
    case TypeKind::interval:
    case TypeKind::list:
    case TypeKind::engine:
      return false;
  }
  return false;
}

}  // namespace tidemark
