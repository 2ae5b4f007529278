#include "transform/cast.h"

#include <algorithm>

namespace tidemark {

namespace {

// Within a family the engine casts both ways, so a round trip shows whether a value survived.
enum class Family { number, instant, clock, other };

Family family(const Type& type) {
  switch (type.kind) {
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
    case TypeKind::float32:
    case TypeKind::float64:
    case TypeKind::decimal:
      return Family::number;
    case TypeKind::date:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
      return Family::instant;
    case TypeKind::time:
    case TypeKind::timetz:
      return Family::clock;
    case TypeKind::varchar:
    case TypeKind::json:
    case TypeKind::blob:
    case TypeKind::uuid:
    case TypeKind::interval:
    case TypeKind::list:
    case TypeKind::engine:
      return Family::other;
  }
  return Family::other;
}

std::string matches(const std::string& value, const std::string& pattern) {
  return "regexp_matches(" + value + ", " + duck::quote_text(pattern) + ")";
}

std::string is_not(const std::string& value, const std::string& pattern) {
  return "NOT regexp_full_match(" + value + ", " + duck::quote_text("\\s*" + pattern + "\\s*") +
         ")";
}

// Digits past the last one the type keeps.
std::string finer_than(const std::string& value, int places) {
  return matches(value, "\\.[0-9]{" + std::to_string(places) + "}[0-9]*[1-9]");
}

// An offset other than zero after a time of day; the engine reads over it.
std::string has_offset(const std::string& value) {
  return matches(value, ":[0-9][0-9.]*\\s*[+-][0-9:]*[1-9]");
}

// What the engine changes without a word when it reads text; nothing for types it reads in other
// ways.
std::optional<std::string> text_changed(const std::string& value, const Type& to,
                                        const std::string& cast) {
  switch (to.kind) {
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::int128:
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
    case TypeKind::uint64:
      return is_not(value, "[+-]?[0-9]+(\\.0*)?");
    case TypeKind::decimal: {
      const std::string scale = std::to_string(to.scale);
      std::string digits = "[0-9]+(\\.[0-9]{0," + scale + "}0*)?";
      if (to.scale > 0) digits = "(" + digits + "|\\.[0-9]{1," + scale + "}0*)";
      return is_not(value, "[+-]?" + digits);
    }
    case TypeKind::float32:
    case TypeKind::float64:
      return "(isinf(" + cast + ") AND NOT " + matches(value, "(?i)inf") + ") OR (" + cast +
             " = 0 AND " + matches(value, "^[^eE]*[1-9]") + ")";
    case TypeKind::date:
      return has_offset(value) + " OR TRY_CAST(" + value + " AS TIMESTAMP) <> TRY_CAST(" + cast +
             " AS TIMESTAMP)";
    case TypeKind::timestamp:
      return has_offset(value) + " OR " + finer_than(value, 6);
    case TypeKind::timestamp_ns:
      return has_offset(value) + " OR " + finer_than(value, 9);
    case TypeKind::time:
      return matches(value, "[0-9]-[0-9]") + " OR " + finer_than(value, 6);
    case TypeKind::timetz:
    case TypeKind::timestamptz:
    case TypeKind::interval:
      return finer_than(value, 6);
    case TypeKind::boolean:
    case TypeKind::varchar:
    case TypeKind::json:
    case TypeKind::blob:
    case TypeKind::uuid:
      return "";
    case TypeKind::list:
      return std::nullopt;
    case TypeKind::engine:
      if (to.engine_name.starts_with("ENUM")) return "";
      return std::nullopt;
  }
  return std::nullopt;
}

struct PlannedCast {
  std::string column;
  std::string temporary;
  ExactCast exact;
  Type from;
  Type to;
};

CompiledStep build(const std::vector<PlannedCast>& casts, CompiledStep compiled,
                   const StepInput& step) {
  std::string values;
  std::string reject = "CASE WHEN rows._tm_reject IS NOT NULL THEN rows._tm_reject";
  std::vector<ColumnValue> columns;
  std::vector<std::string> gone;
  for (const PlannedCast& planned : casts) {
    const std::string value = "rows." + duck::quote_name(planned.column);
    values += ", " + planned.exact.cast + " AS " + planned.temporary;
    std::string broken = "rows." + planned.temporary + " IS NULL";
    if (!planned.exact.changed.empty())
      broken = "(" + broken + " OR (" + planned.exact.changed + "))";
    const std::string message = "concat(" + duck::quote_text(planned.column + " = ") + ", " +
                                shown_sql(value, planned.from) + ", " +
                                duck::quote_text(" cannot be held as " + sql_name(planned.to)) +
                                ")";
    reject += " WHEN " + value + " IS NOT NULL AND " + broken + " THEN " +
              reject_sql(step.number, "cast " + planned.column, planned.column, message);
    columns.push_back({planned.column, "rows." + planned.temporary, true});
    gone.push_back(planned.temporary);
  }
  const std::string tried = step_relation(step.number, "_try");
  compiled.queries.push_back({tried, "SELECT *" + values + " FROM " + step.input + " AS rows"});
  compiled.queries.push_back(
      {step_relation(step.number), extend_sql(tried, columns, reject + " END", gone)});
  return compiled;
}

}  // namespace

std::optional<ExactCast> exact_cast(const std::string& value, const Type& from, const Type& to,
                                    const std::string& cast) {
  ExactCast exact{"TRY_CAST(" + value + " AS " + sql_name(to) + ")", ""};
  if (from == to || to.kind == TypeKind::varchar) return exact;
  if (from.kind == TypeKind::varchar) {
    const auto changed = text_changed(value, to, cast);
    if (!changed) return std::nullopt;
    exact.changed = *changed;
    return exact;
  }
  const bool lists = from.kind == TypeKind::list && to.kind == TypeKind::list &&
                     family(*from.element) != Family::other &&
                     family(*from.element) == family(*to.element);
  if (!lists && (family(from) == Family::other || family(from) != family(to))) return std::nullopt;
  exact.changed = "TRY_CAST(" + cast + " AS " + sql_name(from) + ") IS DISTINCT FROM " + value;
  return exact;
}

std::optional<CompiledStep> compile_cast(const CastStep& spec, const StepInput& step) {
  CompiledStep compiled;
  compiled.number = step.number;
  compiled.kind = "cast";
  compiled.row_wise = true;
  compiled.out = step.in;
  std::vector<PlannedCast> casts;
  bool good = true;
  for (const DeclaredColumn& declared : spec.columns) {
    compiled.label += (compiled.label.empty() ? "cast " : ", ") + declared.name.value;
    const auto at = require_column(step, declared.name);
    auto type = parse_type(declared.type.value);
    if (!type.ok())
      step.faults.add(step.file, declared.type.at, type.error().message, type.error().hint);
    if (!at || !type.ok()) {
      good = false;
      continue;
    }
    const Column& column = step.in.columns[*at];
    const std::string temporary = "_tm_cast_" + std::to_string(*at);
    const bool twice = std::any_of(casts.begin(), casts.end(), [&](const PlannedCast& other) {
      return other.temporary == temporary;
    });
    const auto exact = exact_cast("rows." + duck::quote_name(column.name), column.type, *type,
                                  "rows." + temporary);
    if (twice || !exact) {
      step.faults.add(step.file, declared.type.at,
                      twice ? "the column `" + column.name + "` is cast twice in one step"
                            : "no cast from " + sql_name(column.type) + " to " + sql_name(*type) +
                                  " keeps every value of `" + column.name + "`",
                      twice ? "" : "compute it with `derive`");
      good = false;
      continue;
    }
    casts.push_back({column.name, temporary, *exact, column.type, *type});
    put_column(compiled.out, column.name, *type);
  }
  if (!good) return std::nullopt;
  return build(casts, std::move(compiled), step);
}

}  // namespace tidemark
