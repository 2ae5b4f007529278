// TimeLimit: while it lives, a Cancel is requested once a time is over. Owns a thread; is_over()
// from any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/cancel.h"

namespace tidemark {

class TimeLimit {
 public:
  // `cancel` outlives it.
  TimeLimit(std::chrono::milliseconds limit, Cancel& cancel);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  bool is_over() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool stop_ = false;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace tidemark
