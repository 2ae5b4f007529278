#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

namespace tidemark {

namespace {

struct Quantity {
  double number = 0;
  std::string_view unit;
};

std::optional<Quantity> split_quantity(std::string_view text) {
  Quantity quantity;
  const char* end = text.data() + text.size();
  auto [rest, problem] =
      std::from_chars(text.data(), end, quantity.number, std::chars_format::fixed);
  if (problem != std::errc{} || quantity.number < 0) return std::nullopt;
  quantity.unit = std::string_view(rest, static_cast<std::size_t>(end - rest));
  while (!quantity.unit.empty() && quantity.unit.front() == ' ')
    quantity.unit.remove_prefix(1);
  return quantity;
}

std::string quoted(std::string_view text) {
  return "`" + std::string(text) + "`";
}

}  // namespace

Result<std::int64_t> parse_bytes(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 10> units{
      {{"", 1},
       {"B", 1},
       {"KB", 1e3},
       {"MB", 1e6},
       {"GB", 1e9},
       {"TB", 1e12},
       {"KiB", 1024.0},
       {"MiB", 1048576.0},
       {"GiB", 1073741824.0},
       {"TiB", 1099511627776.0}}};
  if (auto quantity = split_quantity(text)) {
    for (const auto& [unit, factor] : units) {
      const double bytes = quantity->number * factor;
      if (quantity->unit == unit && bytes < 9e18) return static_cast<std::int64_t>(bytes);
    }
  }
  return user_error("spec.bad_size", quoted(text) + " is not a size",
                    "write for example 100MB or 2GB");
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 6> units{
      {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"min", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}}};
  if (auto quantity = split_quantity(text)) {
    for (const auto& [unit, factor] : units) {
      const double milliseconds = quantity->number * factor;
      if (quantity->unit == unit && milliseconds >= 1 && milliseconds < 9e15) {
        return std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
      }
    }
  }
  return user_error("spec.bad_duration", quoted(text) + " is not a duration",
                    "write a number and a unit, for example 30s, 5m, 1h or 7d");
}

Result<double> parse_percent(std::string_view text) {
  if (auto quantity = split_quantity(text)) {
    if (quantity->unit == "%" && quantity->number <= 100) return quantity->number / 100;
  }
  return user_error("spec.bad_percent", quoted(text) + " is not a percentage",
                    "write for example 0.1%");
}

std::string show_bytes(std::int64_t bytes) {
  static constexpr std::array<const char*, 5> units{"B", "kB", "MB", "GB", "TB"};
  double number = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (std::abs(number) >= 1000 && unit + 1 < units.size()) {
    number /= 1000;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", number, units[unit]);
  return text.data();
}

std::string show_duration(std::chrono::milliseconds duration) {
  const double seconds = static_cast<double>(duration.count()) / 1000;
  std::array<char, 32> text{};
  if (seconds < 1) {
    std::snprintf(text.data(), text.size(), "%lld ms", static_cast<long long>(duration.count()));
  } else if (seconds < 120) {
    std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  } else {
    const long long whole = static_cast<long long>(seconds);
    std::snprintf(text.data(), text.size(), "%lldm %02llds", whole / 60, whole % 60);
  }
  return text.data();
}

std::string show_count(std::int64_t count) {
  std::string digits = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

}  // namespace tidemark
