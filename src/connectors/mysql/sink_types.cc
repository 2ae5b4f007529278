#include "connectors/mysql/sink_types.h"

#include <algorithm>
#include <optional>

#include "drivers/duckdb/engine.h"

namespace tidemark::mysql {
namespace {

constexpr int decimal_digits_max = 65;
// Of all columns of a key together, in bytes; a character takes up to four.
constexpr std::size_t key_bytes_max = 3072;
constexpr std::int64_t key_characters_max = 255;

struct Whole {
  int digits;
  bool is_unsigned;
  int bytes;
};

std::optional<Whole> whole(const Type& type) {
  switch (type.kind) {
    case TypeKind::boolean:
      return Whole{1, true, 1};
    case TypeKind::int8:
      return Whole{3, false, 1};
    case TypeKind::uint8:
      return Whole{3, true, 1};
    case TypeKind::int16:
      return Whole{5, false, 2};
    case TypeKind::uint16:
      return Whole{5, true, 2};
    case TypeKind::int32:
      return Whole{10, false, 4};
    case TypeKind::uint32:
      return Whole{10, true, 4};
    case TypeKind::int64:
      return Whole{19, false, 8};
    case TypeKind::uint64:
      return Whole{20, true, 8};
    case TypeKind::int128:
      return Whole{39, false, 16};
    default:
      return std::nullopt;
  }
}

int integer_bytes(const std::string& data_type) {
  if (data_type == "tinyint") return 1;
  if (data_type == "smallint") return 2;
  if (data_type == "mediumint") return 3;
  if (data_type == "int") return 4;
  if (data_type == "bigint") return 8;
  return 0;
}

bool is_unsigned(const TargetColumn& target) {
  return target.column_type.find("unsigned") != std::string::npos;
}

bool is_text(const std::string& data_type) {
  return data_type == "varchar" || data_type.ends_with("text");
}

bool is_blob(const std::string& data_type) {
  return data_type == "varbinary" || data_type.ends_with("blob");
}

// Everything but the checks of one value, or why not.
struct Match {
  std::optional<Fit> fit;
  std::string hint;
};

Match misfit(std::string hint = {}) {
  return {std::nullopt, std::move(hint)};
}

Match good(const Column& column, Literal literal, const std::string& value, std::string holds = {},
           std::string reason = {}, std::string note = {}) {
  return {Fit{{column.name, literal, value, std::move(holds), std::move(reason)}, std::move(note)},
          {}};
}

std::string varchar(const std::string& value) {
  return "CAST(" + value + " AS VARCHAR)";
}

Match match_number(const Column& column, const TargetColumn& target, const std::string& value) {
  const Type& type = column.type;
  const auto number = whole(type);
  const std::string text =
      type.kind == TypeKind::boolean ? varchar("CAST(" + value + " AS TINYINT)") : varchar(value);
  if (target.data_type == "decimal") {
    const int scale = type.kind == TypeKind::decimal ? type.scale : 0;
    const int digits = number ? number->digits : type.width - type.scale;
    const bool sign_fits = !is_unsigned(target) || (number && number->is_unsigned);
    if (sign_fits && target.scale >= scale && target.precision - target.scale >= digits)
      return good(column, Literal::number, text);
    return misfit("widen the column to decimal(" + std::to_string(digits + scale) + "," +
                  std::to_string(scale) + ")");
  }
  const int bytes = integer_bytes(target.data_type);
  if (bytes == 0 || !number) return misfit();
  const bool fits = number->is_unsigned == is_unsigned(target) ? bytes >= number->bytes
                    : number->is_unsigned ? bytes > number->bytes || type.kind == TypeKind::boolean
                                          : false;
  if (fits) return good(column, Literal::number, text);
  return misfit("widen the column, or cast in `transform` to a type whose values it holds");
}

std::string quoted_labels(const std::vector<std::string>& labels) {
  std::string list;
  for (const std::string& label : labels)
    list += (list.empty() ? "" : ", ") + duck::quote_text(label);
  return list;
}

Match match_text(const Column& column, const TargetColumn& target, const std::string& value) {
  if (target.data_type == "enum" && column.type.kind == TypeKind::varchar) {
    return good(column, Literal::text, value, value + " IN (" + quoted_labels(target.labels) + ")",
                "the enum of the column has no such label",
                "labels unknown to the enum are refused");
  }
  if (target.data_type == "json") {
    if (column.type.kind != TypeKind::json) return misfit("cast it to json in `transform`");
    return good(
        column, Literal::text, value, {}, {},
        "json keeps the value, not the text: spaces, the order of keys and doubled keys go");
  }
  if (target.data_type == "char")
    return misfit("char(n) cuts blanks at the end; make the column varchar or text");
  if (!is_text(target.data_type)) return misfit();
  std::string holds;
  std::string note;
  if (target.data_type == "varchar") {
    holds = "length(" + value + ") <= " + std::to_string(target.characters_max);
    note = "texts longer than " + std::to_string(target.characters_max) + " characters are refused";
  } else if (target.data_type != "longtext") {
    holds = "octet_length(encode(" + value + ")) <= " + std::to_string(target.bytes_max);
    note = "texts longer than " + std::to_string(target.bytes_max) + " bytes are refused";
  }
  if (!target.charset.starts_with("utf8mb4")) {
    const std::string plain = target.charset.starts_with("utf8")
                                  ? "NOT regexp_matches(" + value + ", '[\\x{10000}-\\x{10FFFF}]')"
                                  : "octet_length(encode(" + value + ")) = length(" + value + ")";
    holds += (holds.empty() ? "" : " AND ") + plain;
    note += (note.empty() ? "" : "; ") + std::string("characters that ") + target.charset +
            " may lack are refused";
  }
  return good(column, Literal::text, value, holds,
              "the column is too short for the text, or its "
              "character set lacks one of the characters",
              note);
}

Match match_bytes(const Column& column, const TargetColumn& target, const std::string& value) {
  if (target.data_type == "binary")
    return misfit("binary(n) fills bytes up with zeros; make the column varbinary or blob");
  if (!is_blob(target.data_type)) return misfit();
  if (target.data_type == "longblob") return good(column, Literal::blob, value);
  const std::string limit = std::to_string(target.bytes_max);
  return good(column, Literal::blob, value, "octet_length(" + value + ") <= " + limit,
              "the column is too short for the bytes", "more than " + limit + " bytes are refused");
}

constexpr const char* rounds = "the column rounds fractions of a second; make it (6)";
constexpr const char* outside =
    "the value lies outside of 0001-01-01 to 9999-12-31, which is all "
    "that MySQL has of the calendar";

// Microseconds since 1970 of the engine's moment.
std::string between(const std::string& value, const char* low, const char* high) {
  return value + " BETWEEN " + low + " AND " + high;
}

Match match_moment(const Column& column, const TargetColumn& target, const std::string& value) {
  const TypeKind kind = column.type.kind;
  const bool zoned = kind == TypeKind::timestamptz;
  const bool to_timestamp = zoned && target.data_type == "timestamp";
  if (target.data_type != "datetime" && !to_timestamp) return misfit();
  if (target.fraction < 6) return misfit(rounds);
  // The engine prints a moment with a zone in the zone of its session.
  const std::string plain = zoned ? "make_timestamp(epoch_us(" + value + "))"
                            : kind == TypeKind::timestamp_ns ? "CAST(" + value + " AS TIMESTAMP)"
                                                             : value;
  // An infinity has no microseconds.
  std::string holds = "isfinite(" + (kind == TypeKind::timestamp_ns ? plain : value) + ") AND ";
  holds += to_timestamp
               ? between(plain, "TIMESTAMP '1970-01-01 00:00:01'",
                         "TIMESTAMP '2038-01-19 03:14:07.999999'")
               : between(plain, "TIMESTAMP '0001-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'");
  std::string note = zoned && !to_timestamp ? "moments are written in UTC" : "";
  std::string reason = to_timestamp ? "the moment lies outside of 1970-01-01 00:00:01 to "
                                      "2038-01-19 03:14:07, which is all that a timestamp holds"
                                    : outside;
  if (kind == TypeKind::timestamp_ns) {
    holds += " AND epoch_ns(" + value + ") % 1000 = 0";
    reason += ", or has nanoseconds";
    note = "times with nanoseconds are refused; MySQL keeps microseconds";
  }
  return good(column, Literal::text, varchar(plain), holds, reason, note);
}

Match match_clock(const Column& column, const TargetColumn& target, const std::string& value) {
  if (target.data_type != "time") return misfit();
  if (target.fraction < 6) return misfit(rounds);
  if (column.type.kind == TypeKind::time) return good(column, Literal::text, varchar(value));
  const std::string holds = "datepart('year', " + value + ") = 0 AND datepart('month', " + value +
                            ") = 0 AND datepart('day', " + value + ") = 0 AND " + value +
                            " BETWEEN INTERVAL '-838:59:59' AND INTERVAL '838:59:59'";
  return good(column, Literal::text, varchar(value), holds,
              "a time of MySQL holds hours, minutes and seconds up to 838:59:59, and neither days "
              "nor months",
              "intervals with days or months, or beyond 838:59:59, are refused");
}

Match match(const Column& column, const TargetColumn& target) {
  const std::string value = duck::quote_name(column.name);
  switch (column.type.kind) {
    case TypeKind::boolean:
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::int128:
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
    case TypeKind::uint64:
    case TypeKind::decimal:
      return match_number(column, target, value);
    case TypeKind::float32:
    case TypeKind::float64: {
      const bool single = column.type.kind == TypeKind::float32;
      const bool fits = target.data_type == "double" || (single && target.data_type == "float");
      if (!fits || target.bounded_float || is_unsigned(target))
        return misfit("floating numbers are not exact; round or cast in `transform`");
      return good(column, single ? Literal::float32 : Literal::float64, value,
                  "isfinite(" + value + ")", "MySQL has neither NaN nor infinities",
                  "NaN and infinities are refused");
    }
    case TypeKind::varchar:
    case TypeKind::json:
      return match_text(column, target, value);
    case TypeKind::blob:
      return match_bytes(column, target, value);
    case TypeKind::uuid: {
      if (target.data_type == "uuid" ||
          ((target.data_type == "char" || target.data_type == "varchar") &&
           target.characters_max >= 36) ||
          target.data_type.ends_with("text"))
        return good(column, Literal::text, varchar(value));
      return misfit("make the column char(36)");
    }
    case TypeKind::date:
      if (target.data_type != "date") return misfit();
      return good(
          column, Literal::text, varchar(value),
          "isfinite(" + value + ") AND " + between(value, "DATE '0001-01-01'", "DATE '9999-12-31'"),
          outside, "");
    case TypeKind::time:
    case TypeKind::interval:
      return match_clock(column, target, value);
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
      return match_moment(column, target, value);
    case TypeKind::timetz:
    case TypeKind::list:
    case TypeKind::engine:
      break;
  }
  return misfit();
}

std::string key_text(std::size_t key_columns, const char* type) {
  const auto room = static_cast<std::int64_t>(key_bytes_max / 4 / key_columns) - 4;
  return std::string(type) + "(" + std::to_string(std::min(room, key_characters_max)) + ")";
}

// `decimal(15,2)` as information_schema shows it in parts.
TargetColumn as_target(const Column& column, const std::string& type) {
  TargetColumn target;
  target.name = column.name;
  target.column_type = type;
  target.data_type = type.substr(0, type.find_first_of("( "));
  target.charset = "utf8mb4";
  target.fraction = type.find("(6)") != std::string::npos ? 6 : 0;
  if (const std::size_t open = type.find('('); open != std::string::npos) {
    const int first = std::atoi(type.c_str() + open + 1);
    target.precision = first;
    target.characters_max = target.bytes_max = first;
    if (const std::size_t comma = type.find(',', open); comma != std::string::npos)
      target.scale = std::atoi(type.c_str() + comma + 1);
  }
  return target;
}

}  // namespace

Result<std::string> mysql_type(const Column& column, const Flavour&, std::size_t key_columns) {
  const Type& type = column.type;
  const bool in_key = key_columns > 0;
  switch (type.kind) {
    case TypeKind::boolean:
      return std::string("tinyint(1)");
    case TypeKind::int8:
      return std::string("tinyint");
    case TypeKind::uint8:
      return std::string("tinyint unsigned");
    case TypeKind::int16:
      return std::string("smallint");
    case TypeKind::uint16:
      return std::string("smallint unsigned");
    case TypeKind::int32:
      return std::string("int");
    case TypeKind::uint32:
      return std::string("int unsigned");
    case TypeKind::int64:
      return std::string("bigint");
    case TypeKind::uint64:
      return std::string("bigint unsigned");
    case TypeKind::int128:
      return std::string("decimal(39,0)");
    case TypeKind::float32:
      return std::string("float");
    case TypeKind::float64:
      return std::string("double");
    case TypeKind::decimal:
      static_assert(decimal_digits_max >= 38);
      return "decimal(" + std::to_string(type.width) + "," + std::to_string(type.scale) + ")";
    case TypeKind::varchar:
      return in_key ? key_text(key_columns, "varchar") : "longtext";
    case TypeKind::json:
      // MySQL's own json would rewrite the text.
      return std::string("longtext");
    case TypeKind::blob:
      return in_key ? key_text(key_columns, "varbinary") : "longblob";
    case TypeKind::uuid:
      return std::string("char(36)");
    case TypeKind::date:
      return std::string("date");
    case TypeKind::time:
    case TypeKind::interval:
      return std::string("time(6)");
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
      return std::string("datetime(6)");
    case TypeKind::timetz:
    case TypeKind::list:
    case TypeKind::engine:
      break;
  }
  const std::string name = column.name;
  return user_error(
      "target.type_unsupported",
      "column `" + name + "` is " + sql_name(type) + ", which has no type in MySQL",
      type.kind == TypeKind::timetz
          ? "write it as text in `transform`: cast: {" + name + ": varchar}"
          : "write it as JSON in `transform`: derive: {" + name + ": to_json(" + name + ")}");
}

Result<Fit> fit(const Column& column, const TargetColumn& target) {
  if (target.generated) {
    return target_error("target.schema_misfit",
                        "column `" + target.name + "` of the table is generated and takes no value",
                        Retry::never, "leave it out: drop: [" + column.name + "] in `transform`");
  }
  Match found = match(column, target);
  if (!found.fit) {
    return target_error(
        "target.schema_misfit",
        "column `" + column.name + "` is " + target.column_type + " in the table and " +
            sql_name(column.type) + " in the rows",
        Retry::never,
        found.hint.empty() ? "cast it in `transform`, or change the target's column" : found.hint);
  }
  if (target.not_null && column.nullable) {
    found.fit->note += (found.fit->note.empty() ? "" : "; ") +
                       std::string("the target's column is NOT NULL: a NULL fails the load");
  }
  return *std::move(found.fit);
}

Result<TargetColumn> made_column(const Column& column, const Flavour& flavour) {
  TM_TRY(const std::string type, mysql_type(column, flavour));
  return as_target(column, type);
}

Result<Fit> new_column(const Column& column, const Flavour& flavour, std::size_t key_columns) {
  TM_TRY(const std::string type, mysql_type(column, flavour, key_columns));
  TM_TRY(Fit made, fit(column, as_target(column, type)));
  if (column.type.kind == TypeKind::json) made.note.clear();
  return made;
}

std::vector<std::string> enum_labels(const std::string& column_type) {
  std::vector<std::string> labels;
  bool inside = false;
  for (std::size_t at = 0; at < column_type.size(); ++at) {
    const char c = column_type[at];
    if (!inside) {
      if (c == '\'') {
        inside = true;
        labels.emplace_back();
      }
    } else if (c == '\'' && at + 1 < column_type.size() && column_type[at + 1] == '\'') {
      labels.back() += column_type[++at];
    } else if (c == '\'') {
      inside = false;
    } else {
      labels.back() += c;
    }
  }
  return labels;
}

}  // namespace tidemark::mysql
