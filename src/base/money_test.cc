#include "base/money.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

Price price(const std::string& text) {
  auto parsed = Price::parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? *parsed : Price();
}

TEST(Money, APriceIsTakenAsItIsWritten) {
  EXPECT_EQ(price("0.04").billionths(), 40'000'000);
  EXPECT_EQ(price("12").billionths(), 12'000'000'000);
  EXPECT_EQ(price("0.000000001").billionths(), 1);
  EXPECT_EQ(price("10000").billionths(), 10'000'000'000'000);
  for (const char* wrong : {"", ".", ".5", "1.", "-1", "1e3", "0.0000000001", "10000.1", "99999",
                            "1,5", " 1", "123456", "1.2.3"})
    EXPECT_FALSE(Price::parse(wrong).ok()) << wrong;
}

TEST(Money, AnHourAndAGigabyteCostTheirPrice) {
  EXPECT_EQ(Money::of_time(3'600'000'000, price("0.04")).text(9), "0.040000000");
  EXPECT_EQ(Money::of_bytes(1'000'000'000, price("0.002")).text(9), "0.002000000");
  EXPECT_EQ(Money::of_time(1, price("1")).text(9), "0.000000000");
}

TEST(Money, SumsOfWhatIsTooSmallToPrintLoseNothing) {
  Money sum;
  for (int i = 0; i < 3'600; ++i)
    sum += Money::of_time(1'000'000, price("0.01"));  // a third of a thousandth cent, and a bit
  EXPECT_EQ(sum, Money::of_time(3'600'000'000, price("0.01")));
  EXPECT_EQ(sum.text(2), "0.01");
}

TEST(Money, HalfOfTheLastDigitIsRoundedUp) {
  EXPECT_EQ(Money::of_bytes(1'000'000'000, price("0.005")).text(2), "0.01");
  EXPECT_EQ(Money::of_bytes(1'000'000'000, price("0.004999999")).text(2), "0.00");
  EXPECT_EQ(Money::of_bytes(1'000'000'000, price("1234.5")).text(0), "1235");
  EXPECT_EQ(Money().text(4), "0.0000");
}

TEST(Money, AMillionRows) {
  const Money cost = Money::of_bytes(3'000'000'000, price("0.1"));
  EXPECT_EQ(cost.per_million(3'000'000).text(9), "0.100000000");
  EXPECT_EQ(cost.per_million(7).text(9), "42857.142857143");
  // A petabyte at the highest price.
  EXPECT_EQ(Money::of_bytes(1'000'000'000'000'000, price("10000")).per_million(1).text(2),
            "10000000000000000.00");
}

}  // namespace
}  // namespace tidemark
