#include "access/token_text.h"

#include <algorithm>

#include "drivers/sodium/sodium.h"

namespace tidemark {
namespace {

constexpr std::string_view begin = "tdm_";
constexpr std::size_t id_bytes = 8;
constexpr std::size_t secret_bytes = 32;
constexpr std::size_t id_length = 2 * id_bytes;
constexpr std::size_t length = begin.size() + id_length + 1 + 2 * secret_bytes;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string TokenText::hash() const {
  return blake2b_hex(text.reveal());
}

TokenText new_token() {
  TokenText token;
  token.id = random_hex(id_bytes).reveal();
  token.text = Secret(std::string(begin) + token.id + "_" + random_hex(secret_bytes).reveal());
  return token;
}

std::optional<TokenText> parse_token(std::string_view text) {
  if (text.size() != length || !text.starts_with(begin)) return std::nullopt;
  const std::string_view id = text.substr(begin.size(), id_length);
  const std::string_view rest = text.substr(begin.size() + id_length);
  if (!is_hex(id) || rest.front() != '_' || !is_hex(rest.substr(1))) return std::nullopt;
  return TokenText{std::string(id), Secret(std::string(text))};
}

}  // namespace tidemark
