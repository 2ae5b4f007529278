// DueQueue: which task fires next, of thousands. A heap: whoever asks touches what is due and
// nothing else.
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/named.h"
#include "schedule/job_times.h"
#include "store/records.h"

namespace tidemark {

struct DueFire {
  Task task;
  UtcMicros fire;   // as the schedule names it
  UtcMicros begin;  // a little later, where the job spreads its runs
};

class DueQueue {
 public:
  // The task's fires after `after`, in the place of what was known of it.
  void set(const Task& task, JobTimes times, UtcMicros after);
  void remove(const Task& task);
  // When the next one begins; nothing: none will.
  std::optional<UtcMicros> next();
  // Those that begin at `now` or before, in their order. Of a task each fire is given once.
  std::vector<DueFire> take(UtcMicros now);
  std::size_t tasks() const { return tasks_.size(); }

 private:
  struct Known {
    JobTimes times;
    std::uint64_t version;
  };
  struct Entry {
    DueFire due;
    std::uint64_t version;
    friend bool operator<(const Entry& left, const Entry& right) {  // the earliest on top
      if (left.due.begin != right.due.begin) return left.due.begin > right.due.begin;
      return left.due.task > right.due.task;
    }
  };
  void push(const Task& task, const Known& known, UtcMicros after);
  void drop_old();

  std::unordered_map<Task, Known> tasks_;
  std::priority_queue<Entry> heap_;
  std::uint64_t versions_ = 0;
};

}  // namespace tidemark
