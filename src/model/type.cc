#include "model/type.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "base/nearest.h"

namespace tidemark {

namespace {

struct KindName {
  TypeKind kind;
  std::string_view name;
};

// The first name of a kind is the one we print.
constexpr std::array<KindName, 52> kind_names{{
    {TypeKind::boolean, "BOOLEAN"},
    {TypeKind::boolean, "BOOL"},
    {TypeKind::int8, "TINYINT"},
    {TypeKind::int8, "INT1"},
    {TypeKind::int16, "SMALLINT"},
    {TypeKind::int16, "INT2"},
    {TypeKind::int32, "INTEGER"},
    {TypeKind::int32, "INT"},
    {TypeKind::int32, "INT4"},
    {TypeKind::int64, "BIGINT"},
    {TypeKind::int64, "INT8"},
    {TypeKind::int64, "LONG"},
    {TypeKind::int128, "HUGEINT"},
    {TypeKind::uint8, "UTINYINT"},
    {TypeKind::uint16, "USMALLINT"},
    {TypeKind::uint32, "UINTEGER"},
    {TypeKind::uint64, "UBIGINT"},
    {TypeKind::float32, "FLOAT"},
    {TypeKind::float32, "REAL"},
    {TypeKind::float32, "FLOAT4"},
    {TypeKind::float64, "DOUBLE"},
    {TypeKind::float64, "FLOAT8"},
    {TypeKind::float64, "DOUBLE PRECISION"},
    {TypeKind::varchar, "VARCHAR"},
    {TypeKind::varchar, "TEXT"},
    {TypeKind::varchar, "STRING"},
    {TypeKind::varchar, "CHAR"},
    {TypeKind::json, "JSON"},
    {TypeKind::json, "JSONB"},
    {TypeKind::blob, "BLOB"},
    {TypeKind::blob, "BYTEA"},
    {TypeKind::blob, "BINARY"},
    {TypeKind::uuid, "UUID"},
    {TypeKind::date, "DATE"},
    {TypeKind::time, "TIME"},
    {TypeKind::time, "TIME WITHOUT TIME ZONE"},
    {TypeKind::timetz, "TIME WITH TIME ZONE"},
    {TypeKind::timetz, "TIMETZ"},
    {TypeKind::timestamp, "TIMESTAMP"},
    {TypeKind::timestamp, "DATETIME"},
    {TypeKind::timestamp, "TIMESTAMP WITHOUT TIME ZONE"},
    {TypeKind::timestamp, "TIMESTAMP_US"},
    {TypeKind::timestamptz, "TIMESTAMP WITH TIME ZONE"},
    {TypeKind::timestamptz, "TIMESTAMPTZ"},
    {TypeKind::timestamp_ns, "TIMESTAMP_NS"},
    {TypeKind::interval, "INTERVAL"},
    {TypeKind::decimal, "DECIMAL"},
    {TypeKind::decimal, "NUMERIC"},
    {TypeKind::decimal, "DEC"},
    {TypeKind::varchar, "BPCHAR"},
    {TypeKind::boolean, "LOGICAL"},
    {TypeKind::int64, "SIGNED"},
}};

std::string upper_trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

std::optional<int> parse_small_number(std::string_view text) {
  int number = 0;
  const std::string trimmed = upper_trimmed(text);
  auto [end, problem] = std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), number);
  if (problem != std::errc{} || end != trimmed.data() + trimmed.size()) return std::nullopt;
  return number;
}

Error unknown_type(std::string_view text) {
  std::vector<std::string> words;
  for (const KindName& known : kind_names)
    words.emplace_back(known.name);
  std::string hint =
      "types are for example integer, bigint, decimal(15,2), double, varchar, date, "
      "timestamp, timestamptz, boolean";
  if (auto near = nearest_word(upper_trimmed(text), words)) {
    std::transform(near->begin(), near->end(), near->begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    hint = "did you mean `" + *near + "`? " + hint;
  }
  return user_error("spec.unknown_type", "`" + std::string(text) + "` is not a type", hint);
}

// `DECIMAL(15,2)`; a bare DECIMAL is 18,3 in the engine, which nobody means: it must say its
// digits.
Result<Type> parse_decimal(std::string_view text, std::string_view arguments) {
  const std::size_t comma = arguments.find(',');
  const auto width = parse_small_number(arguments.substr(0, comma));
  const auto scale =
      comma == std::string_view::npos ? 0 : parse_small_number(arguments.substr(comma + 1));
  if (!width || !scale || *width < 1 || *width > 38 || *scale < 0 || *scale > *width) {
    return user_error("spec.unknown_type", "`" + std::string(text) + "` is not a decimal type",
                      "write decimal(WIDTH,SCALE) with 1 to 38 digits, for example decimal(15,2)");
  }
  return Type::decimal(static_cast<std::uint8_t>(*width), static_cast<std::uint8_t>(*scale));
}

}  // namespace

