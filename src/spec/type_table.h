// TypeTable: how the types of one system and those of the engine stand to each other, for the page
// of type mappings.
//
// A connector makes its tables from the rules it works by, so that the page cannot say anything
// else. Plain values; no thread rule.
#pragma once

#include <string>
#include <vector>

namespace tidemark {

struct TypeTable {
  std::string title;  // `PostgreSQL as a source`
  std::string text;   // what holds for all rows; Markdown
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // cells as Markdown, as many as the header has
};

}  // namespace tidemark
