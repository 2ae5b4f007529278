#include "api/shared_answer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace tidemark {
namespace {

class SharedAnswerTest : public testing::Test {
 protected:
  Answer get() {
    return shared_.get([this]() -> Answer {
      ++asked_;
      if (fails_) return internal_error("store.busy", "the store does not answer");
      return HttpResponse{200, {}, std::to_string(asked_)};
    });
  }

  ManualClock clock_{UtcMicros(0)};
  SharedAnswer shared_{clock_};
  std::atomic<int> asked_ = 0;
  bool fails_ = false;
};

TEST_F(SharedAnswerTest, HoldsForASecond) {
  EXPECT_EQ(get()->body, "1");
  clock_.advance(std::chrono::milliseconds(999));
  EXPECT_EQ(get()->body, "1");
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(get()->body, "2");
}

TEST_F(SharedAnswerTest, AnErrorIsAskedForAgain) {
  fails_ = true;
  EXPECT_EQ(get().error().code, "store.busy");
  fails_ = false;
  EXPECT_EQ(get()->body, "2");
}

TEST_F(SharedAnswerTest, OneAsksAndSomeWait) {
  std::promise<void> begun;
  std::promise<void> go_on;
  std::thread first([&] {
    const Answer answer = shared_.get([&]() -> Answer {
      begun.set_value();
      go_on.get_future().wait();
      return HttpResponse{200, {}, "one"};
    });
    EXPECT_EQ(answer->body, "one");
  });
  begun.get_future().wait();
  std::atomic<int> busy = 0;
  std::atomic<int> answered = 0;
  std::vector<std::thread> others;
  for (int at = 0; at < SharedAnswer::waiting_max + 3; ++at) {
    others.emplace_back([&] {
      const Answer answer = get();
      if (answer.ok() && answer->body == "one") ++answered;
      if (!answer.ok() && answer.error().code == "api.busy") ++busy;
    });
  }
  while (busy < 3)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  go_on.set_value();
  first.join();
  for (std::thread& other : others)
    other.join();
  EXPECT_EQ(answered, SharedAnswer::waiting_max);
  EXPECT_EQ(busy, 3);
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace tidemark
