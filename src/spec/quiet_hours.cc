#include "spec/quiet_hours.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace tidemark {
namespace {

constexpr std::array<std::string_view, 7> names{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr int day_minutes = 24 * 60;

std::optional<int> day_of(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto found = std::find(names.begin(), names.end(), lower);
  if (found == names.end()) return std::nullopt;
  return static_cast<int>(found - names.begin());
}

// `HH:MM`.
std::optional<int> minute_of(std::string_view text) {
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4))
    return std::nullopt;
  const int minute =
      ((text[0] - '0') * 10 + text[1] - '0') * 60 + (text[3] - '0') * 10 + text[4] - '0';
  if (text[3] > '5' || minute > day_minutes) return std::nullopt;
  return minute;
}

std::pair<std::string_view, std::optional<std::string_view>> cut(std::string_view text, char at) {
  const std::size_t place = text.find(at);
  if (place == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, place), text.substr(place + 1)};
}

// `Mon-Fri`, `Sat,Sun`.
std::optional<std::bitset<7>> days_of(std::string_view text) {
  std::bitset<7> days;
  std::optional<std::string_view> rest = text;
  while (rest) {
    const auto [part, more] = cut(*rest, ',');
    rest = more;
    const auto [first, last] = cut(part, '-');
    const auto from = day_of(first);
    const auto to = last ? day_of(*last) : from;
    if (!from || !to) return std::nullopt;
    for (int day = *from;; day = (day + 1) % 7) {
      days.set(static_cast<std::size_t>(day));
      if (day == *to) break;
    }
  }
  return days;
}

}  // namespace

Result<QuietHours> QuietHours::parse(std::string_view text) {
  const auto wrong = [&] {
    return user_error("spec.quiet_hours", "`" + std::string(text) + "` is no span of a week",
                      "write 08:00-18:00, Mon-Fri 08:00-18:00 or Sat,Sun 22:00-06:00");
  };
  QuietHours hours;
  hours.text_ = text;
  auto [first, rest] = cut(text, ' ');
  std::string_view span = first;
  if (rest) {
    const auto days = days_of(first);
    if (!days) return wrong();
    hours.days_ = *days;
    span = *rest;
  } else {
    hours.days_.set();
  }
  const auto [from, to] = cut(span, '-');
  const auto begin = minute_of(from);
  const auto end = to ? minute_of(*to) : std::nullopt;
  if (!begin || !end || *begin == *end || *begin == day_minutes) return wrong();
  hours.begin_ = *begin;
  hours.length_ = *end > *begin ? *end - *begin : *end + day_minutes - *begin;
  return hours;
}

int QuietHours::minutes_left(WallMinute at) const {
  for (const int back : {0, 1}) {
    const int day = (at.weekday + 7 - back) % 7;
    if (!days_.test(static_cast<std::size_t>(day))) continue;
    const int since = at.minute + back * day_minutes - begin_;
    if (since >= 0 && since < length_) return length_ - since;
  }
  return 0;
}

}  // namespace tidemark
