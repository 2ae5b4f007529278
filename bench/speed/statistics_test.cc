#include "statistics.h"

#include <gtest/gtest.h>

namespace tidemark::bench {
namespace {

TEST(SpreadOf, TakesTheMiddleOfAnOddNumber) {
  const Spread spread = spread_of({3, 1, 9});
  EXPECT_EQ(spread.median, 3);
  EXPECT_EQ(spread.least, 1);
  EXPECT_EQ(spread.most, 9);
}

TEST(SpreadOf, TakesTheMeanOfTheTwoInTheMiddle) {
  EXPECT_EQ(spread_of({4, 1, 2, 100}).median, 3);
}

TEST(SpreadOf, HasOneFigure) {
  const Spread spread = spread_of({2.5});
  EXPECT_EQ(spread.median, 2.5);
  EXPECT_EQ(spread.least, 2.5);
  EXPECT_EQ(spread.most, 2.5);
}

TEST(Ratios, AreOfTheSameRound) {
  // A round that is twice as slow for both changes nothing; medians divided by each other would be
  // another.
  EXPECT_EQ(ratios({2, 8, 3}, {1, 4, 3}), (std::vector<double>{2, 2, 1}));
}

TEST(Ratios, RefuseARoundWithoutTheOther) {
  EXPECT_THROW(ratios({1, 2}, {1}), std::out_of_range);
}

TEST(Means, AreOfBothControls) {
  EXPECT_EQ(means({1, 2}, {3, 2}), (std::vector<double>{2, 2}));
}

TEST(IsVoid, KnowsNoiseFromAnotherMachine) {
  EXPECT_FALSE(is_void({0.93, 0.5, 2}));
  EXPECT_FALSE(is_void({1.07, 0.5, 2}));
  EXPECT_TRUE(is_void({0.929, 0.929, 0.929}));
  EXPECT_TRUE(is_void({1.071, 1, 1}));
}

}  // namespace
}  // namespace tidemark::bench
