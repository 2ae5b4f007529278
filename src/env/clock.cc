#include "env/clock.h"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <thread>

namespace tidemark {
namespace {

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t micros_per_day = 86'400 * micros_per_second;

void append_digits(std::string& text, std::int64_t value, int width) {
  std::array<char, 20> digits{};
  for (int i = width - 1; i >= 0; --i) {
    digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  text.append(digits.data(), static_cast<std::size_t>(width));
}

// Reads exactly `width` digits at `at`; -1 when there are none.
std::int64_t digits_at(std::string_view text, std::size_t at, std::size_t width) {
  if (at + width > text.size()) return -1;
  std::int64_t value = 0;
  for (char digit : text.substr(at, width)) {
    if (digit < '0' || digit > '9') return -1;
    value = value * 10 + (digit - '0');
  }
  return value;
}

Error not_a_time(std::string_view text) {
  return user_error("env.not_a_time", "'" + std::string(text) + "' is not a time in UTC",
                    "write it like 2026-11-21T14:00:00Z");
}

// The digits between the point and `Z`, as microseconds; nothing when they are malformed.
std::optional<std::int64_t> fraction_micros(std::string_view digits) {
  if (digits.empty()) return 0;
  if (digits.size() > 6) return std::nullopt;
  std::int64_t value = digits_at(digits, 0, digits.size());
  if (value < 0) return std::nullopt;
  for (std::size_t i = digits.size(); i < 6; ++i)
    value *= 10;
  return value;
}

// In microseconds; nothing but in builds with tests, see env/failpoints.h.
std::int64_t ahead_of_the_machine() {
#ifdef TIDEMARK_FAILPOINTS
  static const char* const seconds = std::getenv("TIDEMARK_CLOCK_AHEAD");
  static const std::int64_t ahead = seconds == nullptr ? 0 : std::atoll(seconds);
  return ahead * micros_per_second;
#else
  return 0;
#endif
}

}  // namespace

UtcMicros SystemClock::now_utc() const {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return UtcMicros(std::chrono::duration_cast<std::chrono::microseconds>(now).count() +
                   ahead_of_the_machine());
}

std::chrono::nanoseconds SystemClock::monotonic() const {
  return std::chrono::steady_clock::now().time_since_epoch();
}

void SystemClock::sleep(std::chrono::milliseconds duration) const {
  std::this_thread::sleep_for(duration);
}

UtcMicros ManualClock::now_utc() const {
  return UtcMicros(utc_micros_.load());
}

std::chrono::nanoseconds ManualClock::monotonic() const {
  return std::chrono::microseconds(elapsed_micros_.load());
}

void ManualClock::sleep(std::chrono::milliseconds duration) const {
  std::int64_t micros = std::chrono::microseconds(duration).count();
  utc_micros_ += micros;
  elapsed_micros_ += micros;
}

void ManualClock::advance(std::chrono::microseconds duration) {
  utc_micros_ += duration.count();
  elapsed_micros_ += duration.count();
}

std::string to_text(UtcMicros at) {
  std::int64_t days = at.get() / micros_per_day;
  std::int64_t within = at.get() % micros_per_day;
  if (within < 0) {
    within += micros_per_day;
    --days;
  }
  std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  std::int64_t seconds = within / micros_per_second;
  std::string text;
  text.reserve(27);
  int year = static_cast<int>(date.year());
  // Outside of four digits the text is still unambiguous, with a sign; it only sorts no longer.
  if (year < 0 || year > 9999) text += year < 0 ? '-' : '+';
  append_digits(text, year < 0 ? -static_cast<std::int64_t>(year) : year,
                year < -9999 || year > 9999 ? 6 : 4);
  text += '-';
  append_digits(text, static_cast<unsigned>(date.month()), 2);
  text += '-';
  append_digits(text, static_cast<unsigned>(date.day()), 2);
  text += 'T';
  append_digits(text, seconds / 3600, 2);
  text += ':';
  append_digits(text, seconds / 60 % 60, 2);
  text += ':';
  append_digits(text, seconds % 60, 2);
  text += '.';
  append_digits(text, within % micros_per_second, 6);
  text += 'Z';
  return text;
}

std::string now_text(const Clock& clock) {
  return to_text(clock.now_utc());
}

Result<UtcMicros> parse_utc(std::string_view text) {
  // 0123456789012345678
  // 2026-11-21T14:00:00
  constexpr std::size_t fraction_at = 19;
  if (text.size() < fraction_at + 1 || text.back() != 'Z') return not_a_time(text);
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':') {
    return not_a_time(text);
  }
  std::int64_t year = digits_at(text, 0, 4);
  std::int64_t month = digits_at(text, 5, 2);
  std::int64_t day = digits_at(text, 8, 2);
  std::int64_t hour = digits_at(text, 11, 2);
  std::int64_t minute = digits_at(text, 14, 2);
  std::int64_t second = digits_at(text, 17, 2);
  if (year < 0 || month < 0 || day < 0) return not_a_time(text);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
    return not_a_time(text);
  std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return not_a_time(text);
  std::string_view rest = text.substr(fraction_at, text.size() - fraction_at - 1);
  if (!rest.empty() && (rest.front() != '.' || rest.size() == 1)) return not_a_time(text);
  std::optional<std::int64_t> fraction = fraction_micros(rest.empty() ? rest : rest.substr(1));
  if (!fraction) return not_a_time(text);
  std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  std::int64_t seconds = hour * 3600 + minute * 60 + second;
  return UtcMicros(days * micros_per_day + seconds * micros_per_second + *fraction);
}

}  // namespace tidemark
