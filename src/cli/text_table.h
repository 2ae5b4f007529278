// Aligned text tables for people. Pure; no thread rule.
#pragma once

#include <string>
#include <vector>

namespace tidemark {

struct TextTable {
  std::vector<std::string> header;
  std::vector<bool> right;  // per column: numbers stand to the right
  std::vector<std::vector<std::string>> rows;
};

// Lines end with `\n`. Width counts code points; control characters are written out: \n, \x1B.
std::string print_table(const TextTable& table);

}  // namespace tidemark
