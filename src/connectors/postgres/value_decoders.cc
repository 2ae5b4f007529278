#include "connectors/postgres/value_decoders.h"

#include <bit>
#include <cstring>
#include <limits>

namespace tidemark::postgres {

namespace {

// From PostgreSQL's epoch, 2000-01-01, to the engine's, 1970-01-01.
constexpr std::int64_t epoch_days = 10957;
constexpr std::int64_t epoch_us = epoch_days * 86'400'000'000;
constexpr std::int64_t day_us = 86'400'000'000;
// The engine keeps the offset as its distance from the easternmost one, 15:59:59.
constexpr std::int32_t timetz_offset_max = 57'599;

Decoded refuse(Decoding& out, std::string why) {
  out.why = std::move(why);
  return Decoded::refused;
}

Decoded put_date(std::string_view bytes, void* data, std::size_t row, Decoding& out) {
  using Limits = std::numeric_limits<std::int32_t>;
  const auto days = static_cast<std::int32_t>(read_u32(bytes.data()));
  if (days == Limits::max()) return put_value(data, row, Limits::max());
  if (days == Limits::min()) return put_value(data, row, -Limits::max());
  const std::int64_t shifted = days + epoch_days;
  if (shifted >= Limits::max() || shifted <= -Limits::max())
    return refuse(out, "the date is beyond the engine's calendar");
  return put_value(data, row, static_cast<std::int32_t>(shifted));
}

Decoded put_timestamp(std::string_view bytes, void* data, std::size_t row, Decoding& out) {
  using Limits = std::numeric_limits<std::int64_t>;
  const auto us = static_cast<std::int64_t>(read_u64(bytes.data()));
  if (us == Limits::max()) return put_value(data, row, Limits::max());
  if (us == Limits::min()) return put_value(data, row, -Limits::max());
  std::int64_t shifted = 0;
  if (__builtin_add_overflow(us, epoch_us, &shifted) || shifted >= Limits::max() ||
      shifted <= -Limits::max()) {
    return refuse(out,
                  "the timestamp is beyond the engine's calendar, which ends at 294247-01-10 "
                  "04:00:54.775806");
  }
  return put_value(data, row, shifted);
}

Decoded put_timetz(std::string_view bytes, void* data, std::size_t row, Decoding& out) {
  const auto us = static_cast<std::int64_t>(read_u64(bytes.data()));
  // PostgreSQL counts seconds west of UTC, the engine east.
  const std::int64_t east_s =
      -static_cast<std::int64_t>(static_cast<std::int32_t>(read_u32(bytes.data() + 8)));
  if (us < 0 || us > day_us) return Decoded::broken;
  if (east_s > timetz_offset_max || east_s < -timetz_offset_max)
    return refuse(out, "the time zone offset is beyond 15:59:59");
  const std::uint64_t packed =
      static_cast<std::uint64_t>(us) << 24 | static_cast<std::uint64_t>(timetz_offset_max - east_s);
  return put_value(data, row, packed);
}

Decoded decode_scalar(ValueForm form, const Type& type, std::string_view bytes,
                      ColumnWriter& writer, void* data, std::size_t row, Decoding& out);

struct EngineInterval {
  std::int32_t months;
  std::int32_t days;
  std::int64_t microseconds;
};

Decoded put_interval(std::string_view bytes, void* data, std::size_t row, Decoding& out) {
  const EngineInterval value{static_cast<std::int32_t>(read_u32(bytes.data() + 12)),
                             static_cast<std::int32_t>(read_u32(bytes.data() + 8)),
                             static_cast<std::int64_t>(read_u64(bytes.data()))};
  using Small = std::numeric_limits<std::int32_t>;
  using Large = std::numeric_limits<std::int64_t>;
  // PostgreSQL 17 has infinite intervals, the engine none.
  if ((value.months == Small::max() && value.days == Small::max() &&
       value.microseconds == Large::max()) ||
      (value.months == Small::min() && value.days == Small::min() &&
       value.microseconds == Large::min())) {
    return refuse(out, "the interval is infinite, which the engine cannot hold");
  }
  return put_value(data, row, value);
}

Decoded put_uuid(std::string_view bytes, void* data, std::size_t row) {
  const auto high =
      static_cast<unsigned __int128>(read_u64(bytes.data()) ^ (std::uint64_t{1} << 63));
  return put_value(data, row, static_cast<__int128>(high << 64 | read_u64(bytes.data() + 8)));
}

Decoded put_decimal(std::string_view bytes, const Type& type, void* data, std::size_t row,
                    Decoding& out) {
  __int128 value = 0;
  const Decoded decoded = numeric_as_integer(bytes, type.width, type.scale, value, out.why);
  if (decoded != Decoded::good) return decoded;
  switch (fixed_width(type)) {
    case 2:
      return put_value(data, row, static_cast<std::int16_t>(value));
    case 4:
      return put_value(data, row, static_cast<std::int32_t>(value));
    case 8:
      return put_value(data, row, static_cast<std::int64_t>(value));
    default:
      return put_value(data, row, value);
  }
}

Decoded put_text(std::string_view bytes, ColumnWriter& writer, std::size_t row, Decoding& out) {
  if (!valid_utf8(bytes)) {
    return refuse(
        out, "the text is not valid UTF-8: the database keeps it in another encoding than it says");
  }
  writer.set_bytes(row, bytes);
  return Decoded::good;
}

Decoded put_array(const ColumnForm& form, std::string_view bytes, ColumnWriter& writer,
                  std::size_t row, Decoding& out) {
  if (bytes.size() < 12) return Decoded::broken;
  const std::uint32_t dimensions = read_u32(bytes.data());
  if (read_u32(bytes.data() + 8) != form.element_oid) return Decoded::broken;
  if (dimensions == 0) {
    writer.add_list(row, 0);
    return Decoded::good;
  }
  if (dimensions != 1) {
    return refuse(out, "the array has " + std::to_string(dimensions) +
                           " dimensions, and a list has one: declare `columns: {NAME: varchar}` "
                           "to take this column as PostgreSQL's own text");
  }
  if (bytes.size() < 20) return Decoded::broken;
  const std::uint32_t count = read_u32(bytes.data() + 12);
  if (read_u32(bytes.data() + 16) != 1) {
    return refuse(out,
                  "the array does not start at 1, and a list does: declare `columns: {NAME: "
                  "varchar}` to take "
                  "this column as PostgreSQL's own text");
  }
  std::string_view rest = bytes.substr(20);
  if (count > rest.size() / 4) return Decoded::broken;
  const ListSlot slot = writer.add_list(row, count);
  void* data = slot.elements->data();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (rest.size() < 4) return Decoded::broken;
    const auto length = static_cast<std::int32_t>(read_u32(rest.data()));
    rest.remove_prefix(4);
    if (length == -1) {
      slot.elements->set_null(slot.first + i);
      continue;
    }
    if (length < 0 || static_cast<std::size_t>(length) > rest.size()) return Decoded::broken;
    const std::string_view value = rest.substr(0, static_cast<std::size_t>(length));
    rest.remove_prefix(value.size());
    const Decoded decoded = decode_scalar(form.element_form, *form.type.element, value,
                                          *slot.elements, data, slot.first + i, out);
    if (decoded != Decoded::good) return decoded;
  }
  return rest.empty() ? Decoded::good : Decoded::broken;
}

// The length of every value of a form; 0 where values differ.
constexpr std::size_t fixed_length(ValueForm form) {
  switch (form) {
    case ValueForm::boolean:
      return 1;
    case ValueForm::int2:
      return 2;
    case ValueForm::int4:
    case ValueForm::oid:
    case ValueForm::float4:
    case ValueForm::date:
      return 4;
    case ValueForm::int8:
    case ValueForm::float8:
    case ValueForm::time:
    case ValueForm::timestamp:
      return 8;
    case ValueForm::timetz:
      return 12;
    case ValueForm::uuid:
    case ValueForm::interval:
      return 16;
    case ValueForm::numeric_decimal:
    case ValueForm::numeric_text:
    case ValueForm::text:
    case ValueForm::jsonb:
    case ValueForm::bytea:
    case ValueForm::array:
      return 0;
  }
  return 0;
}

Decoded decode_scalar(ValueForm form, const Type& type, std::string_view bytes,
                      ColumnWriter& writer, void* data, std::size_t row, Decoding& out) {
  if (const std::size_t length = fixed_length(form); length != 0 && bytes.size() != length)
    return Decoded::broken;
  switch (form) {
    case ValueForm::boolean:
      return put_value(data, row, static_cast<std::uint8_t>(bytes[0] != 0));
    case ValueForm::int2:
      return put_value(data, row, read_u16(bytes.data()));
    case ValueForm::int4:
    case ValueForm::oid:
    // Floats travel as their bits, so NaN and -0 stay what they are.
    case ValueForm::float4:
      return put_value(data, row, read_u32(bytes.data()));
    case ValueForm::int8:
    case ValueForm::float8:
      return put_value(data, row, read_u64(bytes.data()));
    case ValueForm::numeric_decimal:
      return put_decimal(bytes, type, data, row, out);
    case ValueForm::numeric_text:
      if (!numeric_as_text(bytes, out.scratch)) return Decoded::broken;
      writer.set_bytes(row, out.scratch);
      return Decoded::good;
    case ValueForm::text:
      return put_text(bytes, writer, row, out);
    case ValueForm::jsonb:
      if (bytes.empty() || bytes[0] != 1) return Decoded::broken;
      return put_text(bytes.substr(1), writer, row, out);
    case ValueForm::bytea:
      writer.set_bytes(row, bytes);
      return Decoded::good;
    case ValueForm::uuid:
      return put_uuid(bytes, data, row);
    case ValueForm::date:
      return put_date(bytes, data, row, out);
    case ValueForm::time: {
      const auto us = static_cast<std::int64_t>(read_u64(bytes.data()));
      return us < 0 || us > day_us ? Decoded::broken : put_value(data, row, us);
    }
    case ValueForm::timetz:
      return put_timetz(bytes, data, row, out);
    case ValueForm::timestamp:
      return put_timestamp(bytes, data, row, out);
    case ValueForm::interval:
      return put_interval(bytes, data, row, out);
    case ValueForm::array:
      break;  // an array of arrays is one array of more dimensions
  }
  return Decoded::broken;
}

}  // namespace

Decoded decode_any_value(const ColumnForm& form, std::string_view bytes, ColumnWriter& writer,
                         void* data, std::size_t row, Decoding& out) {
  if (form.form == ValueForm::array) return put_array(form, bytes, writer, row, out);
  return decode_scalar(form.form, form.type, bytes, writer, data, row, out);
}

bool valid_utf8(std::string_view bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = at + bytes.size();
  while (at < end) {
    // Eight plain characters at once, which is what most text is made of; a NUL leaves this path.
    while (end - at >= 8) {
      std::uint64_t word;
      std::memcpy(&word, at, sizeof(word));
      const std::uint64_t zeros = (word - 0x0101010101010101) & ~word;
      if (((word | zeros) & 0x8080808080808080) != 0) break;
      at += 8;
    }
    if (at == end) break;
    const unsigned char lead = *at;
    if (lead == 0) return false;
    if (lead < 0x80) {
      ++at;
      continue;
    }
    const int extra = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || end - at <= extra) return false;
    const unsigned char second = at[1];
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (int i = 2; i <= extra; ++i) {
      if ((at[i] & 0xc0) != 0x80) return false;
    }
    at += extra + 1;
  }
  return true;
}

}  // namespace tidemark::postgres
