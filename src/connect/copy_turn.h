// CopyTurn: who may make copies of a system's tables in the engine. There is one set of them for
// all who share the engine, under the connection's name, which steps and rules read by that name;
// so whoever made it keeps it as it is until he has read it.
//
// Any thread. A turn belongs to the thread that took it, which may take it again.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/cancel.h"
#include "base/result.h"

namespace tidemark {

class CopyTurn {
 public:
  // Blocks until nobody else has it; over when the last owner of what it gives lets go.
  Result<std::shared_ptr<void>> take(const Cancel& cancel);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread::id who_;
  int times_ = 0;
};

}  // namespace tidemark
