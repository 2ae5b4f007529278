#include "api/router.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/nearest.h"
#include "drivers/json/utf8.h"

namespace tidemark {
namespace {

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Nothing where an escape is none, or the bytes are no text.
std::optional<std::string> decode(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    if (at + 2 >= text.size()) return std::nullopt;
    const int high = digit_of(text[at + 1]);
    const int low = digit_of(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    at += 2;
  }
  const bool has_control = std::any_of(decoded.begin(), decoded.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (has_control || !is_utf8(decoded)) return std::nullopt;
  return decoded;
}

Error bad_path(std::string what) {
  return user_error("api.bad_path", "the path cannot be read: " + std::move(what),
                    "GET /v1/openapi.yaml tells the paths");
}

// A name is one part of a path, so none of them holds a slash.
Result<std::vector<std::string>> parts_of(std::string_view path) {
  if (path.empty() || path.front() != '/') return bad_path("it does not begin with `/`");
  std::vector<std::string> parts;
  for (const std::string_view part : split(path.substr(1), '/')) {
    auto decoded = decode(part);
    if (!decoded) return bad_path("it holds what is no UTF-8 text, or no escape");
    if (decoded->find_first_of("/\\") != std::string::npos)
      return bad_path("a part of it holds a slash");
    if (*decoded == "." || *decoded == "..") return bad_path("a part of it is `" + *decoded + "`");
    parts.push_back(*std::move(decoded));
  }
  return parts;
}

bool is_parameter(const std::string& part) {
  return part.starts_with('{');
}

// The parameters, where the parts are those of the pattern.
std::optional<std::map<std::string, std::string>> fit(const std::vector<std::string>& pattern,
                                                      const std::vector<std::string>& parts) {
  if (pattern.size() != parts.size()) return std::nullopt;
  std::map<std::string, std::string> found;
  for (std::size_t at = 0; at < parts.size(); ++at) {
    if (!is_parameter(pattern[at])) {
      if (pattern[at] != parts[at]) return std::nullopt;
    } else if (parts[at].empty()) {
      return std::nullopt;
    } else {
      found.emplace(pattern[at].substr(1, pattern[at].size() - 2), parts[at]);
    }
  }
  return found;
}

}  // namespace

std::string RouteMatch::allow() const {
  std::string list;
  for (const auto& [method, route] : methods) {
    list += method + ", ";
    if (method == "GET") list += "HEAD, ";
  }
  return list + "OPTIONS";
}

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  for (const Route& route : routes_) {
    std::vector<std::string>& parts = patterns_.emplace_back();
    for (const std::string_view part : split(std::string_view(route.pattern).substr(1), '/'))
      parts.emplace_back(part);
  }
}

Result<RouteMatch> Router::match(std::string_view path) const {
  TM_TRY(const std::vector<std::string> parts, parts_of(path));
  RouteMatch match;
  for (std::size_t at = 0; at < routes_.size(); ++at) {
    auto found = fit(patterns_[at], parts);
    if (!found) continue;
    // What is written out in a pattern counts before a name of anything.
    if (!match.methods.empty() && found->size() > match.path.size()) continue;
    if (found->size() < match.path.size()) match.methods.clear();
    match.methods.emplace(routes_[at].method, &routes_[at]);
    match.path = *std::move(found);
  }
  return match;
}

Result<std::map<std::string, std::string>> read_query(std::string_view query,
                                                      const std::vector<std::string>& known) {
  std::map<std::string, std::string> read;
  if (query.empty()) return read;
  for (const std::string_view pair : split(query, '&')) {
    const std::size_t between = pair.find('=');
    std::string raw(between == std::string_view::npos ? "" : pair.substr(between + 1));
    std::replace(raw.begin(), raw.end(), '+', ' ');
    const auto name = decode(pair.substr(0, between));
    auto value = decode(raw);
    if (!name || name->empty() || !value || between == std::string_view::npos)
      return user_error("api.bad_query", "the query cannot be read",
                        "write `name=value`, with `&` between, as UTF-8 with its escapes");
    if (std::find(known.begin(), known.end(), *name) == known.end()) {
      const auto near = nearest_word(*name, known);
      return user_error(
          "api.unknown_parameter", "there is no parameter `" + *name + "` here",
          near ? "did you mean `" + *near + "`?" : "GET /v1/openapi.yaml tells the parameters");
    }
    if (!read.emplace(*name, *std::move(value)).second)
      return user_error("api.parameter_twice", "`" + *name + "` is given twice", "give it once");
  }
  return read;
}

}  // namespace tidemark
