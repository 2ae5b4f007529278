#include "drivers/http/event_loop.h"

#include <gtest/gtest.h>

#include <chrono>

namespace tidemark {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

TEST(EventLoop, WhatIsPostedWhileOthersRunDoesNotWaitForTheTick) {
  const auto loop = EventLoop::make().value();
  loop->post([&] { loop->post([&] { loop->stop(); }); });
  const auto begin = steady_clock::now();
  loop->run(seconds(20), [] {});
  EXPECT_LT(steady_clock::now() - begin, seconds(10));
}

}  // namespace
}  // namespace tidemark
