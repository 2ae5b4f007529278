#include "connectors/postgres/sink_types.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <variant>

#include "base/error.h"

namespace tidemark::postgres {
namespace {

struct Builtin {
  std::uint32_t oid;
  std::uint32_t array_oid;
  std::string_view name;
  Wire wire;
  TypeKind kind;  // as the engine reads it
};

constexpr std::array<Builtin, 20> builtins{{
    {16, 1000, "boolean", Wire::boolean, TypeKind::boolean},
    {21, 1005, "smallint", Wire::int2, TypeKind::int16},
    {23, 1007, "integer", Wire::int4, TypeKind::int32},
    {20, 1016, "bigint", Wire::int8, TypeKind::int64},
    {700, 1021, "real", Wire::float4, TypeKind::float32},
    {701, 1022, "double precision", Wire::float8, TypeKind::float64},
    {1700, 1231, "numeric", Wire::numeric, TypeKind::decimal},
    {25, 1009, "text", Wire::text, TypeKind::varchar},
    {1043, 1015, "character varying", Wire::text, TypeKind::varchar},
    {114, 199, "json", Wire::text, TypeKind::json},
    {3802, 3807, "jsonb", Wire::jsonb, TypeKind::json},
    {17, 1001, "bytea", Wire::bytea, TypeKind::blob},
    {2950, 2951, "uuid", Wire::uuid, TypeKind::uuid},
    {1082, 1182, "date", Wire::date, TypeKind::date},
    {1083, 1183, "time without time zone", Wire::time, TypeKind::time},
    {1266, 1270, "time with time zone", Wire::timetz, TypeKind::timetz},
    {1114, 1115, "timestamp without time zone", Wire::timestamp, TypeKind::timestamp},
    {1184, 1185, "timestamp with time zone", Wire::timestamp, TypeKind::timestamptz},
    {1186, 1187, "interval", Wire::interval, TypeKind::interval},
    {1042, 1014, "character", Wire::text, TypeKind::varchar},
}};

constexpr std::uint32_t oid_json = 114;
constexpr std::uint32_t oid_jsonb = 3802;
constexpr std::uint32_t oid_character = 1042;

const Builtin* find_builtin(std::uint32_t oid) {
  const auto* it = std::find_if(builtins.begin(), builtins.end(),
                                [&](const Builtin& b) { return b.oid == oid; });
  return it == builtins.end() ? nullptr : it;
}

// Digits before and after the point of numeric(p,s); nothing when it is without limits.
struct Digits {
  int whole;
  int scale;
};

std::optional<Digits> numeric_digits(std::int32_t modifier) {
  if (modifier < 4) return std::nullopt;
  const int precision = ((modifier - 4) >> 16) & 0xFFFF;
  // Eleven bits with a sign since version 15; earlier versions use the same bits for 0 to 1000.
  const int scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024;
  return Digits{precision - scale, scale};
}

// Whole-number kinds as digits and as the bytes of the narrowest signed integer that holds them
// all.
struct Whole {
  int digits;
  int bytes;
};

std::optional<Whole> whole(const Type& type) {
  switch (type.kind) {
    case TypeKind::int8:
      return Whole{3, 2};
    case TypeKind::uint8:
      return Whole{3, 2};
    case TypeKind::int16:
      return Whole{5, 2};
    case TypeKind::uint16:
      return Whole{5, 4};
    case TypeKind::int32:
      return Whole{10, 4};
    case TypeKind::uint32:
      return Whole{10, 8};
    case TypeKind::int64:
      return Whole{19, 8};
    case TypeKind::uint64:
      return Whole{20, 16};
    case TypeKind::int128:
      return Whole{39, 16};
    case TypeKind::decimal:
      if (type.scale != 0) return std::nullopt;
      return Whole{type.width, type.width <= 4    ? 2
                               : type.width <= 9  ? 4
                               : type.width <= 18 ? 8
                                                  : 16};
    default:
      return std::nullopt;
  }
}

struct Misfit {
  std::string hint;
};

using Match = std::variant<std::pair<WireType, std::string>, Misfit>;

Match good(Wire wire, std::string note = {}, std::int32_t characters_max = -1) {
  return std::pair{WireType{wire, characters_max, 0, nullptr}, std::move(note)};
}

Match match_number(const Type& type, const Builtin& target, std::int32_t modifier) {
  const auto number = whole(type);
  if (target.wire == Wire::numeric) {
    const auto room = numeric_digits(modifier);
    const int scale = type.kind == TypeKind::decimal ? type.scale : 0;
    const int digits = number ? number->digits : type.width - type.scale;
    if (!room || (room->scale >= scale && room->whole >= digits)) return good(Wire::numeric);
    return Misfit{"widen the column to numeric(" + std::to_string(digits + scale) + "," +
                  std::to_string(scale) + ")"};
  }
  const int bytes = target.wire == Wire::int2   ? 2
                    : target.wire == Wire::int4 ? 4
                    : target.wire == Wire::int8 ? 8
                                                : 0;
  if (number && bytes != 0) {
    if (number->bytes <= bytes) return good(target.wire);
    return Misfit{"widen the column, or cast in `transform` to a type whose values it holds"};
  }
  return Misfit{};
}

Match match_text(const Type& type, const Builtin& target, std::int32_t modifier) {
  if (type.kind == TypeKind::json) {
    if (target.wire == Wire::jsonb) {
      return good(
          Wire::jsonb,
          "jsonb keeps the value, not the text: spaces, the order of keys and doubled keys go");
    }
    if (target.oid == oid_json) return good(Wire::text);
  } else if (target.oid == oid_json || target.oid == oid_jsonb) {
    return Misfit{"cast it to json in `transform`"};
  }
  if (target.oid == oid_character)
    return Misfit{"character(n) pads and cuts spaces; make the column text"};
  if (target.kind != TypeKind::varchar) return Misfit{};
  if (modifier < 4) return good(Wire::text);
  const std::int32_t characters = modifier - 4;
  return good(Wire::text,
              "texts longer than " + std::to_string(characters) + " characters are refused",
              characters);
}

// Fractions of a second: without a modifier, or with 6, nothing is rounded.
bool keeps_microseconds(const Builtin& target, std::int32_t modifier) {
  if (modifier < 0) return true;
  if (target.wire == Wire::interval)
    return (modifier & 0xFFFF) >= 6 && ((modifier >> 16) & 0x7FFF) == 0x7FFF;
  return modifier >= 6;
}

Match match_builtin(const Type& type, const Builtin& target, std::int32_t modifier) {
  switch (type.kind) {
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
      return match_number(type, target, modifier);
    case TypeKind::varchar:
    case TypeKind::json:
      return match_text(type, target, modifier);
    case TypeKind::float32:
      if (target.wire == Wire::float4 || target.wire == Wire::float8) return good(target.wire);
      return Misfit{"floating numbers are not exact; round or cast in `transform`"};
    case TypeKind::float64:
      if (target.wire == Wire::float8) return good(Wire::float8);
      return Misfit{"floating numbers are not exact; round or cast in `transform`"};
    case TypeKind::timestamp_ns:
      if (target.kind != TypeKind::timestamp || !keeps_microseconds(target, modifier))
        return Misfit{};
      return good(Wire::timestamp,
                  "times with nanoseconds are refused; PostgreSQL keeps microseconds");
    case TypeKind::time:
    case TypeKind::timetz:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::interval:
      if (target.kind != type.kind) return Misfit{};
      if (keeps_microseconds(target, modifier)) return good(target.wire);
      return Misfit{"the column rounds fractions of a second; drop its precision"};
    case TypeKind::boolean:
    case TypeKind::blob:
    case TypeKind::uuid:
    case TypeKind::date:
      if (target.kind == type.kind) return good(target.wire);
      return Misfit{};
    case TypeKind::list:
    case TypeKind::engine:
      return Misfit{};
  }
  return Misfit{};
}

Match match_enum(const Type& type, const TargetColumn& target) {
  if (type.kind != TypeKind::varchar) return Misfit{};
  Match match = good(Wire::text, "labels unknown to the enum are refused");
  std::get<0>(match).first.labels = std::make_shared<const std::vector<std::string>>(target.labels);
  return match;
}

Match match_element(const Type& type, std::uint32_t oid, bool is_enum, const TargetColumn& target) {
  if (is_enum) return match_enum(type, target);
  const Builtin* builtin = find_builtin(oid);
  return builtin == nullptr
             ? Match{Misfit{"cast is not possible into this type; make the column text"}}
             : match_builtin(type, *builtin, target.type_modifier);
}

Match match(const Type& type, const TargetColumn& target) {
  if (type.kind != TypeKind::list) {
    return match_element(type, target.type_oid, target.is_enum, target);
  }
  if (target.element_oid == 0 || type.element->kind == TypeKind::list) return Misfit{};
  Match element = match_element(*type.element, target.element_oid, target.element_is_enum, target);
  auto* fits = std::get_if<std::pair<WireType, std::string>>(&element);
  if (fits == nullptr) return element;
  WireType wire{Wire::array, -1, target.element_oid, std::make_shared<const WireType>(fits->first)};
  return std::pair{std::move(wire), fits->second};
}

Type engine_type(std::uint32_t oid, std::int32_t modifier) {
  const Builtin* builtin = find_builtin(oid);
  if (builtin == nullptr) return Type::of(TypeKind::varchar);
  if (builtin->kind != TypeKind::decimal) return Type::of(builtin->kind);
  const auto digits = numeric_digits(modifier);
  if (!digits || digits->scale < 0 || digits->whole < 0) return Type::of(TypeKind::varchar);
  const int width = digits->whole + digits->scale;
  if (width == 39 && digits->scale == 0) return Type::of(TypeKind::int128);
  if (width > 38) return Type::of(TypeKind::varchar);
  return Type::decimal(static_cast<std::uint8_t>(width), static_cast<std::uint8_t>(digits->scale));
}

}  // namespace

Result<std::string> postgres_type(const Column& column) {
  const Type& type = column.type;
  switch (type.kind) {
    case TypeKind::int8:
    case TypeKind::uint8:
      return std::string("smallint");
    case TypeKind::uint16:
      return std::string("integer");
    case TypeKind::uint32:
      return std::string("bigint");
    case TypeKind::uint64:
      return std::string("numeric(20,0)");
    case TypeKind::int128:
      return std::string("numeric(39,0)");
    case TypeKind::timestamp_ns:
      return std::string("timestamp without time zone");
    case TypeKind::varchar:
      return std::string("text");
    case TypeKind::json:
      return std::string("json");
    case TypeKind::decimal:
      return "numeric(" + std::to_string(type.width) + "," + std::to_string(type.scale) + ")";
    case TypeKind::list:
      if (type.element->kind != TypeKind::list && type.element->kind != TypeKind::engine) {
        TM_TRY(std::string element, postgres_type(Column{column.name, *type.element}));
        return element + "[]";
      }
      [[fallthrough]];
    case TypeKind::engine:
      return user_error(
          "target.type_unsupported",
          "column `" + column.name + "` is " + sql_name(type) + ", which has no type in PostgreSQL",
          "write it as JSON in `transform`: derive: {" + column.name + ": to_json(" + column.name +
              ")}");
    case TypeKind::boolean:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::float32:
    case TypeKind::float64:
    case TypeKind::blob:
    case TypeKind::uuid:
    case TypeKind::date:
    case TypeKind::time:
    case TypeKind::timetz:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::interval:
      break;
  }
  const auto* same = std::find_if(builtins.begin(), builtins.end(),
                                  [&](const Builtin& b) { return b.kind == type.kind; });
  return std::string(same->name);
}

Result<Fit> fit(const Column& column, const TargetColumn& target) {
  TM_CHECK(postgres_type(column));
  if (target.generated) {
    return target_error("target.schema_misfit",
                        "column `" + target.name + "` of the table is generated and takes no value",
                        Retry::never, "leave it out: drop: [" + column.name + "] in `transform`");
  }
  Match found = match(column.type, target);
  if (auto* misfit = std::get_if<Misfit>(&found)) {
    return target_error("target.schema_misfit",
                        "column `" + column.name + "` is " + target.type_name +
                            " in the table and " + sql_name(column.type) + " in the rows",
                        Retry::never,
                        misfit->hint.empty()
                            ? "cast it in `transform`, or change the target's column"
                            : misfit->hint);
  }
  auto& [wire, note] = std::get<std::pair<WireType, std::string>>(found);
  if (target.not_null && column.nullable) {
    note += (note.empty() ? "" : "; ") +
            std::string("the target's column is NOT NULL: rows with a NULL are refused");
  }
  return Fit{CopyColumn{column.name, column.type, std::move(wire)}, std::move(note)};
}

Result<TargetColumn> made_column(const Column& column) {
  TM_TRY(const std::string whole, postgres_type(column));
  const bool is_list = column.type.kind == TypeKind::list;
  TM_TRY(const std::string name,
         postgres_type(Column{column.name, is_list ? *column.type.element : column.type}));
  const std::string_view base = std::string_view(name).substr(0, name.find('('));
  const auto* made = std::find_if(builtins.begin(), builtins.end(),
                                  [&](const Builtin& b) { return b.name == base; });
  TargetColumn target{column.name, whole};
  target.type_oid = is_list ? made->array_oid : made->oid;
  target.element_oid = is_list ? made->oid : 0;
  return target;
}

Result<CopyColumn> new_column(const Column& column) {
  TM_TRY(const TargetColumn target, made_column(column));
  TM_TRY(Fit fits, fit(column, target));
  return std::move(fits.copy);
}

Column as_column(const TargetColumn& target) {
  Type type = target.element_oid == 0
                  ? engine_type(target.type_oid, target.type_modifier)
                  : Type::list_of(engine_type(target.element_oid, target.type_modifier));
  return Column{target.name, std::move(type), !target.not_null, target.type_name};
}

}  // namespace tidemark::postgres
