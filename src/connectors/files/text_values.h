// Parsing of single values from text: exact, locale-free, no exceptions. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tidemark {

using Int128 = __int128;

// `-12`, also `+12` and `0012` when loose. Nothing when it is no integer or does not fit 128 bits.
std::optional<Int128> parse_integer(std::string_view text, bool loose);

struct DecimalText {
  Int128 unscaled = 0;
  int whole_digits = 0;  // before the point, at least 1
  int scale = 0;         // after it
};
// `-12.50`; canonical unless loose: no `+`, no leading zero but `0.5`, no `-0.0`. At most 38
// digits.
std::optional<DecimalText> parse_decimal(std::string_view text, bool loose);
// The value at `scale`, when no digit but zero is lost and it has at most `width` digits.
std::optional<Int128> at_scale(const DecimalText& value, int width, int scale);

// Prints back: `12.5`, `0.1`, `5.0` as the engine prints them, between 0.0001 and 10^15. Loose: any
// number.
std::optional<double> parse_double(std::string_view text, bool loose);

// Days since 1970-01-01 of `2013-01-31`, years 0001 to 9999.
std::optional<std::int32_t> parse_date(std::string_view text);
// Microseconds of `12:34:56`, to six decimals; canonical (no zero at the end) unless loose; loose
// also `12:34`.
std::optional<std::int64_t> parse_time(std::string_view text, bool loose);
// Microseconds of `2013-01-31 12:34:56`, loose also with `T`.
std::optional<std::int64_t> parse_timestamp(std::string_view text, bool loose);
// Microseconds UTC of a timestamp that names its zone: `Z`, `+01`, `+01:00`, `+0100`.
std::optional<std::int64_t> parse_timestamptz(std::string_view text);
// `true` and `false`; loose also t f yes no y n on off 1 0, in any case.
std::optional<bool> parse_boolean(std::string_view text, bool loose);
// 36 characters with dashes, as Type uuid stores it.
std::optional<Int128> parse_uuid(std::string_view text);

}  // namespace tidemark
