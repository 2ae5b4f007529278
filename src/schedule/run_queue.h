// RunQueue: the runs that are due and have not begun, and which of them is next.
//
// A job does one thing at a time: a run, a comparison, a part of a backfill. It takes a place of
// its pool and one of all; where several could begin, the higher priority goes first, and within it
// tasks take turns, so that one with hundreds of fires does not hold up the others. The queue is
// bounded: what does not fit is told, not kept. Adding, taking and ending cost logarithms of how
// much there is. One thread at a time; nothing blocks.
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
#include "store/records.h"

namespace tidemark {

struct QueuedRun {
  Task task;
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
  explicit RunQueue(QueueLimits limits) : limits_(std::move(limits)) {}

  // False where it is full: nothing is kept of the run.
  bool add(QueuedRun run);
  // The next that may begin now, which counts as running from here on; nothing where none may.
  std::optional<QueuedRun> take();
  // A run that was taken has ended.
  void ended(const JobName& job);
  // Takes out all that waits of a task; how many those were.
  std::size_t forget(const Task& task);

  std::size_t waiting() const { return waiting_; }
  // Parts of backfills among them, which hold up nobody.
  std::size_t waiting_parts() const { return waiting_parts_; }
  std::size_t running() const { return running_.size(); }
  bool is_running(const JobName& job) const { return running_.contains(job); }
  // Whether a run of the task waits or goes on.
  bool is_busy(const Task& task) const { return is_running(task) || waiting_of(task) > 0; }
  bool is_full() const { return waiting_ >= limits_.waiting_max; }
  std::size_t waiting_of(const Task& task) const;

 private:
  // Tasks whose first fire may begin as far as they are concerned, in their turn.
  using Turns = std::list<Task>;
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

  bool is_running(const Task& task) const;
  void count(FireTask what, std::ptrdiff_t more);
  void line_up(const Task& task, Waiting& waiting);
  void step_out(Waiting& waiting);
  bool has_place(const std::string& pool) const;

  const QueueLimits limits_;
  std::unordered_map<Task, Waiting> tasks_;
  std::map<Line, Turns> lines_;  // none of them empty
  std::unordered_map<JobName, QueuedRun> running_;
  std::map<std::string, int> taken_;  // places of pools
  std::size_t waiting_ = 0;
  std::size_t waiting_parts_ = 0;
};

}  // namespace tidemark
