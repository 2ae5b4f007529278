#include "env/processor_time.h"

#include <pthread.h>

#include "base/assert.h"

namespace tidemark {

namespace {

std::chrono::nanoseconds read_clock(clockid_t clock) {
  timespec time{};
  TM_ASSERT(::clock_gettime(clock, &time) == 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

std::chrono::nanoseconds processor_time() {
  return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

ThreadTime::ThreadTime() {
  TM_ASSERT(::pthread_getcpuclockid(::pthread_self(), &clock_) == 0);
}

std::chrono::nanoseconds ThreadTime::used() const {
  return read_clock(clock_);
}

}  // namespace tidemark
