#include "api/rows_document.h"

#include <cstdint>
#include <cstdlib>
#include <utility>

namespace tidemark {
namespace {

JsonValue cell(const Type& type, const std::optional<std::string>& text) {
  if (!text) return {};
  if (type.kind == TypeKind::boolean) return *text == "true";
  if (type.kind == TypeKind::float64 || type.kind == TypeKind::float32)
    return std::strtod(text->c_str(), nullptr);
  if (fits_int64(type)) {
    constexpr std::int64_t exact_max = std::int64_t{1} << 53;
    const std::int64_t number = std::strtoll(text->c_str(), nullptr, 10);
    if (number <= exact_max && number >= -exact_max) return number;
  }
  return *text;
}

}  // namespace

JsonValue rows_document(const Schema& schema, std::size_t count, const CellText& text) {
  JsonArray columns;
  for (const Column& column : schema.columns)
    columns.push_back(JsonValue().set("name", column.name).set("type", sql_name(column.type)));
  JsonArray rows;
  for (std::size_t row = 0; row < count; ++row) {
    JsonArray cells;
    for (std::size_t column = 0; column < columns.size(); ++column)
      cells.push_back(cell(schema.columns[column].type, text(row, column)));
    rows.emplace_back(std::move(cells));
  }
  return JsonValue().set("columns", std::move(columns)).set("rows", std::move(rows));
}

}  // namespace tidemark
