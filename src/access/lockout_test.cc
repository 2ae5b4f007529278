#include "access/lockout.h"

#include <gtest/gtest.h>

#include <string>

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class LockoutTest : public ::testing::Test {
 protected:
  void try_wrong(const std::string& address, int times) {
    for (int i = 0; i < times; ++i)
      lockout_.wrong(address);
  }
  std::int64_t locked_s(const std::string& address) {
    return lockout_.locked_for(address).value_or(seconds(0)).count();
  }

  ManualClock clock_{UtcMicros(0)};
  Lockout lockout_{clock_};
};

TEST_F(LockoutTest, TenWrongOnesWithinAMinuteLockAnAddress) {
  try_wrong("192.0.2.1", 9);
  EXPECT_EQ(locked_s("192.0.2.1"), 0);
  try_wrong("192.0.2.1", 1);
  EXPECT_EQ(locked_s("192.0.2.1"), 60);
  EXPECT_EQ(locked_s("192.0.2.2"), 0);
  clock_.advance(seconds(59));
  EXPECT_EQ(locked_s("192.0.2.1"), 1);
  clock_.advance(seconds(1));
  EXPECT_EQ(locked_s("192.0.2.1"), 0);
}

TEST_F(LockoutTest, SlowOnesDoNot) {
  for (int i = 0; i < 100; ++i) {
    try_wrong("192.0.2.1", 1);
    clock_.advance(seconds(7));
    EXPECT_EQ(locked_s("192.0.2.1"), 0);
  }
}

TEST_F(LockoutTest, EachLockIsTwiceAsLongUpToAnHour) {
  for (const int expected : {60, 120, 240, 480, 960, 1920, 3600, 3600, 3600}) {
    try_wrong("192.0.2.1", 10);
    EXPECT_EQ(locked_s("192.0.2.1"), expected);
    clock_.advance(seconds(expected));
    EXPECT_EQ(locked_s("192.0.2.1"), 0);
  }
  clock_.advance(hours(25));
  try_wrong("192.0.2.1", 10);
  EXPECT_EQ(locked_s("192.0.2.1"), 60);
}

TEST_F(LockoutTest, OneMachineIsOneAddress) {
  for (int i = 0; i < 10; ++i)
    lockout_.wrong("2001:db8:0:7::" + std::to_string(i));
  EXPECT_EQ(locked_s("2001:db8:0:7:ffff::1"), 60);
  EXPECT_EQ(locked_s("2001:db8:0:8::1"), 0);
  try_wrong("::ffff:192.0.2.1", 10);
  EXPECT_EQ(locked_s("192.0.2.1"), 60);
}

// A million addresses need no more memory than one, and whoever goes on is still found.
TEST_F(LockoutTest, HasOneSizeForAllAddresses) {
  try_wrong("192.0.2.1", 9);
  for (int i = 0; i < 1'000'000; ++i) {
    lockout_.wrong(std::to_string(i));
    if (i % 10'000 == 0) clock_.advance(seconds(1));
  }
  try_wrong("198.51.100.1", 10);
  EXPECT_EQ(locked_s("198.51.100.1"), 60);
}

}  // namespace
}  // namespace tidemark
