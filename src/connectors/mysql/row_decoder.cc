#include "connectors/mysql/row_decoder.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <utility>

#include "connectors/mysql/values.h"
#include "drivers/json/utf8.h"

namespace tidemark::mysql {
namespace {

// The Interval of the engine.
struct Interval {
  std::int32_t months;
  std::int32_t days;
  std::int64_t microseconds;
};

template <class T>
void put(void* data, std::size_t row, T value) {
  std::memcpy(static_cast<char*>(data) + row * sizeof(T), &value, sizeof(T));
}

void put_integer(void* data, std::size_t row, const Type& type, std::int64_t value) {
  switch (fixed_width(type)) {
    case 1:
      return put(data, row, static_cast<std::uint8_t>(value));
    case 2:
      return put(data, row, static_cast<std::uint16_t>(value));
    case 4:
      return put(data, row, static_cast<std::uint32_t>(value));
    default:
      return put(data, row, value);
  }
}

void put_decimal(void* data, std::size_t row, const Type& type, __int128 value) {
  switch (fixed_width(type)) {
    case 2:
      return put(data, row, static_cast<std::int16_t>(value));
    case 4:
      return put(data, row, static_cast<std::int32_t>(value));
    case 8:
      return put(data, row, static_cast<std::int64_t>(value));
    default:
      return put(data, row, value);
  }
}

void print_value(const RowStream& stream, std::size_t column, const Field& field,
                 std::string& out) {
  std::array<char, 64> text{};
  switch (field.type) {
    case FieldType::integer: {
      const std::int64_t value = stream.integer(column);
      const auto [end, fault] = field.is_unsigned
                                    ? std::to_chars(text.data(), text.data() + text.size(),
                                                    static_cast<std::uint64_t>(value))
                                    : std::to_chars(text.data(), text.data() + text.size(), value);
      out.append(text.data(), end);
      return;
    }
    case FieldType::year:
      std::snprintf(text.data(), text.size(), "%04d", static_cast<int>(stream.integer(column)));
      break;
    case FieldType::bit:
      out += std::to_string(bits_value(stream.bytes(column)));
      return;
    case FieldType::float32:
      std::snprintf(text.data(), text.size(), "%.9g", static_cast<double>(stream.float32(column)));
      break;
    case FieldType::float64:
      std::snprintf(text.data(), text.size(), "%.17g", stream.float64(column));
      break;
    case FieldType::date:
    case FieldType::time:
    case FieldType::datetime:
    case FieldType::timestamp:
      out += show_moment(stream.moment(column), field);
      return;
    default:
      out += stream.bytes(column);
      return;
  }
  out += text.data();
}

// The row as `mysql --batch` would print it.
std::string print_row(const RowStream& stream, const std::vector<DecodedColumn>& columns) {
  std::string out;
  std::string value;
  for (std::size_t at = 0; at < columns.size(); ++at) {
    if (at > 0) out += '\t';
    if (stream.null(at)) {
      out += "NULL";
      continue;
    }
    value.clear();
    Field field = columns[at].form.field;
    if (columns[at].form.spatial_text) field.type = FieldType::text;
    print_value(stream, at, field, value);
    for (const char c : value) {
      if (c == '\t')
        out += "\\t";
      else if (c == '\n')
        out += "\\n";
      else if (c == '\\')
        out += "\\\\";
      else if (c == '\0')
        out += "\\0";
      else
        out += c;
    }
  }
  return out;
}

// Empty, or why the value cannot be held.
std::string decode_moment(const ColumnForm& form, const Moment& moment, void* data,
                          std::size_t row) {
  const std::int64_t clock = clock_us(moment);
  if (form.form == ValueForm::interval) {
    put(data, row, Interval{0, 0, moment.negative ? -clock : clock});
    return {};
  }
  if (form.form == ValueForm::time_of_day) {
    if (moment.negative || clock > day_us)
      return "the value " + show_moment(moment, form.field) + " is no time of day";
    put(data, row, clock);
    return {};
  }
  if (!is_day(moment))
    return "the value " + show_moment(moment, form.field) + " is no day of the calendar";
  const std::int32_t days = days_of(moment);
  if (form.form == ValueForm::date) {
    put(data, row, days);
  } else {
    put(data, row, days * day_us + clock);
  }
  return {};
}

std::string decode_text(std::string_view text, ColumnWriter& writer, std::size_t row) {
  if (!is_utf8(text)) return "the bytes are not valid UTF-8";
  writer.set_bytes(row, text);
  return {};
}

std::string decode_boolean(const RowStream& stream, std::size_t column, const Field& field,
                           void* data, std::size_t row) {
  const std::uint64_t value = field.type == FieldType::bit
                                  ? bits_value(stream.bytes(column))
                                  : static_cast<std::uint64_t>(stream.integer(column));
  if (value > 1)
    return "the value " + std::to_string(static_cast<std::int64_t>(value)) + " is neither 0 nor 1";
  put(data, row, static_cast<std::uint8_t>(value));
  return {};
}

std::string decode_decimal(std::string_view text, const Type& type, void* data, std::size_t row) {
  const auto value = scaled(text, type);
  if (!value)
    return "the value " + std::string(text.substr(0, 80)) + " does not fit " + sql_name(type);
  put_decimal(data, row, type, *value);
  return {};
}

std::string decode_uuid(std::string_view text, void* data, std::size_t row) {
  const auto value = uuid_of(text);
  if (!value) return "the value " + std::string(text.substr(0, 80)) + " is no UUID";
  // So that the order is by value.
  put(data, row, *value ^ (static_cast<unsigned __int128>(1) << 127));
  return {};
}

std::string decode_value(const RowStream& stream, std::size_t column, const ColumnForm& form,
                         ColumnWriter& writer, void* data, std::size_t row, std::string& scratch) {
  switch (form.form) {
    case ValueForm::integer:
      put_integer(data, row, form.type, stream.integer(column));
      return {};
    case ValueForm::boolean:
      return decode_boolean(stream, column, form.field, data, row);
    case ValueForm::bits:
      put(data, row, bits_value(stream.bytes(column)));
      return {};
    case ValueForm::float32:
      put(data, row, stream.float32(column));
      return {};
    case ValueForm::float64:
      put(data, row, stream.float64(column));
      return {};
    case ValueForm::decimal:
      return decode_decimal(stream.bytes(column), form.type, data, row);
    case ValueForm::date:
    case ValueForm::timestamp:
    case ValueForm::interval:
    case ValueForm::time_of_day:
      return decode_moment(form, stream.moment(column), data, row);
    case ValueForm::text:
      return decode_text(stream.bytes(column), writer, row);
    case ValueForm::blob:
      writer.set_bytes(row, stream.bytes(column));
      return {};
    case ValueForm::uuid:
      return decode_uuid(stream.bytes(column), data, row);
    case ValueForm::as_text:
      scratch.clear();
      print_value(stream, column, form.field, scratch);
      return decode_text(scratch, writer, row);
  }
  return "the column has no decoder";
}

}  // namespace

std::string show_moment(const Moment& moment, const Field& field) {
  std::array<char, 64> text{};
  std::string shown;
  if (field.type != FieldType::time) {
    std::snprintf(text.data(), text.size(), "%04u-%02u-%02u", moment.year, moment.month,
                  moment.day);
    shown = text.data();
    if (field.type == FieldType::date) return shown;
    shown += ' ';
  }
  std::snprintf(text.data(), text.size(), "%s%02u:%02u:%02u", moment.negative ? "-" : "",
                moment.hour, moment.minute, moment.second);
  shown += text.data();
  if (field.scale > 0 && field.scale <= 6) {
    std::snprintf(text.data(), text.size(), ".%06u", moment.microsecond);
    shown.append(text.data(), static_cast<std::size_t>(field.scale) + 1);
  }
  return shown;
}

RowDecoder::RowDecoder(std::vector<DecodedColumn> columns)
    : columns_(std::move(columns)), writers_(columns_.size()), data_(columns_.size()) {}

void RowDecoder::open(BatchWriter& writer) {
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    writers_[at] = &writer.column(at);
    data_[at] = writers_[at]->data();
  }
}

bool RowDecoder::decode(const RowStream& stream, BatchWriter& writer, std::size_t row) {
  ++rows_;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    if (stream.null(at)) {
      writers_[at]->set_null(row);
      continue;
    }
    std::string why =
        decode_value(stream, at, columns_[at].form, *writers_[at], data_[at], row, scratch_);
    if (why.empty()) continue;
    writer.reject({print_row(stream, columns_), columns_[at].name, std::move(why),
                   "row " + std::to_string(rows_)});
    // The row number is used again, so what this row set to NULL must be undone.
    for (ColumnWriter* set : writers_)
      set->set_valid(row);
    return false;
  }
  return true;
}

}  // namespace tidemark::mysql
