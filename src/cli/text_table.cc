#include "cli/text_table.h"

#include <algorithm>
#include <array>
#include <cstdio>

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

}  // namespace

std::string print_table(const TextTable& table) {
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
  std::string text;
  for (std::size_t number = 0; number < lines.size(); ++number) {
    std::string line;
    for (std::size_t at = 0; at < lines[number].size(); ++at) {
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
    }
  }
  return text;
}

}  // namespace tidemark
