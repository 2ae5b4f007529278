#include "model/window.h"

#include <array>
#include <utility>

namespace tidemark {

namespace {
constexpr std::array<std::pair<Guarantee, std::string_view>, 4> names{
    {{Guarantee::exact, "exact"},
     {Guarantee::exact_upsert, "exact-upsert"},
     {Guarantee::bounded, "bounded"},
     {Guarantee::best_effort, "best-effort"}}};
}  // namespace

std::string_view to_string(Guarantee guarantee) {
  for (const auto& [value, name] : names) {
    if (value == guarantee) return name;
  }
  return "best-effort";
}

std::optional<Guarantee> parse_guarantee(std::string_view text) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

std::vector<std::string> guarantee_names() {
  std::vector<std::string> all;
  for (const auto& [value, name] : names)
    all.emplace_back(name);
  return all;
}

}  // namespace tidemark
