#include "connectors/postgres/watermark_rules.h"

namespace tidemark::postgres {

std::string cast(const Cursor& cursor, const std::string& value) {
  return quote_text(value) + "::" + cursor.type_name;
}

std::string or_null(const std::optional<std::string>& value, const Cursor& cursor) {
  return value ? cast(cursor, *value) : "null::" + cursor.type_name;
}

}  // namespace tidemark::postgres
