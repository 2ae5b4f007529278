#include "run/time_limit.h"

namespace tidemark {

TimeLimit::TimeLimit(std::chrono::milliseconds limit, Cancel& cancel)
    : thread_([this, limit, &cancel] {
        std::unique_lock lock(mutex_);
        if (ended_.wait_for(lock, limit, [this] { return stop_; })) return;
        is_over_ = true;
        cancel.request();
      }) {}

TimeLimit::~TimeLimit() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

bool TimeLimit::is_over() const {
  const std::lock_guard lock(mutex_);
  return is_over_;
}

}  // namespace tidemark
