// Cancel: a request to stop, set once, read by everyone who works on the same run.
//
// Owned by the one who starts the work; passed down by reference. `request` is safe from any thread
// and from a signal handler; it never blocks.
#pragma once

#include <atomic>

#include "base/result.h"

namespace tidemark {

class Cancel {
 public:
  Cancel() = default;
  // Also requested when `outer` is, which outlives this one: for work that can be stopped alone.
  explicit Cancel(const Cancel& outer) : outer_(&outer) {}
  Cancel& operator=(const Cancel&) = delete;

  void request() noexcept { requested_.store(true, std::memory_order_relaxed); }
  bool requested() const noexcept {
    return requested_.load(std::memory_order_relaxed) || (outer_ != nullptr && outer_->requested());
  }
  // The Error `run.cancelled` when a stop was asked for.
  Status check() const;

 private:
  std::atomic<bool> requested_{false};
  const Cancel* outer_ = nullptr;
};

}  // namespace tidemark
