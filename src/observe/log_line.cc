#include "observe/log_line.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace tidemark {
namespace {

// `2026-11-23T10:00:00.000000Z`.
std::string time_text(std::int64_t micros) {
  using namespace std::chrono;
  const sys_time<microseconds> at{microseconds(micros)};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss<microseconds> time(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

// One character of UTF-8 from the front; its code, or nothing of a byte that is none.
std::optional<char32_t> take_character(std::string_view& text, std::string_view& bytes) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  const std::size_t size = first < 0x80                    ? 1
                           : first >= 0xc2 && first < 0xe0 ? 2
                           : first >= 0xe0 && first < 0xf0 ? 3
                           : first >= 0xf0 && first < 0xf5 ? 4
                                                           : 0;
  char32_t code = size == 1 ? first : static_cast<char32_t>(first & (0xff >> (size + 1)));
  bool is_good = size > 0 && size <= text.size();
  for (std::size_t at = 1; is_good && at < size; ++at) {
    is_good = (byte(at) & 0xc0) == 0x80;
    code = (code << 6) | (byte(at) & 0x3f);
  }
  const bool is_short = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool is_surrogate = code >= 0xd800 && code < 0xe000;
  is_good = is_good && !is_short && !is_surrogate && code < 0x110000;
  bytes = text.substr(0, is_good ? size : 1);
  text.remove_prefix(bytes.size());
  return is_good ? std::optional(code) : std::nullopt;
}

// What ends a line somewhere, or is a command of a terminal, or turns what stands behind it round.
bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x200e && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

// As JSON writes it; `quotes`: with `"` and `\` escaped.
std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  const bool is_cut = text.size() > Log::value_bytes_max;
  std::string_view left = text.substr(0, Log::value_bytes_max);
  while (!left.empty()) {
    std::string_view bytes;
    const bool may_be_half = is_cut && left.size() < 4;
    const auto code = take_character(left, bytes);
    if (!code) {
      if (may_be_half) break;  // of the character that was cut
      out += "\xef\xbf\xbd";   // U+FFFD
    } else if (*code == '\n') {
      out += "\\n";
    } else if (*code == '\t') {
      out += "\\t";
    } else if (is_control(*code)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(*code));
    } else {
      if (quotes && (*code == '"' || *code == '\\')) out += '\\';
      out += bytes;
    }
  }
  if (is_cut) out += fmt::format("... ({} bytes)", text.size());
  return out;
}

}  // namespace

std::string log_text_value(std::string_view value) {
  const bool is_word = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
  });
  if (is_word && value.size() <= Log::value_bytes_max) return std::string(value);
  return '"' + escaped(value, true) + '"';
}

LogLine::LogLine(LogFormat format, std::int64_t now, std::string_view level,
                 std::string_view component, std::string_view message)
    : format_(format) {
  if (format_ == LogFormat::text) {
    text_ = fmt::format("{} {} {}  {}", time_text(now), level, component, escaped(message, false));
    return;
  }
  text_ = fmt::format(R"({{"ts":"{}","level":"{}","component":"{}","msg":)", time_text(now), level,
                      component);
  add_quoted(message);
}

void LogLine::add_quoted(std::string_view text) {
  text_ += '"';
  text_ += escaped(text, true);
  text_ += '"';
}

void LogLine::add(const LogField& field) {
  const bool is_json = format_ == LogFormat::json;
  if (is_json) {
    text_ += ',';
    add_quoted(field.name());
    text_ += ':';
  } else {
    text_ += "  ";
    text_ += field.name();
    text_ += '=';
  }
  if (const auto* const whole = std::get_if<std::int64_t>(&field.value())) {
    text_ += std::to_string(*whole);
  } else if (const auto* const number = std::get_if<double>(&field.value())) {
    text_ += fmt::format("{:.3f}", *number);
  } else if (is_json) {
    add_quoted(std::get<std::string_view>(field.value()));
  } else {
    text_ += log_text_value(std::get<std::string_view>(field.value()));
  }
}

std::string LogLine::end() && {
  text_ += format_ == LogFormat::json ? "}\n" : "\n";
  return std::move(text_);
}

}  // namespace tidemark
