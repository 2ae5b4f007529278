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
// Where the table is wider than `columns`, what stands in its last column stands below its row; 0:
// it may be as wide as it is.
std::string print_table(const TextTable& table, int columns = 0);

}  // namespace tidemark
