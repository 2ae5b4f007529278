#include "env/randomness.h"

#include <gtest/gtest.h>

#include <set>

namespace tidemark {
namespace {

TEST(RunIds, SortByTimeAndAreSafeNames) {
  ManualClock clock(UtcMicros(1'795'269'600'123'456));
  SeededRandomness randomness(7);
  std::string last;
  for (int i = 0; i < 1000; ++i) {
    std::string id = new_run_id(clock, randomness).get();
    EXPECT_EQ(id.size(), 16u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"), std::string::npos);
    EXPECT_LT(last, id);
    last = id;
    clock.advance(std::chrono::milliseconds(1));
  }
}

TEST(RunIds, DifferWithinOneMillisecond) {
  ManualClock clock(UtcMicros(0));
  SystemRandomness randomness;
  std::set<RunId> ids;
  for (int i = 0; i < 1000; ++i)
    ids.insert(new_run_id(clock, randomness));
  EXPECT_EQ(ids.size(), 1000u);
}

TEST(SeededRandomness, RepeatsItself) {
  SeededRandomness a(1);
  SeededRandomness b(1);
  SeededRandomness c(2);
  std::uint64_t first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
}

}  // namespace
}  // namespace tidemark
