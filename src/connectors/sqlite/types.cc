#include "connectors/sqlite/types.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "drivers/json/utf8.h"

namespace tidemark {

namespace {

std::string shorten(std::string_view text) {
  constexpr std::size_t shown_max = 60;
  return text.size() <= shown_max ? std::string(text)
                                  : std::string(text.substr(0, shown_max)) + "...";
}

std::string_view as_view(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string wrong_class(const sqlite::Statement& row, int index, const char* wanted) {
  switch (row.storage_class(index)) {
    case sqlite::StorageClass::text:
      return "text `" + shorten(row.text_at(index)) + "` is not " + wanted;
    case sqlite::StorageClass::blob:
      return std::string("a blob is not ") + wanted;
    case sqlite::StorageClass::integer:
      return "integer " + std::to_string(row.int64_at(index)) + " is not " + wanted;
    case sqlite::StorageClass::real:
      return "real " + std::string(row.text_at(index)) + " is not " + wanted;
    case sqlite::StorageClass::null:
      return {};
  }
  return {};
}

std::optional<std::string> write_integer(const sqlite::Statement& row, int index,
                                         ColumnWriter& column, std::size_t at) {
  if (row.storage_class(index) != sqlite::StorageClass::integer)
    return wrong_class(row, index, "an integer");
  static_cast<std::int64_t*>(column.data())[at] = row.int64_at(index);
  return std::nullopt;
}

std::optional<std::string> write_boolean(const sqlite::Statement& row, int index,
                                         ColumnWriter& column, std::size_t at) {
  const bool fits = row.storage_class(index) == sqlite::StorageClass::integer &&
                    (row.int64_at(index) == 0 || row.int64_at(index) == 1);
  if (!fits) return wrong_class(row, index, "0 or 1");
  static_cast<std::uint8_t*>(column.data())[at] = static_cast<std::uint8_t>(row.int64_at(index));
  return std::nullopt;
}

std::optional<std::string> write_real(const sqlite::Statement& row, int index, ColumnWriter& column,
                                      std::size_t at) {
  double value = 0;
  if (row.storage_class(index) == sqlite::StorageClass::real) {
    value = row.double_at(index);
  } else if (row.storage_class(index) == sqlite::StorageClass::integer) {
    constexpr std::int64_t exact_max = std::int64_t{1} << 53;
    const std::int64_t whole = row.int64_at(index);
    if (whole > exact_max || whole < -exact_max)
      return wrong_class(row, index, "exact as a double");
    value = static_cast<double>(whole);
  } else {
    return wrong_class(row, index, "a number");
  }
  static_cast<double*>(column.data())[at] = value;
  return std::nullopt;
}

std::optional<std::string> write_text(const sqlite::Statement& row, int index, ColumnWriter& column,
                                      std::size_t at) {
  switch (row.storage_class(index)) {
    case sqlite::StorageClass::blob:
      return wrong_class(row, index, "text");
    case sqlite::StorageClass::real: {
      std::array<char, 32> digits{};
      const auto [end, problem] =
          std::to_chars(digits.data(), digits.data() + digits.size(), row.double_at(index));
      column.set_bytes(at, {digits.data(), static_cast<std::size_t>(end - digits.data())});
      return std::nullopt;
    }
    case sqlite::StorageClass::integer:
      column.set_bytes(at, std::to_string(row.int64_at(index)));
      return std::nullopt;
    default:
      break;
  }
  const std::string_view text = as_view(row.bytes_at(index));
  if (!is_utf8(text)) return "the text is not valid UTF-8";
  column.set_bytes(at, text);
  return std::nullopt;
}

}  // namespace

const std::vector<SqliteTypeRule>& sqlite_type_rules() {
  // The first word found decides, so BIGINT is an integer before POINT could be anything.
  static const std::vector<SqliteTypeRule> rules{
      {"BOOL", TypeKind::boolean, "integers 0 and 1"},
      {"INT", TypeKind::int64, "integers"},
      {"CHAR", TypeKind::varchar, "text; numbers as their shortest exact text"},
      {"CLOB", TypeKind::varchar, "text; numbers as their shortest exact text"},
      {"TEXT", TypeKind::varchar, "text; numbers as their shortest exact text"},
      {"JSON", TypeKind::varchar, "text"},
      {"BLOB", TypeKind::blob, "blobs, and the bytes of text"},
      {"REAL", TypeKind::float64, "reals; integers to 2^53"},
      {"FLOA", TypeKind::float64, "reals; integers to 2^53"},
      {"DOUB", TypeKind::float64, "reals; integers to 2^53"},
      {"", TypeKind::varchar,
       "text; numbers as their shortest exact text (also DATE, DATETIME, NUMERIC)"}};
  return rules;
}

bool can_read_sqlite_as(const Type& type) {
  switch (type.kind) {
    case TypeKind::int64:
    case TypeKind::float64:
    case TypeKind::varchar:
    case TypeKind::blob:
    case TypeKind::boolean:
      return true;
    default:
      return false;
  }
}

std::vector<TypeTable> sqlite_type_tables() {
  std::string declarable;
  for (const Type& type : type_examples()) {
    if (can_read_sqlite_as(type))
      declarable += (declarable.empty() ? "`" : ", `") + sql_name(type) + "`";
  }
  TypeTable table{"SQLite as a source",
                  "SQLite keeps the type with each value, not with the column. The first of these "
                  "words that the column's declared type contains decides. A value that the type "
                  "does not hold refuses its row. `columns` of a job may declare another type: " +
                      declarable + ".",
                  {"declared type contains", "engine", "holds"},
                  {}};
  for (const SqliteTypeRule& rule : sqlite_type_rules()) {
    table.rows.push_back(
        {rule.declared.empty() ? "anything else" : "`" + std::string(rule.declared) + "`",
         "`" + sql_name(Type::of(rule.staged)) + "`", std::string(rule.holds)});
  }
  return {std::move(table)};
}

Type staged_type(std::string_view declared) {
  std::string upper(declared);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const SqliteTypeRule& rule : sqlite_type_rules()) {
    if (upper.find(rule.declared) != std::string::npos) return Type::of(rule.staged);
  }
  return Type::of(TypeKind::varchar);
}

std::optional<std::string> write_value(const sqlite::Statement& row, int index, const Type& type,
                                       ColumnWriter& column, std::size_t at) {
  if (row.is_null(index)) {
    column.set_null(at);
    return std::nullopt;
  }
  // A row number is used again after a rejected row, whose NULLs must not stay.
  column.set_valid(at);
  switch (type.kind) {
    case TypeKind::int64:
      return write_integer(row, index, column, at);
    case TypeKind::boolean:
      return write_boolean(row, index, column, at);
    case TypeKind::float64:
      return write_real(row, index, column, at);
    case TypeKind::blob: {
      const auto storage = row.storage_class(index);
      if (storage != sqlite::StorageClass::blob && storage != sqlite::StorageClass::text) {
        return wrong_class(row, index, "a blob");
      }
      column.set_bytes(at, as_view(row.bytes_at(index)));
      return std::nullopt;
    }
    default:
      return write_text(row, index, column, at);
  }
}

}  // namespace tidemark
