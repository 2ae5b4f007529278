#include "drivers/duckdb/file_name.h"

#include "drivers/duckdb/engine.h"

namespace tidemark::duck {

std::string quote_file(const std::filesystem::path& path) {
  std::string pattern;
  for (const char c : path.string()) {
    const bool special = c == '*' || c == '?' || c == '[';
    pattern += special ? std::string("[") + c + "]" : std::string(1, c);
  }
  return quote_text(pattern);
}

}  // namespace tidemark::duck
