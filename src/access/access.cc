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

// In time of at most the product of both lengths, whatever the pattern.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t read = 0;
  std::size_t star = std::string_view::npos;  // the last one, and from where it stands for more
  std::size_t from = 0;
  while (read < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      from = read;
    } else if (at < pattern.size() && pattern[at] == text[read]) {
      ++at;
      ++read;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      read = ++from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace

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
           return matches(pattern, job);
         });
}

}  // namespace tidemark
