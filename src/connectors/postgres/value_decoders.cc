#include "connectors/postgres/value_decoders.h"

#include <bit>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "drivers/json/utf8.h"

namespace tidemark::postgres {

namespace {

// From PostgreSQL's epoch, 2000-01-01, to the engine's, 1970-01-01.
constexpr std::int64_t epoch_days = 10957;
constexpr std::int64_t epoch_us = epoch_days * 86'400'000'000;
constexpr std::int64_t day_us = 86'400'000'000;
// The engine keeps the offset as its distance from the easternmost one, 15:59:59.
constexpr std::int32_t timetz_offset_max = 57'599;

// Apart, so that values that are taken do not pay for the frame of a message.
[[gnu::cold, gnu::noinline]] Decoded refuse(Decoding& out, std::string_view why) {
  out.why = why;
  return Decoded::refused;
}

Decoded put_date(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                 std::size_t row, Decoding& out) {
  if (bytes.size() != 4) return Decoded::broken;
  using Limits = std::numeric_limits<std::int32_t>;
  const auto days = static_cast<std::int32_t>(read_u32(bytes.data()));
  if (days == Limits::max()) return put_value(place, row, Limits::max());
  if (days == Limits::min()) return put_value(place, row, -Limits::max());
  const std::int64_t shifted = days + epoch_days;
  if (shifted >= Limits::max() || shifted <= -Limits::max())
    return refuse(out, "the date is beyond the engine's calendar");
  return put_value(place, row, static_cast<std::int32_t>(shifted));
}

Decoded put_timestamp(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                      std::size_t row, Decoding& out) {
  if (bytes.size() != 8) return Decoded::broken;
  using Limits = std::numeric_limits<std::int64_t>;
  const auto us = static_cast<std::int64_t>(read_u64(bytes.data()));
  if (us == Limits::max()) return put_value(place, row, Limits::max());
  if (us == Limits::min()) return put_value(place, row, -Limits::max());
  std::int64_t shifted = 0;
  if (__builtin_add_overflow(us, epoch_us, &shifted) || shifted >= Limits::max() ||
      shifted <= -Limits::max()) {
    return refuse(out,
                  "the timestamp is beyond the engine's calendar, which ends at 294247-01-10 "
                  "04:00:54.775806");
  }
  return put_value(place, row, shifted);
}

Decoded put_timetz(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                   std::size_t row, Decoding& out) {
  if (bytes.size() != 12) return Decoded::broken;
  const auto us = static_cast<std::int64_t>(read_u64(bytes.data()));
  // PostgreSQL counts seconds west of UTC, the engine east.
  const std::int64_t east_s =
      -static_cast<std::int64_t>(static_cast<std::int32_t>(read_u32(bytes.data() + 8)));
  if (us < 0 || us > day_us) return Decoded::broken;
  if (east_s > timetz_offset_max || east_s < -timetz_offset_max)
    return refuse(out, "the time zone offset is beyond 15:59:59");
  const std::uint64_t packed =
      static_cast<std::uint64_t>(us) << 24 | static_cast<std::uint64_t>(timetz_offset_max - east_s);
  return put_value(place, row, packed);
}

struct EngineInterval {
  std::int32_t months;
  std::int32_t days;
  std::int64_t microseconds;
};

Decoded put_interval(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                     std::size_t row, Decoding& out) {
  if (bytes.size() != 16) return Decoded::broken;
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
  return put_value(place, row, value);
}

Decoded put_uuid(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                 std::size_t row, Decoding&) {
  if (bytes.size() != 16) return Decoded::broken;
  const auto high =
      static_cast<unsigned __int128>(read_u64(bytes.data()) ^ (std::uint64_t{1} << 63));
  return put_value(place, row, static_cast<__int128>(high << 64 | read_u64(bytes.data() + 8)));
}

template <class T>
Decoded put_decimal(const ColumnForm& form, std::string_view bytes, const ColumnPlace& place,
                    std::size_t row, Decoding& out) {
  __int128 value = 0;
  const Decoded decoded =
      numeric_as_integer(bytes, form.type.width, form.type.scale, value, out.why);
  if (decoded == Decoded::good) put_value(place, row, static_cast<T>(value));
  return decoded;
}

DecodeValue decimal_decoder(const Type& type) {
  switch (fixed_width(type)) {
    case 2:
      return put_decimal<std::int16_t>;
    case 4:
      return put_decimal<std::int32_t>;
    case 8:
      return put_decimal<std::int64_t>;
    default:
      return put_decimal<__int128>;
  }
}

Decoded put_numeric_text(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                         std::size_t row, Decoding& out) {
  if (!numeric_as_text(bytes, out.scratch)) return Decoded::broken;
  place.writer->set_bytes(row, out.scratch);
  return Decoded::good;
}

Decoded put_text(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                 std::size_t row, Decoding& out) {
  if (!is_utf8_without_nul(bytes)) {
    return refuse(
        out, "the text is not valid UTF-8: the database keeps it in another encoding than it says");
  }
  place.writer->set_bytes(row, bytes);
  return Decoded::good;
}

Decoded put_jsonb(const ColumnForm& form, std::string_view bytes, const ColumnPlace& place,
                  std::size_t row, Decoding& out) {
  // The version of the format, then the text.
  if (bytes.empty() || bytes[0] != 1) return Decoded::broken;
  return put_text(form, bytes.substr(1), place, row, out);
}

Decoded put_bytes(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                  std::size_t row, Decoding&) {
  place.writer->set_bytes(row, bytes);
  return Decoded::good;
}

Decoded put_boolean(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                    std::size_t row, Decoding&) {
  if (bytes.size() != 1) return Decoded::broken;
  return put_value(place, row, static_cast<std::uint8_t>(bytes[0] != 0));
}

Decoded put_two_bytes(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                      std::size_t row, Decoding&) {
  if (bytes.size() != 2) return Decoded::broken;
  return put_value(place, row, read_u16(bytes.data()));
}

Decoded put_four_bytes(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                       std::size_t row, Decoding&) {
  if (bytes.size() != 4) return Decoded::broken;
  return put_value(place, row, read_u32(bytes.data()));
}

Decoded put_eight_bytes(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                        std::size_t row, Decoding&) {
  if (bytes.size() != 8) return Decoded::broken;
  return put_value(place, row, read_u64(bytes.data()));
}

Decoded put_time(const ColumnForm&, std::string_view bytes, const ColumnPlace& place,
                 std::size_t row, Decoding&) {
  if (bytes.size() != 8) return Decoded::broken;
  const auto us = static_cast<std::int64_t>(read_u64(bytes.data()));
  return us < 0 || us > day_us ? Decoded::broken : put_value(place, row, us);
}

[[gnu::cold, gnu::noinline]] Decoded refuse_dimensions(std::uint32_t dimensions, Decoding& out) {
  return refuse(out, "the array has " + std::to_string(dimensions) +
                         " dimensions, and a list has one: declare `columns: {NAME: varchar}` "
                         "to take this column as PostgreSQL's own text");
}

Decoded put_array(const ColumnForm& form, std::string_view bytes, const ColumnPlace& place,
                  std::size_t row, Decoding& out) {
  if (bytes.size() < 12) return Decoded::broken;
  const std::uint32_t dimensions = read_u32(bytes.data());
  if (read_u32(bytes.data() + 8) != form.element_oid) return Decoded::broken;
  if (dimensions == 0) {
    place.writer->add_list(row, 0);
    return Decoded::good;
  }
  if (dimensions != 1) {
    return refuse_dimensions(dimensions, out);
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
  const ListSlot slot = place.writer->add_list(row, count);
  // An array of arrays is one array of more dimensions.
  if (form.element_form == ValueForm::array) return Decoded::broken;
  const ColumnForm element{form.element_form, ValueForm::text, 0, false, *form.type.element};
  const DecodeValue decode = decoder_of(element);
  const ColumnPlace elements{slot.elements, slot.elements->data()};
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
    const Decoded decoded = decode(element, value, elements, slot.first + i, out);
    if (decoded != Decoded::good) return decoded;
  }
  return rest.empty() ? Decoded::good : Decoded::broken;
}

}  // namespace

DecodeValue decoder_of(const ColumnForm& form) {
  switch (form.form) {
    case ValueForm::boolean:
      return put_boolean;
    case ValueForm::int2:
      return put_two_bytes;
    case ValueForm::int4:
    case ValueForm::oid:
    case ValueForm::float4:
      return put_four_bytes;
    case ValueForm::int8:
    case ValueForm::float8:
      return put_eight_bytes;
    case ValueForm::numeric_decimal:
      return decimal_decoder(form.type);
    case ValueForm::numeric_text:
      return put_numeric_text;
    case ValueForm::text:
      return put_text;
    case ValueForm::jsonb:
      return put_jsonb;
    case ValueForm::bytea:
      return put_bytes;
    case ValueForm::uuid:
      return put_uuid;
    case ValueForm::date:
      return put_date;
    case ValueForm::time:
      return put_time;
    case ValueForm::timetz:
      return put_timetz;
    case ValueForm::timestamp:
      return put_timestamp;
    case ValueForm::interval:
      return put_interval;
    case ValueForm::array:
      return put_array;
  }
  TM_ASSERT(false);
  return put_bytes;
}

}  // namespace tidemark::postgres