Type Type::list_of(Type element) {
  Type list = of(TypeKind::list);
  list.element = std::make_shared<const Type>(std::move(element));
  return list;
}

bool operator==(const Type& a, const Type& b) {
  if (a.kind != b.kind || a.width != b.width || a.scale != b.scale) return false;
  if (a.engine_name != b.engine_name) return false;
  if (!a.element || !b.element) return a.element == b.element;
  return *a.element == *b.element;
}

bool fits_int64(const Type& type) {
  switch (type.kind) {
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
      return true;
    default:
      return false;
  }
}

std::string sql_name(const Type& type) {
  switch (type.kind) {
    case TypeKind::decimal:
      return "DECIMAL(" + std::to_string(type.width) + "," + std::to_string(type.scale) + ")";
    case TypeKind::list:
      return sql_name(*type.element) + "[]";
    case TypeKind::engine:
      return type.engine_name;
    default:
      for (const KindName& known : kind_names) {
        if (known.kind == type.kind) return std::string(known.name);
      }
  }
  return "VARCHAR";
}

Result<Type> parse_type(std::string_view text) {
  std::string name = upper_trimmed(text);
  if (name.ends_with("[]")) {
    TM_TRY(Type element, parse_type(std::string_view(name).substr(0, name.size() - 2)));
    return Type::list_of(std::move(element));
  }
  std::string_view arguments;
  const std::size_t open = name.find('(');
  if (open != std::string::npos && name.ends_with(")")) {
    if (name.starts_with("STRUCT(") || name.starts_with("MAP(") || name.starts_with("ENUM(") ||
        name.starts_with("UNION(")) {
      return Type::engine(std::string(text));
    }
    arguments = std::string_view(name).substr(open + 1, name.size() - open - 2);
  }
  const std::string base = upper_trimmed(std::string_view(name).substr(0, open));
  for (const KindName& known : kind_names) {
    if (known.name != base) continue;
    if (known.kind == TypeKind::decimal) return parse_decimal(text, arguments);
    return Type::of(known.kind);
  }
  return unknown_type(text);
}

const std::vector<Type>& type_examples() {
  using enum TypeKind;
  static const std::vector<Type> examples{Type::of(boolean),
                                          Type::of(int8),
                                          Type::of(int16),
                                          Type::of(int32),
                                          Type::of(int64),
                                          Type::of(int128),
                                          Type::of(uint8),
                                          Type::of(uint16),
                                          Type::of(uint32),
                                          Type::of(uint64),
                                          Type::of(float32),
                                          Type::of(float64),
                                          Type::decimal(15, 2),
                                          Type::of(varchar),
                                          Type::of(json),
                                          Type::of(blob),
                                          Type::of(uuid),
                                          Type::of(date),
                                          Type::of(time),
                                          Type::of(timetz),
                                          Type::of(timestamp),
                                          Type::of(timestamptz),
                                          Type::of(timestamp_ns),
                                          Type::of(interval),
                                          Type::list_of(Type::of(int32)),
                                          Type::engine("STRUCT(a INTEGER)")};
  return examples;
}

std::size_t fixed_width(const Type& type) {
  switch (type.kind) {
    case TypeKind::boolean:
    case TypeKind::int8:
    case TypeKind::uint8:
      return 1;
    case TypeKind::int16:
    case TypeKind::uint16:
      return 2;
    case TypeKind::int32:
    case TypeKind::uint32:
    case TypeKind::float32:
    case TypeKind::date:
      return 4;
    case TypeKind::int64:
    case TypeKind::uint64:
    case TypeKind::float64:
    case TypeKind::time:
    case TypeKind::timetz:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
      return 8;
    case TypeKind::int128:
    case TypeKind::uuid:
    case TypeKind::interval:
      return 16;
    case TypeKind::decimal:
      return type.width <= 4 ? 2 : type.width <= 9 ? 4 : type.width <= 18 ? 8 : 16;
    case TypeKind::varchar:
    case TypeKind::json:
    case TypeKind::blob:
    case TypeKind::list:
    case TypeKind::engine:
      return 0;
  }
  return 0;
}

}  // namespace tidemark
