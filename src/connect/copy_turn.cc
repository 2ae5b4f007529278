#include "connect/copy_turn.h"

#include <chrono>

namespace tidemark {

Result<std::shared_ptr<void>> CopyTurn::take(const Cancel& cancel) {
  constexpr std::chrono::milliseconds look_every{50};
  const std::thread::id who = std::this_thread::get_id();
  std::unique_lock lock(mutex_);
  while (times_ > 0 && who_ != who) {
    TM_CHECK(cancel.check());
    changed_.wait_for(lock, look_every);
  }
  who_ = who;
  ++times_;
  return std::shared_ptr<void>(this, [this](void*) {
    const std::lock_guard given_back(mutex_);
    if (--times_ == 0) changed_.notify_all();
  });
}

}  // namespace tidemark
