#include "drivers/mysql/names.h"

namespace tidemark::mysql {
namespace {

std::string quoted_where_needed(const std::string& part) {
  if (part.find_first_of(".\"`") == std::string::npos) return part;
  std::string quoted = "\"";
  for (const char c : part) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string quote_name(std::string_view name) {
  std::string quoted = "`";
  for (const char c : name) {
    if (c == '`') quoted += '`';
    quoted += c;
  }
  return quoted + '`';
}

std::string quote_list(const std::vector<std::string>& names, std::string_view prefix) {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ", ";
    list += std::string(prefix) + quote_name(name);
  }
  return list;
}

void append_text(std::string& sql, std::string_view text) {
  sql += '\'';
  while (!text.empty()) {
    const std::size_t plain = text.find_first_of(std::string_view("'\\\0", 3));
    sql.append(text.substr(0, plain));
    if (plain == std::string_view::npos) break;
    sql += '\\';
    sql += text[plain] == '\0' ? '0' : text[plain];
    text.remove_prefix(plain + 1);
  }
  sql += '\'';
}

std::string quote_text(std::string_view text) {
  std::string sql;
  append_text(sql, text);
  return sql;
}

TableName TableName::parse(std::string_view text) {
  std::vector<std::string> parts(1);
  char inside = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside != 0 && c == inside) {
      if (i + 1 < text.size() && text[i + 1] == inside) {
        parts.back() += text[++i];
      } else {
        inside = 0;
      }
    } else if (inside == 0 && (c == '"' || c == '`')) {
      inside = c;
    } else if (c == '.' && inside == 0 && parts.size() < 2) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() == 1) return TableName{{}, std::move(parts[0])};
  return TableName{std::move(parts[0]), std::move(parts[1])};
}

std::string TableName::sql() const {
  return database.empty() ? quote_name(table) : quote_name(database) + "." + quote_name(table);
}

std::string TableName::show() const {
  return database.empty() ? table : database + "." + table;
}

std::string TableName::written() const {
  const std::string name = quoted_where_needed(table);
  return database.empty() ? name : quoted_where_needed(database) + "." + name;
}

}  // namespace tidemark::mysql
