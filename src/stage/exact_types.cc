#include "stage/exact_types.h"

#include <string_view>

namespace tidemark {

namespace {

// How one kind of value is stored.
enum class Form {
  same,            // Parquet has it
  text,            // as the engine prints it, which it reads back to the same value
  interval_parts,  // the three integers: printed intervals overflow when read back
  cast_back,       // Parquet keeps the value but forgets the type's name
};

Form form_of(const Type& type) {
  switch (type.kind) {
    case TypeKind::int128:
    case TypeKind::timetz:
      return Form::text;
    case TypeKind::interval:
      return Form::interval_parts;
    case TypeKind::list:
      return form_of(*type.element);
    case TypeKind::engine:
      // Seconds lose their infinities in Parquet and 128 bits without sign become DOUBLE.
      if (type.engine_name == "UHUGEINT" || type.engine_name == "TIMESTAMP_S") return Form::text;
      return Form::cast_back;
    case TypeKind::boolean:
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
    case TypeKind::uint64:
    case TypeKind::float32:
    case TypeKind::float64:
    case TypeKind::decimal:
    case TypeKind::varchar:
    case TypeKind::json:
    case TypeKind::blob:
    case TypeKind::uuid:
    case TypeKind::date:
    case TypeKind::time:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
      return Form::same;
  }
  return Form::same;
}

// `VARCHAR`, or `VARCHAR[]` for a list, and so on down.
std::string list_of(const Type& type, std::string_view element) {
  if (type.kind != TypeKind::list) return std::string(element);
  return list_of(*type.element, element) + "[]";
}

std::string interval_parts(const Type& type, const std::string& expression, int depth) {
  if (type.kind == TypeKind::list) {
    const std::string name = "e" + std::to_string(depth);
    return "list_transform(" + expression + ", lambda " + name + ": " +
           interval_parts(*type.element, name, depth + 1) + ")";
  }
  const auto part = [&](const char* which) {
    return std::string("datepart('") + which + "', " + expression + ")";
  };
  return "CASE WHEN " + expression + " IS NULL THEN NULL ELSE struct_pack(months := (" +
         part("year") + " * 12 + " + part("month") + ")::INTEGER, days := " + part("day") +
         "::INTEGER, micros := " + part("hour") + " * 3600000000 + " + part("minute") +
         " * 60000000 + " + part("microsecond") + ") END";
}

std::string interval_whole(const Type& type, const std::string& expression, int depth) {
  if (type.kind == TypeKind::list) {
    const std::string name = "e" + std::to_string(depth);
    return "list_transform(" + expression + ", lambda " + name + ": " +
           interval_whole(*type.element, name, depth + 1) + ")";
  }
  const std::string part = "struct_extract(" + expression + ", '";
  return "to_months(" + part + "months')) + to_days(" + part + "days')) + to_microseconds(" + part +
         "micros'))";
}

// Names inside an engine type that Parquet would change where no cast reaches them.
bool hides_inexact_type(std::string_view name) {
  for (const std::string_view part :
       {"HUGEINT", "INTERVAL", "TIME WITH TIME ZONE", "UNION(", "TIMESTAMP_S"}) {
    std::size_t at = name.find(part);
    for (; at != std::string_view::npos; at = name.find(part, at + 1)) {
      // `TIMESTAMP WITH TIME ZONE` is exact and ends like the one that is not.
      if (part == "TIME WITH TIME ZONE" && at > 0 && name[at - 1] != ' ' && name[at - 1] != '(')
        continue;
      return true;
    }
  }
  return false;
}

}  // namespace

Status check_storable(const Type& type) {
  if (type.kind == TypeKind::list) return check_storable(*type.element);
  if (type.kind != TypeKind::engine || form_of(type) == Form::text) return {};
  if (!hides_inexact_type(type.engine_name)) return {};
  return user_error("stage.type_not_exact",
                    "the type " + type.engine_name + " cannot be staged exactly",
                    "cast it to VARCHAR or take its parts apart in the job's query");
}

std::string stored_name(const std::string& name) {
  std::string lower = name;
  for (char& c : lower)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  const bool is_of_scan =
      lower == "filename" || lower == "file_row_number" || lower == "file_index";
  return is_of_scan ? "_tm_" + name : name;
}

std::string stored_form(const Type& type, const std::string& expression) {
  switch (form_of(type)) {
    case Form::same:
    case Form::cast_back:
      return expression;
    case Form::text:
      return "CAST(" + expression + " AS " + list_of(type, "VARCHAR") + ")";
    case Form::interval_parts:
      return interval_parts(type, expression, 0);
  }
  return expression;
}

std::string restored_form(const Type& type, const std::string& expression) {
  switch (form_of(type)) {
    case Form::same:
      return expression;
    case Form::text:
    case Form::cast_back:
      return "CAST(" + expression + " AS " + sql_name(type) + ")";
    case Form::interval_parts:
      return interval_whole(type, expression, 0);
  }
  return expression;
}

}  // namespace tidemark
