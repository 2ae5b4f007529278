#include "cli/text_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>

namespace tidemark {

namespace {

std::string visible(const std::string& text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      shown += c;
      continue;
    }
    std::array<char, 5> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "\\x%02x", static_cast<unsigned>(byte));
    shown += c == '\n' ? "\\n" : c == '\t' ? "\\t" : escaped.data();
  }
  return shown;
}

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// Broken between words where there are any, each line behind an indent.
std::string below(const std::string& text, std::size_t columns) {
  constexpr std::size_t indent = 4;
  const std::size_t room = columns > 2 * indent ? columns - indent : indent;
  std::string lines;
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) lines += std::string(indent, ' ') + line + "\n";
    line.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!line.empty() && width_of(line) + 1 + width_of(word) > room) end_line();
    line += (line.empty() ? "" : " ") + word;
  }
  end_line();
  return lines;
}

}  // namespace

std::string print_table(const TextTable& table, int columns) {
  std::vector<std::vector<std::string>> lines{table.header};
  for (const auto& row : table.rows) {
    lines.emplace_back();
    for (const std::string& cell : row)
      lines.back().push_back(visible(cell));
  }
  std::vector<std::size_t> widths(table.header.size());
  for (const auto& line : lines) {
    for (std::size_t at = 0; at < line.size(); ++at)
      widths[at] = std::max(widths[at], width_of(line[at]));
  }
  const auto room = static_cast<std::size_t>(std::max(columns, 0));
  const std::size_t width = std::accumulate(widths.begin(), widths.end(), 2 * widths.size());
  const bool is_wide = room > 0 && widths.size() > 1 && width - 2 > room;
  if (is_wide) widths.pop_back();
  std::string text;
  for (std::size_t number = 0; number < lines.size(); ++number) {
    std::string line;
    for (std::size_t at = 0; at < widths.size(); ++at) {
      const std::string padding(widths[at] - width_of(lines[number][at]), ' ');
      const bool right = at < table.right.size() && table.right[at];
      line += (at == 0 ? "" : "  ") +
              (right ? padding + lines[number][at] : lines[number][at] + padding);
    }
    while (!line.empty() && line.back() == ' ')
      line.pop_back();
    text += line + "\n";
    if (number == 0) {
      std::string rule;
      for (std::size_t at = 0; at < widths.size(); ++at)
        rule += (at == 0 ? "" : "  ") + std::string(widths[at], '-');
      text += rule + "\n";
    } else if (is_wide && !lines[number].back().empty()) {
      text += below(table.header.back() + ": " + lines[number].back(), room);
    }
  }
  return text;
}

}  // namespace tidemark
