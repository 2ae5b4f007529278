#include "plan/edited_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/nearest.h"
#include "transform/cast.h"

namespace tidemark {

namespace {

std::string takes(const Type& type) {
  switch (type.kind) {
    case TypeKind::decimal:
      return fmt::format("write digits, at most {} before the point and {} behind it",
                         type.width - type.scale, static_cast<int>(type.scale));
    case TypeKind::boolean:
      return "write true or false";
    case TypeKind::date:
      return "write a day, as 2026-01-31";
    case TypeKind::time:
      return "write a time of day, as 12:34:56.789";
    case TypeKind::timestamp:
    case TypeKind::timestamp_ns:
      return "write a time without a zone, as 2026-01-31 12:34:56";
    case TypeKind::timestamptz:
      return "write a time with its offset, as 2026-01-31 12:34:56+00";
    case TypeKind::blob:
      return "write the bytes as hex digits, two for each";
    case TypeKind::json:
      return "write one JSON document";
    case TypeKind::uuid:
      return "write a UUID, as 6f2c1c6e-3a0e-4f3a-9a54-0c8f3f8b0a11";
    default:
      return "write it as `tidemark quarantine show` shows such values";
  }
}

bool is_hex(const std::string& text) {
  return text.size() % 2 == 0 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

std::string typed_sql(const std::string& text, const Type& type) {
  const std::string quoted = duck::quote_text(text);
  if (type.kind == TypeKind::blob) return "unhex(" + quoted + ")";
  return "CAST(" + quoted + " AS " + sql_name(type) + ")";
}

// Whether the column holds exactly what the text says.
Result<bool> holds(const std::string& text, const Type& type, duck::Connection& engine) {
  if (text.find('\0') != std::string::npos) return false;
  if (type.kind == TypeKind::blob) return is_hex(text);
  const std::string quoted = "CAST(" + duck::quote_text(text) + " AS VARCHAR)";
  if (type.kind == TypeKind::json) {
    TM_TRY(const std::int64_t valid, engine.count("SELECT json_valid(" + quoted + ")::BIGINT"));
    return valid == 1;
  }
  const std::string tried = "TRY_CAST(" + quoted + " AS " + sql_name(type) + ")";
  const auto exact = exact_cast(quoted, Type::of(TypeKind::varchar), type, tried);
  // Of a type that has no exact cast only what is printed as it was written is known to be the
  // same.
  const std::string changed =
      exact ? exact->changed : "CAST(" + tried + " AS VARCHAR) IS DISTINCT FROM " + quoted;
  // Without an offset it would be anybody's guess which moment is meant.
  const bool zoned = type.kind == TypeKind::timestamptz;
  const std::string offset =
      "regexp_matches(" + quoted + ", ':[0-9.]+\\s*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$|infinity$')";
  TM_TRY(const std::int64_t good,
         engine.count("SELECT (" + tried + " IS NOT NULL AND NOT coalesce(" +
                      (changed.empty() ? "false" : changed) + ", false)" +
                      (zoned ? " AND " + offset : "") + ")::BIGINT"));
  return good == 1;
}

// For a message: long ones would hide what is wrong.
std::string shown(const std::string& text) {
  constexpr std::size_t shown_max = 100;
  return text.size() <= shown_max ? "`" + text + "`"
                                  : "a text of " + std::to_string(text.size()) + " bytes";
}

}  // namespace

Status check_edit(const Schema& staged, const std::vector<EditedValue>& values,
                  duck::Connection& engine) {
  for (const EditedValue& value : values) {
    const auto at = staged.find(value.column);
    if (!at) {
      const auto near = nearest_word(value.column, staged.names());
      return user_error(
          "user.no_column", "the row has no column `" + value.column + "`",
          near ? "did you mean `" + *near + "`?" : "`tidemark quarantine show` lists its columns");
    }
    const Column& column = staged.columns[*at];
    if (!value.text) {
      if (column.nullable) continue;
      return user_error("user.bad_value", "`" + column.name + "` is never NULL in the source",
                        takes(column.type));
    }
    TM_TRY(const bool good, holds(*value.text, column.type, engine));
    if (good) continue;
    return user_error("user.bad_value",
                      "`" + column.name + "` is " + sql_name(column.type) +
                          ", which does not hold " + shown(*value.text) + " exactly",
                      takes(column.type));
  }
  return {};
}

namespace {

// For the one that does not hold: the engine names a value, and not whose it is.
Status check_each(const Schema& schema, const std::vector<RowEdit>& edits,
                  duck::Connection& engine) {
  for (const RowEdit& edit : edits) {
    const Status held = check_edit(schema, edit.values, engine);
    if (held.ok()) continue;
    return user_error(held.error().code,
                      "the edit of row " + edit.row + ": " + held.error().message,
                      held.error().hint);
  }
  return {};
}

}  // namespace

Result<EditedRows> EditedRows::make(const std::string& table, const Schema& schema,
                                    const std::vector<RowEdit>& edits, duck::Connection& engine) {
  EditedRows made;
  if (edits.empty()) return made;
  made.table_ = table;
  for (const Column& column : schema.columns) {
    const bool edited = std::any_of(edits.begin(), edits.end(), [&](const RowEdit& edit) {
      return std::any_of(edit.values.begin(), edit.values.end(),
                         [&](const EditedValue& value) { return value.column == column.name; });
    });
    if (edited) made.columns_.push_back(column.name);
  }
  std::string rows;
  for (const RowEdit& edit : edits) {
    rows += (rows.empty() ? "" : " UNION ALL ") + std::string("SELECT ") +
            duck::quote_text(edit.row) + " AS id";
    for (std::size_t at = 0; at < made.columns_.size(); ++at) {
      const Type& type = schema.columns[*schema.find(made.columns_[at])].type;
      const auto value =
          std::find_if(edit.values.begin(), edit.values.end(),
                       [&](const EditedValue& one) { return one.column == made.columns_[at]; });
      const bool is_set = value != edit.values.end();
      rows += fmt::format(", {} AS v{}, {} AS s{}",
                          is_set && value->text ? typed_sql(*value->text, type)
                                                : "CAST(NULL AS " + sql_name(type) + ")",
                          at, is_set ? "true" : "false", at);
    }
  }
  const Status done = engine.execute("CREATE OR REPLACE TEMP TABLE " + table + " AS " + rows);
  if (!done.ok()) {
    TM_CHECK(check_each(schema, edits, engine));
    return done.error();
  }
  return made;
}

std::string EditedRows::join_sql(const std::string& row) const {
  if (table_.empty()) return {};
  return " LEFT JOIN " + table_ + " AS edits ON edits.id = " + row + ".id";
}

std::string EditedRows::value_sql(const std::string& column, const std::string& staged) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) return staged;
  const auto at = std::to_string(found - columns_.begin());
  return "CASE WHEN edits.s" + at + " THEN edits.v" + at + " ELSE " + staged + " END";
}

}  // namespace tidemark
