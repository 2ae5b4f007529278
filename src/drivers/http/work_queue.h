// WorkQueue: a few threads, and a bounded queue of what they are to do; private to this folder.
//
// push() is safe from any thread; close() belongs to the owner.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tidemark {

class WorkQueue {
 public:
  WorkQueue(int threads, std::size_t waiting_max);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // False where as many wait as may, or after close(): then it is not done.
  bool push(std::function<void()> work);
  // Drops what waits, and returns when what runs has ended. Idempotent.
  void close();

 private:
  void work();

  std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;  // under mutex_
  bool closed_ = false;                        // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace tidemark
