#include "drivers/postgres/names.h"

namespace tidemark::postgres {

std::string quote_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string quote_list(const std::vector<std::string>& names, std::string_view prefix) {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ", ";
    list += std::string(prefix) + quote_name(name);
  }
  return list;
}

std::string quote_text(std::string_view text) {
  std::string quoted = text.find('\\') == std::string_view::npos ? "'" : " E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + '\'';
}

TableName TableName::parse(std::string_view text) {
  std::vector<std::string> parts(1);
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      if (inside && i + 1 < text.size() && text[i + 1] == '"') {
        parts.back() += text[++i];
      } else {
        inside = !inside;
      }
    } else if (text[i] == '.' && !inside && parts.size() < 2) {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  if (parts.size() == 1) return TableName{{}, std::move(parts[0])};
  return TableName{std::move(parts[0]), std::move(parts[1])};
}

std::string TableName::sql() const {
  return schema.empty() ? quote_name(table) : quote_name(schema) + "." + quote_name(table);
}

std::string TableName::show() const {
  return schema.empty() ? table : schema + "." + table;
}

}  // namespace tidemark::postgres
