#include "transform/unit_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tidemark {
namespace {

struct Known {
  const char* from;
  const char* to;
  double value;
  double expected;
};

double convert(const char* from, const char* to, double value) {
  const Unit* left = find_unit(from);
  const Unit* right = find_unit(to);
  EXPECT_NE(left, nullptr) << from;
  EXPECT_NE(right, nullptr) << to;
  if (left == nullptr || right == nullptr) return 0;
  const Conversion found = conversion(*left, *right);
  return value * found.scale_value + found.shift_value;
}

// Values as printed in NIST SP 811 (2008), appendix B.8 and B.9, all digits given there.
TEST(UnitTable, PublishedFactors) {
  const Known known[] = {
      {"acre", "m2", 1, 4046.8564224},
      {"atm", "Pa", 1, 101325},
      {"bar", "kPa", 1, 100},
      {"barrel", "m3", 1, 0.1589873},
      {"BTU", "J", 1, 1055.05585262},
      {"calorie", "J", 1, 4.184},
      {"carat", "g", 1, 0.2},
      {"day", "s", 1, 86400},
      {"degree", "rad", 1, 0.01745329},
      {"eV", "J", 1, 1.602176634e-19},
      {"fathom", "m", 1, 1.8288},
      {"ft", "m", 1, 0.3048},
      {"ft2", "m2", 1, 0.09290304},
      {"ft3", "m3", 1, 0.02831685},
      {"foot pound", "J", 1, 1.355818},
      {"gallon", "l", 1, 3.785412},
      {"imperial gallon", "l", 1, 4.54609},
      {"hp", "W", 1, 745.6999},
      {"inch", "cm", 1, 2.54},
      {"inHg", "kPa", 1, 3.386389},
      {"km/h", "m/s", 1, 0.2777778},
      {"kWh", "MJ", 1, 3.6},
      {"knot", "m/s", 1, 0.5144444},
      {"light year", "m", 1, 9.46073e15},
      {"mile", "km", 1, 1.609344},
      {"nautical mile", "m", 1, 1852},
      {"mph", "km/h", 1, 1.609344},
      {"mmHg", "Pa", 1, 133.3224},
      {"oz", "g", 1, 28.34952},
      {"troy ounce", "g", 1, 31.10348},
      {"fluid ounce", "ml", 1, 29.57353},
      {"pint", "l", 1, 0.4731765},
      {"lb", "kg", 1, 0.45359237},
      {"psi", "kPa", 1, 6.894757},
      {"stone", "kg", 1, 6.350293},
      {"short ton", "kg", 1, 907.1847},
      {"long ton", "kg", 1, 1016.047},
      {"Torr", "Pa", 1, 133.3224},
      {"yard", "m", 1, 0.9144},
      {"MB", "kB", 1, 1000},
      {"MiB", "B", 1, 1048576},
      {"byte", "bit", 1, 8},
      {"°F", "°C", 212, 100},
      {"F", "C", -40, -40},
      {"fahrenheit", "kelvin", 32, 273.15},
      {"celsius", "kelvin", 0, 273.15},
      {"celsius", "F", 37, 98.6},
      {"degR", "K", 491.67, 273.15},
  };
  for (const Known& each : known) {
    const double got = convert(each.from, each.to, each.value);
    EXPECT_NEAR(got, each.expected, std::abs(each.expected) * 1e-6 + 1e-12)
        << each.from << " to " << each.to;
  }
}

TEST(UnitTable, EveryUnitGoesThereAndBack) {
  for (const Unit& from : all_units()) {
    for (const Unit& to : all_units()) {
      if (from.dimension != to.dimension) continue;
      const Conversion there = conversion(from, to);
      const Conversion back = conversion(to, from);
      const double value =
          (17 * there.scale_value + there.shift_value) * back.scale_value + back.shift_value;
      EXPECT_NEAR(value, 17, 1e-9) << from.singular << " to " << to.singular;
    }
  }
}

TEST(UnitTable, NamesMeanOneThing) {
  for (const Unit& unit : all_units()) {
    for (const std::string_view word : {unit.symbol, unit.singular, unit.plural}) {
      const Unit* found = find_unit(word);
      ASSERT_NE(found, nullptr) << word;
      EXPECT_EQ(found->dimension, unit.dimension) << word;
      EXPECT_EQ(found->factor.numerator == unit.factor.numerator &&
                    found->factor.denominator == unit.factor.denominator,
                true)
          << word;
    }
  }
}

TEST(UnitTable, SymbolsKeepTheirCase) {
  EXPECT_EQ(find_unit("mW")->singular, "milliwatt");
  EXPECT_EQ(find_unit("MW")->singular, "megawatt");
  EXPECT_EQ(find_unit("Mile")->symbol, "mi");
  EXPECT_EQ(find_unit("POUNDS")->symbol, "lb");
  EXPECT_EQ(find_unit("parsnip"), nullptr);
}

TEST(UnitTable, ExactFractions) {
  const Conversion miles = conversion(*find_unit("mi"), *find_unit("km"));
  ASSERT_TRUE(miles.exact);
  EXPECT_EQ(finite_decimal(miles.scale), "1.609344");
  EXPECT_EQ(finite_decimal(conversion(*find_unit("lb"), *find_unit("kg")).scale), "0.45359237");
  EXPECT_EQ(finite_decimal(conversion(*find_unit("C"), *find_unit("F")).scale), "1.8");
  EXPECT_EQ(finite_decimal(conversion(*find_unit("C"), *find_unit("F")).shift), "32");
  EXPECT_EQ(finite_decimal(conversion(*find_unit("F"), *find_unit("C")).scale), std::nullopt);
  EXPECT_EQ(finite_decimal(conversion(*find_unit("K"), *find_unit("C")).shift), "-273.15");
  EXPECT_EQ(finite_decimal(Fraction{1000, 1}), "1000");
  EXPECT_FALSE(conversion(*find_unit("deg"), *find_unit("rad")).exact);
}

}  // namespace
}  // namespace tidemark
