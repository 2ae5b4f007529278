#include "connectors/postgres/type_map.h"

#include <algorithm>

namespace tidemark::postgres {
namespace {

constexpr std::uint32_t numeric_oid = 1700;
constexpr int decimal_digits_max = 38;

Type held_numeric(const std::optional<NumericBounds>& bounds) {
  if (!bounds || bounds->precision > decimal_digits_max || bounds->scale < 0 ||
      bounds->scale > bounds->precision) {
    return Type::of(TypeKind::varchar);
  }
  return Type::decimal(static_cast<std::uint8_t>(bounds->precision),
                       static_cast<std::uint8_t>(bounds->scale));
}

struct Scalar {
  ValueForm form;
  Type type;
};

// How a value that is not an array is read; nothing: as the server's text.
std::optional<Scalar> scalar_form(std::uint32_t oid, std::int32_t modifier, char category) {
  if (category == 'e')
    return Scalar{ValueForm::text, Type::of(TypeKind::varchar)};  // its bytes are the label
  if (oid == numeric_oid) {
    const Type held = held_numeric(numeric_bounds(modifier));
    return Scalar{
        held.kind == TypeKind::decimal ? ValueForm::numeric_decimal : ValueForm::numeric_text,
        held};
  }
  for (const TypeRule& rule : type_rules()) {
    if (rule.oid == oid) return Scalar{rule.form, Type::of(rule.kind)};
  }
  return std::nullopt;
}

ColumnForm text_form(bool cast) {
  return ColumnForm{ValueForm::text, ValueForm::text, 0, cast, Type::of(TypeKind::varchar)};
}

Result<ColumnForm> declared_form(const PostgresType& type, const std::string& column,
                                 const std::string& declared) {
  TM_TRY(const Type wanted, parse_type(declared));
  const std::optional<Scalar> own = scalar_form(type.oid, type.modifier, type.category);
  if (wanted.kind == TypeKind::varchar) {
    // char(n)::text would lose its blanks, so what is text on the wire is taken as it is.
    return text_form(!own || own->form != ValueForm::text);
  }
  if (wanted.kind == TypeKind::decimal && type.oid == numeric_oid) {
    return ColumnForm{ValueForm::numeric_decimal, ValueForm::text, 0, false, wanted};
  }
  TM_TRY(const ColumnForm plain, form_of(type, column, std::nullopt));
  if (plain.type == wanted) return plain;
  return user_error(
      "source.declared_type",
      "column " + column + " is " + type.name + " in PostgreSQL and cannot be read as " + declared,
      "declare `varchar` (the server's own text) or, for a numeric, `decimal(p,s)`; for other "
      "types "
      "use a `cast` step");
}

}  // namespace

const std::vector<TypeRule>& type_rules() {
  using enum ValueForm;
  static const std::vector<TypeRule> rules = {
      {16, 1000, "boolean", boolean, TypeKind::boolean, ""},
      {21, 1005, "smallint", int2, TypeKind::int16, ""},
      {23, 1007, "integer", int4, TypeKind::int32, ""},
      {20, 1016, "bigint", int8, TypeKind::int64, ""},
      {5069, 271, "xid8", int8, TypeKind::int64, ""},
      {26, 1028, "oid", oid, TypeKind::uint32, ""},
      {700, 1021, "real", float4, TypeKind::float32, "NaN, infinities and -0 as they are"},
      {701, 1022, "double precision", float8, TypeKind::float64,
       "NaN, infinities and -0 as they are"},
      {1700, 1231, "numeric", numeric_decimal, TypeKind::decimal,
       "NaN and infinities go to quarantine"},
      {25, 1009, "text", text, TypeKind::varchar, "bytes that are not UTF-8 go to quarantine"},
      {1043, 1015, "character varying", text, TypeKind::varchar, ""},
      {1042, 1014, "character", text, TypeKind::varchar, "blanks at the end are kept"},
      {19, 1003, "name", text, TypeKind::varchar, ""},
      {114, 199, "json", text, TypeKind::json, "the text as written"},
      {3802, 3807, "jsonb", jsonb, TypeKind::json,
       "the text PostgreSQL prints, all digits of numbers kept"},
      {17, 1001, "bytea", bytea, TypeKind::blob, ""},
      {2950, 2951, "uuid", uuid, TypeKind::uuid, ""},
      {1082, 1182, "date", date, TypeKind::date, "BC and infinities as they are"},
      {1083, 1183, "time without time zone", time, TypeKind::time, "24:00 as it is"},
      {1266, 1270, "time with time zone", timetz, TypeKind::timetz, "the offset is kept"},
      {1114, 1115, "timestamp without time zone", timestamp, TypeKind::timestamp,
       "BC and infinities as they are; after 294247-01-10 to quarantine"},
      {1184, 1185, "timestamp with time zone", timestamp, TypeKind::timestamptz,
       "BC and infinities as they are; after 294247-01-10 to quarantine"},
      {1186, 1187, "interval", interval, TypeKind::interval,
       "months, days and microseconds apart; an infinite one goes to quarantine"},
  };
  return rules;
}

std::optional<NumericBounds> numeric_bounds(std::int32_t modifier) {
  if (modifier < 4) return std::nullopt;
  const std::int32_t packed = modifier - 4;
  // The scale is eleven bits with a sign since PostgreSQL 15; before, it was never negative.
  return NumericBounds{(packed >> 16) & 0xffff, ((packed & 0x7ff) ^ 0x400) - 0x400};
}

Result<ColumnForm> form_of(const PostgresType& type, const std::string& column,
                           const std::optional<std::string>& declared) {
  if (declared) return declared_form(type, column, *declared);
  if (const auto own = scalar_form(type.oid, type.modifier, type.category)) {
    return ColumnForm{own->form, ValueForm::text, 0, false, own->type};
  }
  // int2vector and oidvector have elements too, but count from 0, which no LIST can say.
  const bool true_array =
      std::any_of(type_rules().begin(), type_rules().end(),
                  [&](const TypeRule& rule) { return rule.array_oid == type.oid; });
  if (type.element_oid != 0 && (true_array || type.element_category == 'e')) {
    if (const auto element = scalar_form(type.element_oid, type.modifier, type.element_category)) {
      return ColumnForm{ValueForm::array, element->form, type.element_oid, false,
                        Type::list_of(element->type)};
    }
  }
  return text_form(true);
}

}  // namespace tidemark::postgres
