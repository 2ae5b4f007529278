#include "transform/unit_table.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "base/assert.h"

namespace tidemark {

namespace {

using Wide = __int128;

Wide absolute(Wide value) {
  return value < 0 ? -value : value;
}

Wide divisor_of(Wide a, Wide b) {
  a = absolute(a);
  b = absolute(b);
  while (b != 0) {
    const Wide rest = a % b;
    a = b;
    b = rest;
  }
  return a == 0 ? 1 : a;
}

Fraction reduced(Wide numerator, Wide denominator) {
  const Wide common = divisor_of(numerator, denominator);
  const Wide sign = denominator < 0 ? -1 : 1;
  return {sign * numerator / common, sign * denominator / common};
}

std::optional<Fraction> product(const Fraction& a, const Fraction& b) {
  const Fraction left = reduced(a.numerator, b.denominator);
  const Fraction right = reduced(b.numerator, a.denominator);
  Wide numerator = 0;
  Wide denominator = 0;
  if (__builtin_mul_overflow(left.numerator, right.numerator, &numerator) ||
      __builtin_mul_overflow(left.denominator, right.denominator, &denominator)) {
    return std::nullopt;
  }
  return reduced(numerator, denominator);
}

std::optional<Fraction> difference(const Fraction& a, const Fraction& b) {
  Wide left = 0;
  Wide right = 0;
  Wide numerator = 0;
  Wide denominator = 0;
  if (__builtin_mul_overflow(a.numerator, b.denominator, &left) ||
      __builtin_mul_overflow(b.numerator, a.denominator, &right) ||
      __builtin_sub_overflow(left, right, &numerator) ||
      __builtin_mul_overflow(a.denominator, b.denominator, &denominator)) {
    return std::nullopt;
  }
  return reduced(numerator, denominator);
}

Fraction inverse(const Fraction& fraction) {
  return fraction.numerator < 0 ? Fraction{-fraction.denominator, -fraction.numerator}
                                : Fraction{fraction.denominator, fraction.numerator};
}

double value_of(const Fraction& fraction) {
  return static_cast<double>(static_cast<long double>(fraction.numerator) /
                             static_cast<long double>(fraction.denominator));
}

// `1.609344`, `1e-9`, `5/9`: an exact fraction from the digits a definition is printed with.
Fraction exactly(std::string_view text) {
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    const auto quotient =
        product(exactly(text.substr(0, slash)), inverse(exactly(text.substr(slash + 1))));
    TM_ASSERT(quotient.has_value());
    return *quotient;
  }
  Wide digits = 0;
  int places = 0;
  bool after_point = false;
  std::size_t at = 0;
  for (; at < text.size() && text[at] != 'e'; ++at) {
    if (text[at] == '.') {
      after_point = true;
      continue;
    }
    digits = digits * 10 + (text[at] - '0');
    if (after_point) ++places;
  }
  if (at < text.size()) {
    int exponent = 0;
    const bool negative = text[at + 1] == '-';
    for (at += negative ? 2 : 1; at < text.size(); ++at)
      exponent = exponent * 10 + (text[at] - '0');
    places -= negative ? -exponent : exponent;
  }
  Wide denominator = 1;
  for (; places > 0; --places)
    denominator *= 10;
  for (; places < 0; ++places)
    digits *= 10;
  return reduced(digits, denominator);
}

Unit unit(Dimension dimension, std::string_view symbol, std::string_view singular,
          std::string_view plural, std::string_view factor, std::string_view offset = "0",
          bool exact = true) {
  return {symbol, singular, plural, dimension, exactly(factor), exactly(offset), exact};
}

void add_mechanics(std::vector<Unit>& all) {
  using enum Dimension;
  // NIST SP 811, B.8: the international foot is 0.3048 m and the avoirdupois pound 0.45359237 kg,
  // exactly.
  all.insert(all.end(),
             {unit(length, "m", "metre", "metres", "1"),
              unit(length, "m", "meter", "meters", "1"),
              unit(length, "km", "kilometre", "kilometres", "1000"),
              unit(length, "km", "kilometer", "kilometers", "1000"),
              unit(length, "dm", "decimetre", "decimetres", "0.1"),
              unit(length, "dm", "decimeter", "decimeters", "0.1"),
              unit(length, "cm", "centimetre", "centimetres", "0.01"),
              unit(length, "cm", "centimeter", "centimeters", "0.01"),
              unit(length, "mm", "millimetre", "millimetres", "0.001"),
              unit(length, "mm", "millimeter", "millimeters", "0.001"),
              unit(length, "um", "micrometre", "micrometres", "1e-6"),
              unit(length, "um", "micrometer", "micrometers", "1e-6"),
              unit(length, "µm", "micron", "microns", "1e-6"),
              unit(length, "nm", "nanometre", "nanometres", "1e-9"),
              unit(length, "nm", "nanometer", "nanometers", "1e-9"),
              unit(length, "in", "inch", "inches", "0.0254"),
              unit(length, "ft", "foot", "feet", "0.3048"),
              unit(length, "yd", "yard", "yards", "0.9144"),
              unit(length, "mi", "mile", "miles", "1609.344"),
              unit(length, "nmi", "nautical mile", "nautical miles", "1852"),
              unit(length, "ftm", "fathom", "fathoms", "1.8288"),
              unit(length, "fur", "furlong", "furlongs", "201.168"),
              unit(length, "au", "astronomical unit", "astronomical units", "149597870700"),
              unit(length, "ly", "light year", "light years", "9460730472580800"),
              unit(mass, "kg", "kilogram", "kilograms", "1"),
              unit(mass, "g", "gram", "grams", "0.001"),
              unit(mass, "mg", "milligram", "milligrams", "1e-6"),
              unit(mass, "ug", "microgram", "micrograms", "1e-9"),
              unit(mass, "µg", "microgramme", "microgrammes", "1e-9"),
              unit(mass, "t", "tonne", "tonnes", "1000"),
              unit(mass, "t", "metric ton", "metric tons", "1000"),
              unit(mass, "lb", "pound", "pounds", "0.45359237"),
              unit(mass, "lbs", "lb", "lbs", "0.45359237"),
              unit(mass, "oz", "ounce", "ounces", "0.028349523125"),
              unit(mass, "oz t", "troy ounce", "troy ounces", "0.0311034768"),
              unit(mass, "st", "stone", "stones", "6.35029318"),
              unit(mass, "gr", "grain", "grains", "0.00006479891"),
              unit(mass, "ct", "carat", "carats", "0.0002"),
              unit(mass, "short tn", "short ton", "short tons", "907.18474"),
              unit(mass, "long tn", "long ton", "long tons", "1016.0469088"),
              unit(speed, "m/s", "metre per second", "metres per second", "1"),
              unit(speed, "m/s", "meter per second", "meters per second", "1"),
              unit(speed, "km/h", "kilometre per hour", "kilometres per hour", "1/3.6"),
              unit(speed, "km/h", "kilometer per hour", "kilometers per hour", "1/3.6"),
              unit(speed, "kph", "kph", "kph", "1/3.6"),
              unit(speed, "mph", "mile per hour", "miles per hour", "0.44704"),
              unit(speed, "kn", "knot", "knots", "1852/3600"),
              unit(speed, "kt", "kt", "kts", "1852/3600"),
              unit(speed, "ft/s", "foot per second", "feet per second", "0.3048"),
              unit(speed, "ft/min", "foot per minute", "feet per minute", "0.00508")});
}

void add_heat_and_pressure(std::vector<Unit>& all) {
  using enum Dimension;
  // NIST SP 811, 8.5 and B.8; the kelvin is the base, so offsets are those of the zero points.
  all.insert(
      all.end(),
      {unit(temperature, "K", "kelvin", "kelvins", "1"),
       unit(temperature, "°C", "degree Celsius", "degrees Celsius", "1", "273.15"),
       unit(temperature, "C", "celsius", "celsius", "1", "273.15"),
       unit(temperature, "degC", "centigrade", "centigrade", "1", "273.15"),
       unit(temperature, "°F", "degree Fahrenheit", "degrees Fahrenheit", "5/9", "45967/180"),
       unit(temperature, "F", "fahrenheit", "fahrenheit", "5/9", "45967/180"),
       unit(temperature, "degF", "degF", "degF", "5/9", "45967/180"),
       unit(temperature, "°R", "degree Rankine", "degrees Rankine", "5/9"),
       unit(temperature, "degR", "rankine", "rankine", "5/9"),
       unit(pressure, "Pa", "pascal", "pascals", "1"),
       unit(pressure, "hPa", "hectopascal", "hectopascals", "100"),
       unit(pressure, "kPa", "kilopascal", "kilopascals", "1000"),
       unit(pressure, "MPa", "megapascal", "megapascals", "1000000"),
       unit(pressure, "bar", "bar", "bars", "100000"),
       unit(pressure, "mbar", "millibar", "millibars", "100"),
       unit(pressure, "mb", "mb", "mb", "100"),
       unit(pressure, "atm", "atmosphere", "atmospheres", "101325"),
       unit(pressure, "Torr", "torr", "torrs", "101325/760"),
       // The conventional mercury: 13595.1 kg/m3 at 9.80665 m/s2.
       unit(pressure, "mmHg", "millimetre of mercury", "millimetres of mercury", "133.322387415"),
       unit(pressure, "mmHg", "millimeter of mercury", "millimeters of mercury", "133.322387415"),
       unit(pressure, "inHg", "inch of mercury", "inches of mercury", "3386.388640341"),
       // The pound-force is 0.45359237 kg * 9.80665 m/s2, the square inch 0.00064516 m2.
       unit(pressure, "psi", "pound per square inch", "pounds per square inch",
            "4.4482216152605/0.00064516"),
       unit(energy, "J", "joule", "joules", "1"),
       unit(energy, "kJ", "kilojoule", "kilojoules", "1000"),
       unit(energy, "MJ", "megajoule", "megajoules", "1000000"),
       unit(energy, "GJ", "gigajoule", "gigajoules", "1000000000"),
       unit(energy, "Wh", "watt hour", "watt hours", "3600"),
       unit(energy, "kWh", "kilowatt hour", "kilowatt hours", "3600000"),
       unit(energy, "MWh", "megawatt hour", "megawatt hours", "3600000000"),
       unit(energy, "GWh", "gigawatt hour", "gigawatt hours", "3600000000000"),
       unit(energy, "cal", "calorie", "calories", "4.184"),
       unit(energy, "kcal", "kilocalorie", "kilocalories", "4184"),
       unit(energy, "BTU", "british thermal unit", "british thermal units", "1055.05585262"),
       unit(energy, "Btu", "btu", "btus", "1055.05585262"),
       unit(energy, "thm", "therm", "therms", "105505585.262"),
       unit(energy, "eV", "electronvolt", "electronvolts", "1.602176634e-19"),
       unit(energy, "ft lbf", "foot pound", "foot pounds", "1.3558179483314004"),
       unit(power, "W", "watt", "watts", "1"),
       unit(power, "mW", "milliwatt", "milliwatts", "0.001"),
       unit(power, "kW", "kilowatt", "kilowatts", "1000"),
       unit(power, "MW", "megawatt", "megawatts", "1000000"),
       unit(power, "GW", "gigawatt", "gigawatts", "1000000000"),
       unit(power, "hp", "horsepower", "horsepower", "745.69987158227022"),
       unit(power, "PS", "metric horsepower", "metric horsepower", "735.49875"),
       unit(power, "BTU/h", "btu per hour", "btus per hour", "1055.05585262/3600")});
}

void add_space(std::vector<Unit>& all) {
  using enum Dimension;
  // NIST SP 811, B.8: the US gallon is 231 cubic inches, the imperial one 4.54609 litres, exactly.
  all.insert(all.end(),
             {unit(volume, "m3", "cubic metre", "cubic metres", "1"),
              unit(volume, "m³", "cubic meter", "cubic meters", "1"),
              unit(volume, "l", "litre", "litres", "0.001"),
              unit(volume, "L", "liter", "liters", "0.001"),
              unit(volume, "dl", "decilitre", "decilitres", "0.0001"),
              unit(volume, "cl", "centilitre", "centilitres", "0.00001"),
              unit(volume, "ml", "millilitre", "millilitres", "1e-6"),
              unit(volume, "mL", "milliliter", "milliliters", "1e-6"),
              unit(volume, "hl", "hectolitre", "hectolitres", "0.1"),
              unit(volume, "cm3", "cubic centimetre", "cubic centimetres", "1e-6"),
              unit(volume, "cm³", "cubic centimeter", "cubic centimeters", "1e-6"),
              unit(volume, "in3", "cubic inch", "cubic inches", "0.000016387064"),
              unit(volume, "ft3", "cubic foot", "cubic feet", "0.028316846592"),
              unit(volume, "yd3", "cubic yard", "cubic yards", "0.764554857984"),
              unit(volume, "gal", "gallon", "gallons", "0.003785411784"),
              unit(volume, "gal", "us gallon", "us gallons", "0.003785411784"),
              unit(volume, "imp gal", "imperial gallon", "imperial gallons", "0.00454609"),
              unit(volume, "qt", "quart", "quarts", "0.000946352946"),
              unit(volume, "pt", "pint", "pints", "0.000473176473"),
              unit(volume, "imp pt", "imperial pint", "imperial pints", "0.00056826125"),
              unit(volume, "cup", "cup", "cups", "0.0002365882365"),
              unit(volume, "fl oz", "fluid ounce", "fluid ounces", "0.0000295735295625"),
              unit(volume, "tbsp", "tablespoon", "tablespoons", "0.00001478676478125"),
              unit(volume, "tsp", "teaspoon", "teaspoons", "0.00000492892159375"),
              unit(volume, "bbl", "barrel", "barrels", "0.158987294928"),
              unit(area, "m2", "square metre", "square metres", "1"),
              unit(area, "m²", "square meter", "square meters", "1"),
              unit(area, "km2", "square kilometre", "square kilometres", "1000000"),
              unit(area, "km²", "square kilometer", "square kilometers", "1000000"),
              unit(area, "cm2", "square centimetre", "square centimetres", "0.0001"),
              unit(area, "cm²", "square centimeter", "square centimeters", "0.0001"),
              unit(area, "ha", "hectare", "hectares", "10000"),
              unit(area, "a", "are", "ares", "100"),
              unit(area, "ac", "acre", "acres", "4046.8564224"),
              unit(area, "in2", "square inch", "square inches", "0.00064516"),
              unit(area, "ft2", "square foot", "square feet", "0.09290304"),
              unit(area, "sqft", "sqft", "sqft", "0.09290304"),
              unit(area, "yd2", "square yard", "square yards", "0.83612736"),
              unit(area, "mi2", "square mile", "square miles", "2589988.110336")});
}

void add_time_data_angle(std::vector<Unit>& all) {
  using enum Dimension;
  // A month and a year have no fixed length, so they are not here. Data sizes as IEC 80000-13: kB
  // is 1000.
  all.insert(
      all.end(),
      {unit(time, "s", "second", "seconds", "1"),
       unit(time, "sec", "sec", "secs", "1"),
       unit(time, "ms", "millisecond", "milliseconds", "0.001"),
       unit(time, "us", "microsecond", "microseconds", "1e-6"),
       unit(time, "µs", "microsec", "microsecs", "1e-6"),
       unit(time, "ns", "nanosecond", "nanoseconds", "1e-9"),
       unit(time, "min", "minute", "minutes", "60"),
       unit(time, "h", "hour", "hours", "3600"),
       unit(time, "hr", "hr", "hrs", "3600"),
       unit(time, "d", "day", "days", "86400"),
       unit(time, "wk", "week", "weeks", "604800"),
       unit(data, "bit", "bit", "bits", "1/8"),
       unit(data, "B", "byte", "bytes", "1"),
       unit(data, "kbit", "kilobit", "kilobits", "125"),
       unit(data, "Mbit", "megabit", "megabits", "125000"),
       unit(data, "Gbit", "gigabit", "gigabits", "125000000"),
       unit(data, "kB", "kilobyte", "kilobytes", "1000"),
       unit(data, "KB", "KB", "KB", "1000"),
       unit(data, "MB", "megabyte", "megabytes", "1000000"),
       unit(data, "GB", "gigabyte", "gigabytes", "1000000000"),
       unit(data, "TB", "terabyte", "terabytes", "1000000000000"),
       unit(data, "PB", "petabyte", "petabytes", "1000000000000000"),
       unit(data, "KiB", "kibibyte", "kibibytes", "1024"),
       unit(data, "MiB", "mebibyte", "mebibytes", "1048576"),
       unit(data, "GiB", "gibibyte", "gibibytes", "1073741824"),
       unit(data, "TiB", "tebibyte", "tebibytes", "1099511627776"),
       unit(angle, "rad", "radian", "radians", "1"),
       unit(angle, "deg", "degree", "degrees", "0.017453292519943295769", "0", false),
       unit(angle, "°", "degree of arc", "degrees of arc", "0.017453292519943295769", "0", false),
       unit(angle, "gon", "gradian", "gradians", "0.015707963267948966192", "0", false),
       unit(angle, "arcmin", "arcminute", "arcminutes", "0.00029088820866572159615", "0", false),
       unit(angle, "arcsec", "arcsecond", "arcseconds", "4.8481368110953599359e-6", "0", false),
       unit(angle, "rev", "revolution", "revolutions", "6.2831853071795864769", "0", false)});
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

std::string_view to_string(Dimension dimension) {
  switch (dimension) {
    case Dimension::length:
      return "length";
    case Dimension::mass:
      return "mass";
    case Dimension::temperature:
      return "temperature";
    case Dimension::speed:
      return "speed";
    case Dimension::pressure:
      return "pressure";
    case Dimension::volume:
      return "volume";
    case Dimension::area:
      return "area";
    case Dimension::energy:
      return "energy";
    case Dimension::power:
      return "power";
    case Dimension::time:
      return "time";
    case Dimension::data:
      return "data size";
    case Dimension::angle:
      return "angle";
  }
  return "unknown";
}

const std::vector<Unit>& all_units() {
  static const std::vector<Unit> table = [] {
    std::vector<Unit> all;
    add_mechanics(all);
    add_heat_and_pressure(all);
    add_space(all);
    add_time_data_angle(all);
    return all;
  }();
  return table;
}

const Unit* find_unit(std::string_view name) {
  for (const Unit& unit : all_units()) {
    if (unit.symbol == name) return &unit;
  }
  const std::string wanted = lower(name);
  for (const Unit& unit : all_units()) {
    if (lower(unit.singular) == wanted || lower(unit.plural) == wanted) return &unit;
  }
  return nullptr;
}

std::vector<std::string> unit_names() {
  std::vector<std::string> names;
  for (const Unit& unit : all_units()) {
    for (const std::string_view name : {unit.symbol, unit.singular, unit.plural}) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
    }
  }
  return names;
}

Conversion conversion(const Unit& from, const Unit& to) {
  TM_ASSERT(from.dimension == to.dimension);
  Conversion out;
  const auto scale = product(from.factor, inverse(to.factor));
  const auto gap = difference(from.offset, to.offset);
  const auto shift = gap ? product(*gap, inverse(to.factor)) : std::nullopt;
  // Two inexact units of the same kind (degrees to arc minutes) have an exact ratio that is not
  // kept here.
  out.exact = from.exact && to.exact && scale && shift;
  out.scale_value = scale ? value_of(*scale) : value_of(from.factor) / value_of(to.factor);
  out.shift_value = shift ? value_of(*shift)
                          : (value_of(from.offset) - value_of(to.offset)) / value_of(to.factor);
  if (out.exact) {
    out.scale = *scale;
    out.shift = *shift;
  }
  return out;
}

std::optional<std::string> finite_decimal(const Fraction& fraction) {
  constexpr int places_max = 18;
  Wide numerator = absolute(fraction.numerator);
  int places = 0;
  while (numerator % fraction.denominator != 0) {
    if (++places > places_max ||
        __builtin_mul_overflow(numerator, static_cast<Wide>(10), &numerator)) {
      return std::nullopt;
    }
  }
  std::string digits;
  for (Wide rest = numerator / fraction.denominator; rest != 0 || digits.empty(); rest /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  while (static_cast<int>(digits.size()) <= places)
    digits.insert(digits.begin(), '0');
  if (places > 0) digits.insert(digits.end() - places, '.');
  return (fraction.numerator < 0 ? "-" : "") + digits;
}

}  // namespace tidemark
