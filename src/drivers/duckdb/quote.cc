#include "drivers/duckdb/engine.h"

namespace tidemark::duck {

namespace {

std::string quoted(std::string_view text, char mark) {
  std::string result(1, mark);
  for (char c : text) {
    if (c == mark) result += mark;
    result += c;
  }
  return result + mark;
}

}  // namespace

std::string quote_name(std::string_view name) {
  return quoted(name, '"');
}

std::string quote_text(std::string_view text) {
  return quoted(text, '\'');
}

std::string quote_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + quote_name(name);
  return list;
}

std::string quote_path(const std::vector<std::string>& parts) {
  std::string path;
  for (const std::string& part : parts) {
    if (!path.empty()) path += '.';
    path += quote_name(part);
  }
  return path;
}

}  // namespace tidemark::duck
