#include "observe/statement_log.h"

#include <algorithm>
#include <functional>
#include <optional>

#include <fmt/format.h>

namespace tidemark {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
// Of a name, behind its first character. Every byte beyond ASCII may be one.
bool is_of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Where what begins at `at` with a quote ends, behind its last quote; a doubled one stands for
// itself.
std::optional<std::size_t> end_of_quoted(std::string_view sql, std::size_t at) {
  const char quote = sql[at];
  for (++at; at < sql.size(); ++at) {
    if (sql[at] != quote) continue;
    if (at + 1 == sql.size() || sql[at + 1] != quote) return at + 1;
    ++at;
  }
  return std::nullopt;
}

// The same of `$$...$$` and `$word$...$word$`; `at` where it is neither.
std::optional<std::size_t> end_of_dollars(std::string_view sql, std::size_t at) {
  std::size_t tag = at + 1;
  while (tag < sql.size() && is_of_name(sql[tag]) && sql[tag] != '$')
    ++tag;
  const bool is_parameter = at + 1 < sql.size() && is_digit(sql[at + 1]);
  if (is_parameter || tag >= sql.size() || sql[tag] != '$') return at;
  const std::string_view mark = sql.substr(at, tag + 1 - at);
  const std::size_t end = sql.find(mark, tag + 1);
  if (end == std::string_view::npos) return std::nullopt;
  return end + mark.size();
}

std::string named_only(std::string_view sql) {
  return fmt::format("a statement of {} bytes, {:016x}", sql.size(),
                     std::hash<std::string_view>{}(sql));
}

// Texts that one system ends where another goes on.
bool is_doubtful(std::string_view sql, DoubleQuotes quotes) {
  if (sql.find_first_of(std::string_view("\\\0", 2)) != std::string_view::npos) return true;
  for (const std::string_view comment : {"--", "/*"}) {
    if (sql.find(comment) != std::string_view::npos) return true;
  }
  // Of MySQL, where a text between double quotes is a value.
  return quotes == DoubleQuotes::value && sql.find_first_of("#$") != std::string_view::npos;
}

}  // namespace

std::string statement_text(std::string_view sql, DoubleQuotes quotes) {
  if (is_doubtful(sql, quotes)) return named_only(sql);
  std::string text;
  std::size_t at = 0;
  while (at < sql.size() && text.size() < statement_bytes_max) {
    const char c = sql[at];
    if (is_blank(c)) {
      if (!text.empty() && text.back() != ' ') text += ' ';
      ++at;
    } else if (c == '\'' || (c == '"' && quotes == DoubleQuotes::value)) {
      const auto end = end_of_quoted(sql, at);
      if (!end) return named_only(sql);
      text += '?';
      at = *end;
    } else if (c == '"' || c == '`') {
      const auto end = end_of_quoted(sql, at);
      if (!end) return named_only(sql);
      text += sql.substr(at, *end - at);
      at = *end;
    } else if (c == '$') {
      const auto end = end_of_dollars(sql, at);
      if (!end) return named_only(sql);
      text += *end == at ? '$' : '?';
      at = std::max(*end, at + 1);
      // A parameter keeps its number.
      while (text.back() != '?' && at < sql.size() && is_digit(sql[at]))
        text += sql[at++];
    } else if (is_digit(c)) {
      while (at < sql.size() && (is_of_name(sql[at]) || sql[at] == '.'))
        ++at;
      text += '?';
    } else if (is_of_name(c)) {
      const std::size_t begin = at;
      while (at < sql.size() && is_of_name(sql[at]))
        ++at;
      text += sql.substr(begin, at - begin);
    } else {
      text += c;
      ++at;
    }
  }
  while (!text.empty() && text.back() == ' ')
    text.pop_back();
  if (text.size() >= statement_bytes_max) {
    text.resize(statement_bytes_max);
    text += fmt::format("... ({} bytes)", sql.size());
  }
  return text;
}

void StatementLog::begin(std::string_view sql) {
  // A view of nothing says that nobody asks.
  sql_ = sql.data() == nullptr ? std::string_view("") : sql;
  begun_ = std::chrono::steady_clock::now();
}

void StatementLog::end() noexcept {
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun_;
  process_log().tell(LogLevel::trace, component_, statement_text(sql_, quotes_),
                     {{"ms", took.count()}});
}

}  // namespace tidemark
