#include "connectors/sqlite/position.h"

#include <array>
#include <cstdio>

#include "drivers/json/json.h"

namespace tidemark {

Position to_position(const SqlitePosition& position) {
  JsonValue json;
  json.set("cursor", position.literal).set("file", position.file_version);
  return {to_json(json)};
}

Result<SqlitePosition> parse_sqlite_position(const Position& position) {
  TM_TRY(JsonValue json, parse_json(position.text));
  SqlitePosition parsed;
  TM_TRY(parsed.literal, json.string_at("cursor"));
  TM_TRY(parsed.file_version, json.string_at("file"));
  return parsed;
}

std::string literal_of(const sqlite::Statement& row, int index) {
  switch (row.storage_class(index)) {
    case sqlite::StorageClass::null:
      return {};
    case sqlite::StorageClass::integer:
      return std::to_string(row.int64_at(index));
    case sqlite::StorageClass::real: {
      std::array<char, 40> digits{};
      std::snprintf(digits.data(), digits.size(), "%.17e", row.double_at(index));
      return digits.data();
    }
    case sqlite::StorageClass::text: {
      std::string text = "'";
      for (const char c : row.text_at(index))
        text += c == '\'' ? std::string("''") : std::string(1, c);
      return text + "'";
    }
    case sqlite::StorageClass::blob: {
      std::string text = "x'";
      for (const std::byte byte : row.bytes_at(index)) {
        std::array<char, 3> hex{};
        std::snprintf(hex.data(), hex.size(), "%02x", static_cast<unsigned>(byte));
        text += hex.data();
      }
      return text + "'";
    }
  }
  return {};
}

}  // namespace tidemark
