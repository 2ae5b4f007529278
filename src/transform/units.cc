#include "transform/units.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/nearest.h"

namespace tidemark {

namespace {

// Decimal digits before and after the point that hold every value of an exact number type.
struct Digits {
  int width = 0;
  int scale = 0;
};

std::optional<Digits> digits_of(const Type& type) {
  switch (type.kind) {
    case TypeKind::int8:
    case TypeKind::uint8:
      return Digits{3, 0};
    case TypeKind::int16:
    case TypeKind::uint16:
      return Digits{5, 0};
    case TypeKind::int32:
    case TypeKind::uint32:
      return Digits{10, 0};
    case TypeKind::int64:
      return Digits{19, 0};
    case TypeKind::uint64:
      return Digits{20, 0};
    case TypeKind::decimal:
      return Digits{type.width, type.scale};
    default:
      return std::nullopt;
  }
}

bool is_number(const Type& type) {
  return digits_of(type) || type.kind == TypeKind::int128 || type.kind == TypeKind::float32 ||
         type.kind == TypeKind::float64;
}

Digits digits_of(const std::string& decimal) {
  const std::size_t sign = decimal.starts_with('-') ? 1 : 0;
  const std::size_t point = decimal.find('.');
  if (point == std::string::npos) return {static_cast<int>(decimal.size() - sign), 0};
  const int scale = static_cast<int>(decimal.size() - point - 1);
  const int whole = static_cast<int>(point - sign);
  return {(decimal[sign] == '0' && whole == 1 ? 0 : whole) + scale, scale};
}

std::optional<ConvertedValue> exact_value(const std::string& value, const Type& type,
                                          const Conversion& conversion) {
  const auto digits = digits_of(type);
  if (!digits || !conversion.exact) return std::nullopt;
  const auto scale = finite_decimal(conversion.scale);
  const auto shift = finite_decimal(conversion.shift);
  if (!scale || !shift) return std::nullopt;
  const Digits scale_digits = digits_of(*scale);
  const Digits product{digits->width + scale_digits.width, digits->scale + scale_digits.scale};
  Digits sum = product;
  const bool shifted = conversion.shift.numerator != 0;
  if (shifted) {
    const Digits shift_digits = digits_of(*shift);
    const int whole =
        std::max(product.width - product.scale, shift_digits.width - shift_digits.scale) + 1;
    sum.scale = std::max(product.scale, shift_digits.scale);
    sum.width = whole + sum.scale;
  }
  if (sum.width > 38) return std::nullopt;
  const auto decimal = [](const std::string& sql, const Digits& of) {
    return fmt::format("CAST({} AS DECIMAL({},{}))", sql, of.width, of.scale);
  };
  std::string sql = decimal(value, *digits);
  if (conversion.scale.numerator != conversion.scale.denominator) {
    sql = decimal(sql + " * " + decimal("'" + *scale + "'", scale_digits), product);
  }
  if (shifted) sql = decimal(sql, sum) + " + " + decimal("'" + *shift + "'", sum);
  return ConvertedValue{decimal(sql, sum), Type::decimal(static_cast<std::uint8_t>(sum.width),
                                                         static_cast<std::uint8_t>(sum.scale))};
}

// Both parts of a fraction below 2^53 are doubles themselves, and two operations on them are nearer
// than one with a rounded factor: 1 mile is 25146/15625 km.
bool parts_are_doubles(const Fraction& fraction) {
  constexpr __int128 limit = static_cast<__int128>(1) << 53;
  return fraction.numerator < limit && fraction.numerator > -limit && fraction.denominator < limit;
}

std::string wide_text(__int128 value) {
  return fmt::format("{}", value);
}

std::string double_value(const std::string& value, const Conversion& conversion) {
  std::string sql = "CAST(" + value + " AS DOUBLE)";
  if (conversion.exact && parts_are_doubles(conversion.scale) &&
      parts_are_doubles(conversion.shift)) {
    const auto number = [](__int128 part) { return "CAST(" + wide_text(part) + " AS DOUBLE)"; };
    // (x * n / d) + (p / q), over one denominator where the shift has the same: (x - 32) * 5 / 9.
    const Fraction& scale = conversion.scale;
    const Fraction& shift = conversion.shift;
    const __int128 common = shift.numerator * scale.denominator;
    const __int128 below = shift.denominator * scale.numerator;
    if (shift.numerator != 0 && below != 0 && common % below == 0) {
      sql = "(" + sql + " + " + number(common / below) + ")";
    }
    if (scale.numerator != 1) sql += " * " + number(scale.numerator);
    if (scale.denominator != 1) sql += " / " + number(scale.denominator);
    if (shift.numerator != 0 && common % below != 0) {
      sql = "(" + sql + ") + " + number(shift.numerator) + " / " + number(shift.denominator);
    }
    return sql;
  }
  sql += fmt::format(" * CAST('{:.17g}' AS DOUBLE)", conversion.scale_value);
  if (conversion.shift_value != 0)
    sql += fmt::format(" + CAST('{:.17g}' AS DOUBLE)", conversion.shift_value);
  return sql;
}

const Unit* require_unit(const StepInput& step, const Name& name) {
  if (const Unit* unit = find_unit(name.value)) return unit;
  const auto near = nearest_word(name.value, unit_names());
  step.faults.add(step.file, name.at, "there is no unit `" + name.value + "`",
                  near ? "did you mean `" + *near + "`?"
                       : "write a symbol or an English name, e.g. `km` or `miles`");
  return nullptr;
}

}  // namespace

std::optional<ConvertedValue> convert_sql(const std::string& value, const Type& type,
                                          const Conversion& conversion) {
  if (!is_number(type)) return std::nullopt;
  if (auto exact = exact_value(value, type, conversion)) return exact;
  return ConvertedValue{double_value(value, conversion), Type::of(TypeKind::float64)};
}

std::optional<CompiledStep> compile_units(const UnitsStep& spec, const StepInput& step) {
  CompiledStep compiled;
  compiled.number = step.number;
  compiled.kind = "units";
  compiled.row_wise = true;
  compiled.out = step.in;
  std::vector<ColumnValue> columns;
  std::vector<std::string> changed;
  bool good = true;
  for (const UnitChange& change : spec.changes) {
    compiled.label += (compiled.label.empty() ? "units " : ", ") + change.column.value;
    const auto at = require_column(step, change.column);
    const Unit* from = require_unit(step, change.from);
    const Unit* to = require_unit(step, change.to);
    if (!at || from == nullptr || to == nullptr) {
      good = false;
      continue;
    }
    if (from->dimension != to->dimension) {
      step.faults.add(
          step.file, change.to.at,
          fmt::format("`{}` is a unit of {} and `{}` of {}", change.from.value,
                      to_string(from->dimension), change.to.value, to_string(to->dimension)));
      good = false;
      continue;
    }
    const Column& column = step.in.columns[*at];
    const auto value =
        convert_sql("rows." + duck::quote_name(column.name), column.type, conversion(*from, *to));
    if (!value) {
      step.faults.add(
          step.file, change.column.at,
          "`" + change.column.value + "` is " + sql_name(column.type) + ", no number",
          "put a `cast` step before `units`, e.g. `cast: {" + change.column.value + ": double}`");
      good = false;
      continue;
    }
    if (change.as && !require_free(step, compiled.out, *change.as)) {
      good = false;
      continue;
    }
    const std::string name = change.as ? change.as->value : column.name;
    if (std::find(changed.begin(), changed.end(), name) != changed.end()) {
      step.faults.add(step.file, change.column.at,
                      "the column `" + name + "` is converted twice in one step");
      good = false;
      continue;
    }
    changed.push_back(name);
    columns.push_back({name, value->sql, !change.as.has_value()});
    put_column(compiled.out, name, value->type);
  }
  if (!good) return std::nullopt;
  compiled.queries.push_back({step_relation(step.number), extend_sql(step.input, columns, "", {})});
  return compiled;
}

}  // namespace tidemark
