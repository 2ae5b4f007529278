#include "schedule/retry.h"

#include <gtest/gtest.h>

#include "schedule/breaker.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Error lost() {
  return source_error("source.lost", "the connection was lost", Retry::reconnect);
}

TEST(Retry, PausesGrowAndAreDrawnFromTheWholeWidth) {
  SeededRandomness randomness(7);
  const RetrySpec policy{20, milliseconds(1000), milliseconds(60'000)};
  for (int attempts = 1; attempts < 20; ++attempts) {
    const std::int64_t width = std::min<std::int64_t>(60'000, 1000LL << (attempts - 1));
    std::int64_t least = width, most = 0;
    for (int number = 0; number < 500; ++number) {
      const auto pause = pause_before_retry(policy, lost(), attempts, milliseconds(0), randomness);
      ASSERT_TRUE(pause);
      least = std::min(least, pause->count());
      most = std::max(most, pause->count());
    }
    EXPECT_LE(most, width);
    EXPECT_GT(most, width * 9 / 10);
    EXPECT_LT(least, width / 10);
  }
}

TEST(Retry, EndsWithTheAttemptsTheTimeAndWhatIsNoUse) {
  SeededRandomness randomness(7);
  const RetrySpec policy{3, milliseconds(10), milliseconds(10), milliseconds(1000)};
  const auto pause = [&](const Error& error, int attempts, int since) {
    return pause_before_retry(policy, error, attempts, milliseconds(since), randomness);
  };
  EXPECT_TRUE(pause(lost(), 2, 0));
  EXPECT_FALSE(pause(lost(), 3, 0));
  EXPECT_FALSE(pause(lost(), 1, 1001));
  EXPECT_FALSE(pause(user_error("plan.x", "no such column"), 1, 0));
  EXPECT_FALSE(pause(source_error("source.x", "gone for good", Retry::never), 1, 0));
}

TEST(Breaker, OpensAfterFailuresInARowAndLetsOneTry) {
  Breaker breaker({.failures_max = 3, .pause = seconds(30), .pause_max = seconds(100)});
  const auto fails = [&](int times, seconds now) {
    for (int number = 0; number < times; ++number)
      breaker.failed(lost(), now);
  };
  fails(2, seconds(0));
  breaker.succeeded();
  fails(2, seconds(1));
  EXPECT_EQ(breaker.state(seconds(1)), Breaker::State::closed);
  fails(1, seconds(1));
  EXPECT_EQ(breaker.state(seconds(1)), Breaker::State::open);
  EXPECT_EQ(breaker.why(), "the connection was lost");
  EXPECT_FALSE(breaker.let_through(seconds(30)));
  EXPECT_EQ(*breaker.open_until(seconds(30)), seconds(31));
  // Runs that were under way when it opened do not make the pause longer.
  fails(3, seconds(10));
  EXPECT_EQ(breaker.state(seconds(31)), Breaker::State::half_open);
  EXPECT_TRUE(breaker.let_through(seconds(31)));
  EXPECT_FALSE(breaker.let_through(seconds(31))) << "one at a time";
  fails(1, seconds(32));
  EXPECT_EQ(*breaker.open_until(seconds(33)), seconds(92));
  EXPECT_TRUE(breaker.let_through(seconds(92)));
  fails(1, seconds(92));
  EXPECT_EQ(*breaker.open_until(seconds(93)), seconds(192)) << "pause_max";
  EXPECT_TRUE(breaker.let_through(seconds(192)));
  breaker.gave_up();
  EXPECT_TRUE(breaker.let_through(seconds(192)));
  breaker.succeeded();
  EXPECT_EQ(breaker.state(seconds(193)), Breaker::State::closed);
  EXPECT_TRUE(breaker.let_through(seconds(193)));
}

TEST(Breaker, AFaultOfTheJobIsNoFailureOfTheSystem) {
  Breaker breaker({.failures_max = 1});
  breaker.failed(user_error("plan.x", "no such column"), seconds(0));
  EXPECT_EQ(breaker.state(seconds(0)), Breaker::State::closed);
}

}  // namespace
}  // namespace tidemark
