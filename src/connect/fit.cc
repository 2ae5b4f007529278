#include "connect/fit.h"

#include "base/nearest.h"

namespace tidemark {

namespace {

// Digits before the point that an integer type may need; 0 for other types.
int integer_digits(TypeKind kind) {
  switch (kind) {
    case TypeKind::int8:
    case TypeKind::uint8:
      return 3;
    case TypeKind::int16:
    case TypeKind::uint16:
      return 5;
    case TypeKind::int32:
    case TypeKind::uint32:
      return 10;
    case TypeKind::int64:
      return 19;
    case TypeKind::uint64:
      return 20;
    case TypeKind::int128:
      return 39;
    default:
      return 0;
  }
}

bool is_unsigned(TypeKind kind) {
  return kind == TypeKind::uint8 || kind == TypeKind::uint16 || kind == TypeKind::uint32 ||
         kind == TypeKind::uint64;
}

}  // namespace

bool can_hold(const Type& table, const Type& rows) {
  if (table == rows) return true;
  const int table_digits = integer_digits(table.kind);
  const int rows_digits = integer_digits(rows.kind);
  if (table_digits > 0 && rows_digits > 0) {
    if (is_unsigned(table.kind) && !is_unsigned(rows.kind)) return false;
    return table_digits > rows_digits;
  }
  if (table.kind == TypeKind::decimal) {
    const int room = table.width - table.scale;
    if (rows.kind == TypeKind::decimal)
      return room >= rows.width - rows.scale && table.scale >= rows.scale;
    return rows_digits > 0 && room >= rows_digits;
  }
  if (table.kind == TypeKind::float64) {
    return rows.kind == TypeKind::float32 || (rows_digits > 0 && rows_digits <= 10);
  }
  if (table.kind == TypeKind::list && rows.kind == TypeKind::list)
    return can_hold(*table.element, *rows.element);
  return false;
}

std::vector<std::string> misfits(const Schema& table, const Schema& rows) {
  std::vector<std::string> found;
  for (const Column& column : rows.columns) {
    const auto at = table.find(column.name);
    if (!at) {
      std::string text =
          "column `" + column.name + "` (" + sql_name(column.type) + ") is not in the table";
      if (auto near = nearest_word(column.name, table.names())) text += "; it has `" + *near + "`";
      found.push_back(std::move(text));
    } else if (!can_hold(table.columns[*at].type, column.type)) {
      found.push_back("column `" + column.name + "` is " + sql_name(table.columns[*at].type) +
                      " in the table and " + sql_name(column.type) + " in the rows");
    }
  }
  for (const Column& column : table.columns) {
    if (!column.nullable && !rows.find(column.name)) {
      found.push_back("column `" + column.name +
                      "` is NOT NULL in the table and missing in the rows");
    }
  }
  return found;
}

Status check_fit(const std::string& table_name, const Schema& table, const Schema& rows) {
  const std::vector<std::string> found = misfits(table, rows);
  if (found.empty()) return {};
  std::string message = "the rows do not fit table " + table_name + ": ";
  for (std::size_t at = 0; at < found.size(); ++at)
    message += (at == 0 ? "" : "; ") + found[at];
  Error error = target_error("target.schema_misfit", std::move(message));
  error.hint = "change the table, or rename, cast or drop the columns in the job's `transform`";
  return error;
}

}  // namespace tidemark
