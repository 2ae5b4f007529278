#include "api/cursor.h"

#include <utility>

#include "drivers/hash/hash.h"
#include "drivers/json/json.h"

namespace tidemark {
namespace {

constexpr std::size_t check_length = 16;

// Of the list and its filters, and of who asks: whoever sees other jobs has other pages.
std::string check_of(const ApiRequest& request, const std::string& key) {
  JsonArray parts{request.pattern, request.who.token, key};
  for (const auto& [name, value] : request.query) {
    if (name == "cursor" || name == "limit") continue;
    parts.emplace_back(name);
    parts.emplace_back(value);
  }
  return sha256_hex(to_json(parts)).substr(0, check_length);
}

std::string to_hex(std::string_view bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    const auto digit = [&](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    bytes += static_cast<char>(digit(text[at]) * 16 + digit(text[at + 1]));
  }
  return bytes;
}

}  // namespace

std::string make_cursor(const ApiRequest& request, const std::vector<std::string>& key) {
  JsonArray parts;
  for (const std::string& part : key)
    parts.emplace_back(part);
  const std::string text = to_hex(to_json(parts));
  return check_of(request, text) + text;
}

Result<std::vector<std::string>> read_cursor(const ApiRequest& request) {
  std::vector<std::string> key;
  const auto cursor = request.asked("cursor");
  if (!cursor) return key;
  const Error bad = user_error("api.bad_cursor", "the cursor is none of this list",
                               "give `next` of the page before as it is, with the same filters");
  if (cursor->size() <= check_length) return bad;
  const std::string text = cursor->substr(check_length);
  if (check_of(request, text) != cursor->substr(0, check_length)) return bad;
  const auto parts = parse_json(from_hex(text));
  if (!parts.ok() || parts->array() == nullptr) return bad;
  for (const JsonValue& part : *parts->array()) {
    if (part.string() == nullptr) return bad;
    key.push_back(*part.string());
  }
  return key;
}

}  // namespace tidemark
