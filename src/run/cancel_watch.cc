#include "run/cancel_watch.h"

#include <chrono>

namespace tidemark {

CancelWatch::CancelWatch(const Cancel& cancel, duck::Connection& engine)
    : thread_([this, &cancel, &engine] {
        // A signal handler can only set a flag, so somebody has to look at it.
        std::unique_lock lock(mutex_);
        while (!ended_.wait_for(lock, std::chrono::milliseconds(50), [this] { return stop_; })) {
          if (cancel.requested()) engine.interrupt();
        }
      }) {}

CancelWatch::~CancelWatch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

}  // namespace tidemark
