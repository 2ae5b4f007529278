// RunMeter: what one run uses of the processor, its source and its target.
//
// The engine's threads work for all runs of a process, and nobody can tell for whom. So the time of
// the process, while runs go on, is shared out between them in the proportion of their own threads'
// time: a run alone has all of it, and the shares of several add up to what was used.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "env/processor_time.h"
#include "store/records.h"

namespace tidemark {

// `all` in the proportion of `own`, which is part of it; in equal parts where all of `own` are
// nothing. The parts add up to `all`. Pure. REQUIRES that `own` is not empty.
std::vector<std::chrono::nanoseconds> share_out(std::chrono::nanoseconds all,
                                                const std::vector<std::chrono::nanoseconds>& own);

// The processor's time of a process, by the runs that use it. Owned by the process's Workspace;
// outlives its runs. Any thread.
class ProcessorShares {
 public:
  // Of the thread that asks, which goes on until end() in the same thread.
  std::uint64_t begin();
  void end(std::uint64_t number);
  // What came to its share since it was asked last.
  std::chrono::nanoseconds take(std::uint64_t number);

 private:
  struct Share {
    ThreadTime thread;
    std::chrono::nanoseconds thread_seen{};
    std::chrono::nanoseconds untaken{};
  };
  void settle();  // with mutex_ held

  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::uint64_t, Share> shares_;
  std::uint64_t next_ = 1;
  std::chrono::nanoseconds process_seen_{};
};

// Made and destroyed in the run's own thread. The bytes may be added from any.
class RunMeter {
 public:
  explicit RunMeter(ProcessorShares& shares) : shares_(shares), number_(shares.begin()) {}
  ~RunMeter() { shares_.end(number_); }
  RunMeter(const RunMeter&) = delete;
  RunMeter& operator=(const RunMeter&) = delete;

  void add_read(std::int64_t bytes) { read_ += bytes; }
  void add_written(std::int64_t bytes) { written_ += bytes; }
  // Since it was asked last.
  RunUse take();

 private:
  ProcessorShares& shares_;
  const std::uint64_t number_;
  std::atomic<std::int64_t> read_ = 0;
  std::atomic<std::int64_t> written_ = 0;
  std::chrono::nanoseconds rest_{};  // of a microsecond
};

}  // namespace tidemark
