#include "connect/copy_turn.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace tidemark {
namespace {

TEST(CopyTurn, IsOfOneThreadUntilItsLastOwnerLetsGo) {
  CopyTurn turn;
  Cancel cancel;
  auto first = turn.take(cancel).value();
  auto again = turn.take(cancel).value();
  std::atomic<bool> taken = false;
  std::thread other([&] {
    const auto theirs = turn.take(cancel).value();
    taken = true;
  });
  first.reset();
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  EXPECT_FALSE(taken);
  again.reset();
  other.join();
  EXPECT_TRUE(taken);
}

TEST(CopyTurn, WhoWaitsMayBeCancelled) {
  CopyTurn turn;
  Cancel cancel;
  const auto held = turn.take(cancel).value();
  std::thread other([&] {
    Cancel stop;
    stop.request();
    const auto theirs = turn.take(stop);
    ASSERT_FALSE(theirs.ok());
    EXPECT_EQ(theirs.error().code, "run.cancelled");
  });
  other.join();
}

TEST(CopyTurn, OneAtATime) {
  CopyTurn turn;
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&] {
      for (int time = 0; time < 50; ++time) {
        const auto held = turn.take(Cancel()).value();
        most = std::max(most.load(), ++inside);
        std::this_thread::yield();
        --inside;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace tidemark
