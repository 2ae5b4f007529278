// Processor time of this process and of single threads of it.
//
// From any thread; a ThreadTime may be asked by others as long as its thread lives.
#pragma once

#include <chrono>
#include <ctime>

namespace tidemark {

// All threads together, those that have ended included.
std::chrono::nanoseconds processor_time();

// Of the thread that made it.
class ThreadTime {
 public:
  ThreadTime();
  // REQUIRES that the thread lives.
  std::chrono::nanoseconds used() const;

 private:
  clockid_t clock_{};
};

}  // namespace tidemark
