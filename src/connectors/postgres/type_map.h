// How each type of PostgreSQL is read: the form of its values on the wire and the type they are
// staged as.
//
// One table, read by the code, by the tests and by the generated page of docs. Pure functions, any
// thread. A type that is not in the table is read as the exact text the server prints for it
// (`column::text`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/type.h"

namespace tidemark::postgres {

// The form of a value inside COPY ... (FORMAT binary), and so the decoder it needs.
enum class ValueForm : std::uint8_t {
  boolean,
  int2,
  int4,
  int8,
  oid,
  float4,
  float8,
  numeric_decimal,  // base-10000 digits, held as DECIMAL
  numeric_text,     // base-10000 digits, held as the text numeric_out prints
  text,
  jsonb,
  bytea,
  uuid,
  date,
  time,
  timetz,
  timestamp,  // with and without zone
  interval,
  array,
};

// A line of the table.
struct TypeRule {
  std::uint32_t oid = 0;
  std::uint32_t array_oid = 0;  // arrays of this type; 0: they are read as text
  std::string_view name;        // as PostgreSQL shows it
  ValueForm form = ValueForm::text;
  TypeKind kind = TypeKind::varchar;  // decimal: width and scale from the column, else varchar
  std::string_view remark;            // for the page of docs
};
const std::vector<TypeRule>& type_rules();

// A type as the catalog describes it, domains already resolved to what they are made of.
struct PostgresType {
  std::uint32_t oid = 0;
  std::int32_t modifier = -1;
  char category = 'X';            // pg_type.typtype: b, e (enum), c, r, m, ...
  std::uint32_t element_oid = 0;  // of an array type; 0 for others
  char element_category = 'b';
  std::string name;  // format_type(), for people
};

// How one column is read.
struct ColumnForm {
  ValueForm form = ValueForm::text;
  ValueForm element_form = ValueForm::text;  // array only
  std::uint32_t element_oid = 0;             // array only: what every value must say it holds
  bool cast_to_text = false;                 // the server is asked for `column::text`
  Type type;
};

// `declared` is the job's `columns:` entry. `varchar` takes any column as the server's text;
// `decimal(p,s)` holds a numeric whose own declaration has no bounds, or wider ones. Anything else
// is a user fault.
Result<ColumnForm> form_of(const PostgresType& type, const std::string& column,
                           const std::optional<std::string>& declared);

struct NumericBounds {
  int precision = 0;
  int scale = 0;
};
// What `numeric(p,s)` says; nothing for a numeric without bounds.
std::optional<NumericBounds> numeric_bounds(std::int32_t modifier);

}  // namespace tidemark::postgres
