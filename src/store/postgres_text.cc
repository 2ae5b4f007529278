#include "store/postgres_text.h"

#include <cctype>
#include <charconv>

#include "drivers/json/utf8.h"

namespace tidemark::postgres_text {
namespace {

constexpr char mark = '\x1a';

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool stands_for_itself(char c) {
  return c != mark && static_cast<unsigned char>(c) < 0x80 && c != '\0';
}

void replace_word(std::string& text, std::string_view word, std::string_view by) {
  std::size_t at = 0;
  while ((at = text.find(word, at)) != std::string::npos) {
    const std::size_t end = at + word.size();
    const bool whole =
        (at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end]));
    if (whole) text.replace(at, word.size(), by);
    at += whole ? by.size() : word.size();
  }
}

}  // namespace

std::string numbered(std::string_view sql) {
  std::string text;
  int last = 0;
  for (std::size_t at = 0; at < sql.size(); ++at) {
    text += sql[at] == '?' ? '$' : sql[at];
    if (sql[at] != '?') continue;
    const auto [end, fault] = std::from_chars(sql.data() + at + 1, sql.data() + sql.size(), last);
    // A bare one is one more than the one before, as SQLite counts.
    if (fault != std::errc()) text += std::to_string(++last);
  }
  return text;
}

std::string ddl(std::string_view sql) {
  std::string text(sql);
  replace_word(text, "STRICT, WITHOUT ROWID", "");
  replace_word(text, "STRICT", "");
  replace_word(text, "INTEGER", "BIGINT");
  replace_word(text, "TEXT", "TEXT COLLATE \"C\"");
  return text;
}

std::string held(std::string_view bytes) {
  const bool plain = is_utf8(bytes) && bytes.find('\0') == std::string_view::npos;
  if (plain && bytes.find(mark) == std::string_view::npos) return std::string(bytes);
  std::string text;
  for (const char c : bytes) {
    if (stands_for_itself(c) || (plain && c != mark)) {
      text += c;
      continue;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text += {mark, digits[byte >> 4U], digits[byte & 15U]};
  }
  return text;
}

std::string bytes_of(std::string_view held) {
  std::string bytes;
  for (std::size_t at = 0; at < held.size(); ++at) {
    unsigned byte = 0;
    if (held[at] == mark && at + 2 < held.size()) {
      std::from_chars(held.data() + at + 1, held.data() + at + 3, byte, 16);
      bytes += static_cast<char>(byte);
      at += 2;
    } else {
      bytes += held[at];
    }
  }
  return bytes;
}

}  // namespace tidemark::postgres_text
