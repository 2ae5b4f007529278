// RunQueue: the runs that are due and have not begun, and which of them is next.
//
// A job runs once at a time. A run takes a place of its pool and one of all; where several could
// begin, the higher priority goes first, and within it jobs take turns, so that one job with
// hundreds of fires does not hold up the others. The queue is bounded: what does not fit is told,
// not kept. Adding, taking and ending cost logarithms of how much there is. One thread at a time;
// nothing blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/named.h"
#include "env/clock.h"
#include "spec/job_spec.h"

namespace tidemark {

struct QueuedRun {
  JobName job;
  UtcMicros fire;
  std::int64_t priority = 0;  // the higher first
  std::string pool;           // empty: none of its own
};

struct QueueLimits {
  int running_max = 4;               // of all
  std::map<std::string, int> pools;  // at a time; a pool without a number has no limit of its own
  std::size_t waiting_max = 100'000;
};

class RunQueue {
 public:
  enum class Added {
    queued,
    skipped,  // by Overlap::skip: the job runs or waits
    full,     // waiting_max was reached
    cancels,  // queued; who runs the job is to stop it
  };

  explicit RunQueue(QueueLimits limits) : limits_(std::move(limits)) {}

  Added add(QueuedRun run, Overlap overlap);
  // The next that may begin now, which counts as running from here on; nothing where none may.
  std::optional<QueuedRun> take();
  // A run that was taken has ended.
  void ended(const JobName& job);
  // Takes out all that waits of a job; how many those were.
  std::size_t forget(const JobName& job);

  std::size_t waiting() const { return waiting_; }
  std::size_t running() const { return running_.size(); }
  bool is_running(const JobName& job) const { return running_.contains(job); }
  std::size_t waiting_of(const JobName& job) const;

 private:
  // Jobs whose first fire may begin as far as they are concerned, in their turn.
  using Turns = std::list<JobName>;
  struct Waiting {
    std::deque<QueuedRun> runs;
    std::optional<Turns::iterator> turn;
  };
  struct Line {
    std::int64_t priority;
    std::string pool;
    friend bool operator<(const Line& left, const Line& right) {
      return left.priority != right.priority ? left.priority > right.priority
                                             : left.pool < right.pool;
    }
  };

  void line_up(const JobName& job, Waiting& waiting);
  void step_out(Waiting& waiting);
  bool has_place(const std::string& pool) const;

  const QueueLimits limits_;
  std::unordered_map<JobName, Waiting> jobs_;
  std::map<Line, Turns> lines_;                       // none of them empty
  std::unordered_map<JobName, std::string> running_;  // and its pool
  std::map<std::string, int> taken_;                  // places of pools
  std::size_t waiting_ = 0;
};

}  // namespace tidemark
