#include "connectors/sqlite/position.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <span>

#include "drivers/json/json.h"

namespace tidemark {

namespace {

std::string hex_literal(std::span<const std::byte> bytes) {
  std::string text = "x'";
  for (const std::byte byte : bytes) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", static_cast<unsigned>(byte));
    text += hex.data();
  }
  return text + "'";
}

std::string real_literal(double value) {
  if (std::isinf(value)) return value < 0 ? "-9e999" : "9e999";
  std::array<char, 40> digits{};
  std::snprintf(digits.data(), digits.size(), "%.17e", value);
  return digits.data();
}

std::string text_literal(std::string_view value) {
  // SQL ends at a NUL, so such a text is written as its bytes.
  if (value.find('\0') != std::string_view::npos)
    return "CAST(" + hex_literal(std::as_bytes(std::span(value))) + " AS TEXT)";
  std::string text = "'";
  for (const char c : value)
    text += c == '\'' ? std::string("''") : std::string(1, c);
  return text + "'";
}

}  // namespace

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
    case sqlite::StorageClass::real:
      return real_literal(row.double_at(index));
    case sqlite::StorageClass::text:
      return text_literal(row.text_at(index));
    case sqlite::StorageClass::blob:
      return hex_literal(row.bytes_at(index));
  }
  return {};
}

}  // namespace tidemark
