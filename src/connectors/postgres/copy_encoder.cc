#include "connectors/postgres/copy_encoder.h"

#include <utility>

#include "base/error.h"
#include "drivers/duckdb/engine.h"

namespace tidemark::postgres {
namespace {

constexpr std::string_view signature{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
constexpr std::string_view end_mark{"\377\377", 2};

Error refused(const CopyColumn& column, std::int64_t row, const char* reason) {
  return target_error(
      "target.value_refused",
      "column `" + column.name + "`, row " + std::to_string(row) + " of the load: " + reason,
      Retry::never,
      "refuse such rows by a rule, so that they go to quarantine, or change the column in "
      "`transform`");
}

std::string text_holds(const std::string& expression, const WireType& wire) {
  if (wire.labels) {
    std::string list;
    for (const std::string& label : *wire.labels)
      list += (list.empty() ? "" : ", ") + duck::quote_text(label);
    return list.empty() ? expression + " IS NULL" : expression + " IN (" + list + ")";
  }
  std::string test = "strpos(" + expression + ", chr(0)) = 0";
  if (wire.characters_max >= 0) {
    test += " AND length(" + expression + ") <= " + std::to_string(wire.characters_max);
  }
  if (wire.kind == Wire::jsonb) {
    // jsonb keeps texts decoded. Without its escaped backslashes, every backslash left in the text
    // starts an escape.
    const std::string escapes = "replace(" + expression + R"(, '\\', ''))";
    test += " AND strpos(" + escapes + R"(, '\u0000') = 0)";
    test += " AND NOT regexp_matches(regexp_replace(" + escapes +
            R"(, '\\u[dD][89abAB]..\\u[dD][c-fC-F]..', '', 'g'), '\\u[dD][89a-fA-F]'))";
  }
  return test;
}

}  // namespace

CopyEncoder::CopyEncoder(std::vector<CopyColumn> columns)
    : columns_(std::move(columns)), fields_(columns_.size()) {}

std::string_view CopyEncoder::header() {
  return signature;
}

std::string_view CopyEncoder::trailer() {
  return end_mark;
}

Status CopyEncoder::encode(const BatchReader& batch, ByteBuffer& out) {
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    const ColumnReader& values = batch.column(at);
    fields_[at] = {&columns_[at], &values, values.validity(), values.data(),
                   put_for(columns_[at].type)};
  }
  const std::size_t rows = batch.rows();
  for (std::size_t row = 0; row < rows; ++row) {
    put_int16(out, static_cast<std::int16_t>(fields_.size()));
    for (const Field& field : fields_) {
      if (field.validity != nullptr && !field.values->valid(row)) {
        put_int32(out, -1);
        continue;
      }
      const CopyColumn& column = *field.column;
      if (const char* reason =
              field.put(*field.values, field.data, row, column.type, column.wire, out)) {
        return refused(column, rows_ + static_cast<std::int64_t>(row) + 1, reason);
      }
    }
  }
  rows_ += static_cast<std::int64_t>(rows);
  return {};
}

std::string holds(const std::string& expression, const Type& type, const WireType& wire) {
  switch (type.kind) {
    case TypeKind::varchar:
    case TypeKind::json:
      return text_holds(expression, wire);
    case TypeKind::date:
      return "(isinf(" + expression + ") OR " + expression +
             " BETWEEN DATE '4714-11-24 (BC)' AND DATE '5874897-12-31')";
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
      return "(isinf(" + expression + ") OR epoch_us(" + expression +
             ") >= " + std::to_string(timestamp_first) + ")";
    case TypeKind::timestamp_ns:
      return "(isinf(" + expression + ") OR epoch_ns(" + expression + ") % 1000 = 0)";
    case TypeKind::list: {
      const std::string element = holds("element", *type.element, *wire.element);
      if (element.empty()) return {};
      return "len(list_filter(" + expression + ", lambda element: NOT (" + element + "))) = 0";
    }
    default:
      return {};
  }
}

bool own_values_hold(const Type& type, const WireType& wire) {
  switch (type.kind) {
    case TypeKind::varchar:
    case TypeKind::json:
      return wire.kind == Wire::text && wire.characters_max < 0 && !wire.labels;
    case TypeKind::date:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
      return true;
    case TypeKind::list:
      return own_values_hold(*type.element, *wire.element);
    default:
      return false;
  }
}

std::string why_refused(const Type& type, const WireType& wire) {
  switch (type.kind) {
    case TypeKind::varchar:
    case TypeKind::json:
      if (wire.labels) return "is no label of the target's enum";
      if (wire.kind == Wire::jsonb) {
        return "holds a NUL or half a surrogate pair, which jsonb of PostgreSQL cannot";
      }
      return wire.characters_max < 0 ? std::string("holds a NUL, which text of PostgreSQL cannot")
                                     : "has more than " + std::to_string(wire.characters_max) +
                                           " characters, or holds a NUL";
    case TypeKind::date:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
      return "lies outside PostgreSQL's calendar";
    case TypeKind::timestamp_ns:
      return "has nanoseconds or lies outside PostgreSQL's calendar";
    case TypeKind::list:
      return "has an element that " + why_refused(*type.element, *wire.element);
    default:
      return "cannot be held by PostgreSQL";
  }
}

}  // namespace tidemark::postgres
