#include "access/access.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tidemark {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 4> names{{{Role::viewer, "viewer"},
                                                                  {Role::operator_, "operator"},
                                                                  {Role::editor, "editor"},
                                                                  {Role::admin, "admin"}}};

}  // namespace

bool is_like(std::string_view pattern, std::string_view text) {
  // The place behind the last `*`, to which a mismatch goes back.
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  std::size_t at = 0;
  std::size_t in_text = 0;
  while (in_text < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = ++at;
      star_text = in_text;
    } else if (at < pattern.size() && pattern[at] == text[in_text]) {
      ++at;
      ++in_text;
    } else if (star != std::string_view::npos) {
      at = star;
      in_text = ++star_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*')
    ++at;
  return at == pattern.size();
}

std::string_view to_string(Role role) {
  for (const auto& [known, name] : names) {
    if (known == role) return name;
  }
  return {};
}

std::optional<Role> role_of(std::string_view name) {
  for (const auto& [role, known] : names) {
    if (known == name) return role;
  }
  return std::nullopt;
}

bool Principal::is_for(std::string_view job) const {
  return jobs.empty() || std::any_of(jobs.begin(), jobs.end(), [&](const std::string& pattern) {
           return is_like(pattern, job);
         });
}

}  // namespace tidemark
