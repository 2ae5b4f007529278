// CancelWatch: while it lives, a requested Cancel interrupts the engine's running statement.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/cancel.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

class CancelWatch {
 public:
  CancelWatch(const Cancel& cancel, duck::Connection& engine);
  ~CancelWatch();
  CancelWatch(const CancelWatch&) = delete;
  CancelWatch& operator=(const CancelWatch&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace tidemark
