#include "connectors/mysql/type_map.h"

namespace tidemark::mysql {
namespace {

constexpr int decimal_digits_max = 38;

Type integer_type(const Field& field) {
  switch (field.bytes) {
    case 1:
      return Type::of(field.is_unsigned ? TypeKind::uint8 : TypeKind::int8);
    case 2:
      return Type::of(field.is_unsigned ? TypeKind::uint16 : TypeKind::int16);
    case 8:
      return Type::of(field.is_unsigned ? TypeKind::uint64 : TypeKind::int64);
    default:
      return Type::of(field.is_unsigned ? TypeKind::uint32 : TypeKind::int32);
  }
}

struct Own {
  ValueForm form;
  Type type;
};

Own decimal_form(const Field& field) {
  if (field.precision < 1 || field.precision > decimal_digits_max || field.scale > field.precision)
    return {ValueForm::as_text, Type::of(TypeKind::varchar)};
  return {ValueForm::decimal, Type::decimal(static_cast<std::uint8_t>(field.precision),
                                            static_cast<std::uint8_t>(field.scale))};
}

// How a column is read when the job does not say; nothing: not without a word of the job.
std::optional<Own> own_form(const Field& field) {
  switch (field.type) {
    case FieldType::integer:
      return Own{ValueForm::integer, integer_type(field)};
    case FieldType::year:
      return Own{ValueForm::integer, Type::of(TypeKind::int16)};
    case FieldType::bit:
      if (field.length == 1) return Own{ValueForm::boolean, Type::of(TypeKind::boolean)};
      return Own{ValueForm::bits, Type::of(TypeKind::uint64)};
    case FieldType::float32:
      return Own{ValueForm::float32, Type::of(TypeKind::float32)};
    case FieldType::float64:
      return Own{ValueForm::float64, Type::of(TypeKind::float64)};
    case FieldType::decimal:
      return decimal_form(field);
    case FieldType::date:
      return Own{ValueForm::date, Type::of(TypeKind::date)};
    case FieldType::time:
      return Own{ValueForm::interval, Type::of(TypeKind::interval)};
    case FieldType::datetime:
      return Own{ValueForm::timestamp, Type::of(TypeKind::timestamp)};
    case FieldType::timestamp:
      return Own{ValueForm::timestamp, Type::of(TypeKind::timestamptz)};
    case FieldType::text:
    case FieldType::enumeration:
    case FieldType::set:
      return Own{ValueForm::text, Type::of(TypeKind::varchar)};
    case FieldType::json:
      return Own{ValueForm::text, Type::of(TypeKind::json)};
    case FieldType::binary:
      return Own{ValueForm::blob, Type::of(TypeKind::blob)};
    case FieldType::uuid:
      return Own{ValueForm::uuid, Type::of(TypeKind::uuid)};
    case FieldType::geometry:
    case FieldType::other:
      break;
  }
  return std::nullopt;
}

Error not_readable(const Field& field) {
  const bool spatial = field.type == FieldType::geometry;
  return user_error(
      "source.type_unsupported",
      "column " + field.name + " is " + type_name(field) + ", which the engine has no type for",
      spatial ? "declare it in `columns` of the job's `from`: `varchar` (well-known text, without "
                "its SRID) or `blob` (the bytes as MySQL keeps them)"
              : "leave it out by a `query`, or cast it there to a type that is known");
}

std::optional<ColumnForm> declared_form(const Field& field, const Type& wanted) {
  const bool is_float = field.type == FieldType::float32 || field.type == FieldType::float64;
  if (wanted.kind == TypeKind::varchar && field.type == FieldType::geometry)
    return ColumnForm{ValueForm::text, wanted, field, true};
  // The server would round a float that it prints.
  if (wanted.kind == TypeKind::varchar && !is_float && field.type != FieldType::other)
    return ColumnForm{ValueForm::as_text, wanted, field};
  if (wanted.kind == TypeKind::blob && field.type == FieldType::geometry)
    return ColumnForm{ValueForm::blob, wanted, field};
  if (wanted.kind == TypeKind::decimal && field.type == FieldType::decimal)
    return ColumnForm{ValueForm::decimal, wanted, field};
  if (wanted.kind == TypeKind::time && field.type == FieldType::time)
    return ColumnForm{ValueForm::time_of_day, wanted, field};
  if (wanted.kind == TypeKind::boolean && field.type == FieldType::integer && field.bytes == 1)
    return ColumnForm{ValueForm::boolean, wanted, field};
  if (const auto own = own_form(field); own && own->type == wanted)
    return ColumnForm{own->form, wanted, field};
  return std::nullopt;
}

Field example(FieldType type, int bytes = 0, bool is_unsigned = false) {
  Field field;
  field.name = "c";
  field.type = type;
  field.bytes = bytes;
  field.is_unsigned = is_unsigned;
  return field;
}

Field decimal_example(int precision, int scale) {
  Field field = example(FieldType::decimal);
  field.precision = precision;
  field.scale = scale;
  return field;
}

Field bits_example(std::uint64_t length) {
  Field field = example(FieldType::bit);
  field.length = length;
  return field;
}

}  // namespace

const std::vector<TypeRule>& type_rules() {
  using enum FieldType;
  static const std::vector<TypeRule> rules = {
      {"tinyint", example(integer, 1), "also `boolean`; `columns: {name: boolean}` reads 0 and 1"},
      {"tinyint unsigned", example(integer, 1, true), ""},
      {"smallint", example(integer, 2), ""},
      {"smallint unsigned", example(integer, 2, true), ""},
      {"mediumint", example(integer, 3), ""},
      {"mediumint unsigned", example(integer, 3, true), ""},
      {"int", example(integer, 4), ""},
      {"int unsigned", example(integer, 4, true), ""},
      {"bigint", example(integer, 8), ""},
      {"bigint unsigned", example(integer, 8, true), ""},
      {"year", example(year), ""},
      {"bit(1)", bits_example(1), ""},
      {"bit(64)", bits_example(64), "the number that the bits are"},
      {"float", example(float32), "bit by bit"},
      {"double", example(float64), "bit by bit"},
      {"decimal(15,2)", decimal_example(15, 2), "to 38 digits"},
      {"decimal(65,30)", decimal_example(65, 30),
       "more than 38 digits: exact text; `columns: {name: decimal(p,s)}` reads it as a number"},
      {"date", example(date), "`0000-00-00` and other days that do not exist go to quarantine"},
      {"datetime", example(datetime), "the same"},
      {"timestamp", example(timestamp), "the same; the moment in UTC"},
      {"time", example(time),
       "a duration from -838:59:59 to 838:59:59; `columns: {name: time}` reads a time of day, and "
       "what is none goes to quarantine"},
      {"char", example(text), "any character set, as UTF-8; MySQL takes blanks at the end away"},
      {"varchar", example(text), "any character set, as UTF-8"},
      {"text", example(text), "tinytext to longtext alike"},
      {"enum", example(enumeration), "its label"},
      {"set", example(set), "its labels, with commas"},
      {"json", example(json), "the text as the server gives it"},
      {"uuid", example(uuid), "MariaDB only"},
      {"binary", example(binary), "with the zero bytes that MySQL fills it up with"},
      {"varbinary", example(binary), ""},
      {"blob", example(binary), "tinyblob to longblob alike"},
      {"geometry", example(geometry),
       "refused, unless `columns` declares `varchar` (well-known text) or `blob`"},
  };
  return rules;
}

std::string type_name(const Field& field) {
  switch (field.type) {
    case FieldType::integer: {
      const char* names[] = {"", "tinyint", "smallint", "mediumint", "int"};
      return std::string(field.bytes == 8 ? "bigint" : names[field.bytes]) +
             (field.is_unsigned ? " unsigned" : "");
    }
    case FieldType::decimal:
      return "decimal(" + std::to_string(field.precision) + "," + std::to_string(field.scale) + ")";
    case FieldType::bit:
      return "bit(" + std::to_string(field.length) + ")";
    case FieldType::time:
    case FieldType::datetime:
    case FieldType::timestamp: {
      const char* name = field.type == FieldType::time       ? "time"
                         : field.type == FieldType::datetime ? "datetime"
                                                             : "timestamp";
      return name + (field.scale > 0 ? "(" + std::to_string(field.scale) + ")" : std::string());
    }
    case FieldType::other:
      return "of a type that is not known here";
    default:
      break;
  }
  for (const TypeRule& rule : type_rules()) {
    if (rule.field.type == field.type) return std::string(rule.name);
  }
  return "unknown";
}

Result<ColumnForm> form_of(const Field& field, const std::optional<std::string>& declared) {
  if (declared) {
    TM_TRY(const Type wanted, parse_type(*declared));
    if (auto form = declared_form(field, wanted)) return *std::move(form);
    return user_error(
        "source.declared_type",
        "column " + field.name + " is " + type_name(field) + " in MySQL and cannot be read as " +
            *declared,
        "declare `varchar` (text), `decimal(p,s)` for a decimal, `time` for a time or "
        "`boolean` for a tinyint; for other types use a `cast` step");
  }
  if (auto own = own_form(field)) return ColumnForm{own->form, own->type, field};
  return not_readable(field);
}

}  // namespace tidemark::mysql
