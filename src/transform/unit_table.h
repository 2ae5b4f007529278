// The unit table: every unit `units` knows, and how values go from one to another.
//
// Factors are those of NIST Special Publication 811 (2008), appendix B, and of the SI Brochure (9th
// edition); they are kept as exact fractions wherever the unit is defined by one, so that a
// conversion is rounded once. Constant data; pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

enum class Dimension {
  length,
  mass,
  temperature,
  speed,
  pressure,
  volume,
  area,
  energy,
  power,
  time,
  data,
  angle,
};
std::string_view to_string(Dimension dimension);

// A fraction in lowest terms; the denominator is positive.
struct Fraction {
  __int128 numerator = 0;
  __int128 denominator = 1;
};

struct Unit {
  std::string_view symbol;
  std::string_view singular;
  std::string_view plural;
  Dimension dimension;
  // value in the base unit = factor * value + offset
  Fraction factor;
  Fraction offset;
  // False where the factor is no fraction (angles: multiples of pi); it is then the nearest
  // double's digits.
  bool exact = true;
};

// By symbol (case matters: `mW` is not `MW`), else by English name, singular or plural, without
// case.
const Unit* find_unit(std::string_view name);
// All symbols and names, for the nearest word and the docs page.
const std::vector<Unit>& all_units();
std::vector<std::string> unit_names();

// target = scale * source + shift. REQUIRES units of one dimension. `exact` is false where a factor
// is, or where the fractions outgrow 128 bits (the doubles are good all the same).
struct Conversion {
  Fraction scale;
  Fraction shift;
  double scale_value = 1;
  double shift_value = 0;
  bool exact = true;
};
Conversion conversion(const Unit& from, const Unit& to);

// The digits of a fraction that ends, e.g. `1.609344`; nothing when it does not end within 18
// places.
std::optional<std::string> finite_decimal(const Fraction& fraction);

}  // namespace tidemark
