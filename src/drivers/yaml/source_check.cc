#include "drivers/yaml/source_check.h"

#include <algorithm>
#include <limits>
#include <string>

namespace tidemark {

namespace {

bool continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// The length of the valid UTF-8 character at `at`, or 0.
std::size_t character_length(std::string_view source, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(source[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > source.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!continues(source[at + i])) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool beyond = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

// Whether a line ends by opening a block text: `key: |`, `- >-`, `key: |2  # note`.
bool opens_block_text(std::string_view line) {
  if (const std::size_t comment = line.find(" #"); comment != std::string_view::npos)
    line = line.substr(0, comment);
  std::size_t end = line.find_last_not_of(" \t\r");
  while (end != std::string_view::npos && end > 0 &&
         (line[end] == '-' || line[end] == '+' || (line[end] >= '1' && line[end] <= '9'))) {
    --end;
  }
  if (end == std::string_view::npos || (line[end] != '|' && line[end] != '>')) return false;
  return end == 0 || line[end - 1] == ' ' || line[end - 1] == '\t';
}

}  // namespace

YamlPosition yaml_position(std::string_view source, std::size_t offset) {
  offset = std::min(offset, source.size());
  YamlPosition at;
  for (std::size_t i = 0; i < offset; ++i) {
    if (source[i] == '\n') {
      ++at.line;
      at.column = 1;
    } else if (!continues(source[i])) {
      ++at.column;
    }
  }
  return at;
}

std::vector<YamlFault> check_yaml_bytes(std::string_view source) {
  for (std::size_t at = 0; at < source.size();) {
    const std::size_t length = character_length(source, at);
    if (length == 0) {
      return {{yaml_position(source, at), "this is not valid UTF-8", "save the file as UTF-8"}};
    }
    const char byte = source[at];
    const bool line_end =
        byte == '\n' || (byte == '\r' && at + 1 < source.size() && source[at + 1] == '\n');
    if ((static_cast<unsigned char>(byte) < 0x20 && byte != '\t' && !line_end) || byte == 0x7F) {
      const std::string what = byte == 0      ? "a NUL byte"
                               : byte == '\r' ? "a carriage return"
                                              : "a control character";
      return {{yaml_position(source, at), what + " stands in the file",
               "remove it; inside \"...\" write \\n, \\r or \\t"}};
    }
    at += length;
  }
  return {};
}

std::vector<YamlFault> check_yaml_lines(std::string_view source) {
  std::vector<YamlFault> faults;
  std::size_t block_indent =
      std::string_view::npos;  // of the line that opened the block text we are in
  int number = 0;
  int first_content = std::numeric_limits<int>::max();
  for (std::size_t start = 0; start < source.size();) {
    std::size_t end = source.find('\n', start);
    if (end == std::string_view::npos) end = source.size();
    const std::string_view line = source.substr(start, end - start);
    start = end + 1;
    ++number;
    const std::size_t spaces = line.find_first_not_of(' ');
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) continue;
    if (block_indent != std::string_view::npos && spaces > block_indent) continue;
    if (line[0] == '%' && number <= first_content) {
      faults.push_back(
          {{number, 1}, "YAML directives (`%...`) are not allowed", "remove the line"});
      return faults;
    }
    if (line[first] != '#' && first_content > number) first_content = number;
    block_indent = opens_block_text(line) ? spaces : std::string_view::npos;
    if (line[spaces] == '\t') {
      faults.push_back({{number, static_cast<int>(spaces) + 1},
                        "a tab indents this line",
                        "indent with spaces"});
      // One is enough to find them all; a file of tabs would bury what else is wrong.
      return faults;
    }
  }
  return faults;
}

}  // namespace tidemark
