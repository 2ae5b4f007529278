// WriteGroups: the writes of a database that wait at the same time go into one transaction, so that
// they share what a commit costs.
//
// Owned by a database. `write` blocks until the write has its outcome; any thread. Whoever comes
// and finds less than `at_a_time` groups under way runs the next one: his own write, and those of
// all who wait.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/sql_session.h"

namespace tidemark {

class WriteGroups {
 public:
  using Work = SqlDatabase::Work;
  // Lives on its caller's stack until it has an outcome.
  struct Write {
    const Work* work;
    std::chrono::milliseconds patience;
    bool is_behind;  // see SqlDatabase::write_behind
    std::chrono::steady_clock::time_point deadline;
    std::optional<Status> outcome;
  };
  // The outcome of each. Called without a lock, by at most `at_a_time` threads.
  using Run = std::function<std::vector<Status>(const std::vector<Write*>&)>;
  // Of a write whose patience ended before its turn.
  using TooLate = std::function<Error(const Write&)>;

  WriteGroups(int at_a_time, Run run, TooLate too_late)
      : at_a_time_(at_a_time), run_(std::move(run)), too_late_(std::move(too_late)) {}

  Status write(const Work& work, std::chrono::milliseconds patience, bool is_behind = false);

 private:
  // REQUIRES mutex_.
  std::vector<Write*> next_group();

  const int at_a_time_;
  const Run run_;
  const TooLate too_late_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable turn_;
  std::deque<Write*> queue_;
  int running_ = 0;
};

}  // namespace tidemark
