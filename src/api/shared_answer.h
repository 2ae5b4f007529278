// SharedAnswer: one answer for all who ask for the same within a second, asked for once however
// many they are. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "api/route.h"
#include "env/clock.h"

namespace tidemark {

class SharedAnswer {
 public:
  static constexpr std::chrono::seconds holds_for{1};
  // So many may wait for the one who asks; more are `api.busy`, so that others are answered.
  static constexpr int waiting_max = 8;

  explicit SharedAnswer(const Clock& clock) : clock_(clock) {}
  // The answer of `ask`, which is called by one at a time. An Error is for those who waited, and is
  // asked for again by who comes next.
  Answer get(const std::function<Answer()>& ask);

 private:
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable answered_;
  // Guarded by mutex_.
  std::optional<Answer> last_;
  std::chrono::nanoseconds asked_at_{};  // when the last answer was asked for
  std::uint64_t asked_ = 0;              // how often
  bool is_asking_ = false;
  int waiting_ = 0;
};

}  // namespace tidemark
