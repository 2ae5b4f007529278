#include "store/write_groups.h"

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

// So that the first of a group does not wait long for the last.
constexpr std::size_t group_max = 64;

}  // namespace

// Of equal patience, since the least of a group is the patience of all.
std::vector<WriteGroups::Write*> WriteGroups::next_group() {
  std::size_t count = 0;
  while (count < std::min(queue_.size(), group_max) &&
         queue_[count]->patience == queue_.front()->patience)
    ++count;
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<Write*> group(queue_.begin(), end);
  queue_.erase(queue_.begin(), end);
  return group;
}

Status WriteGroups::write(const Work& work, std::chrono::milliseconds patience, bool is_behind) {
  Write own{&work, patience, is_behind, std::chrono::steady_clock::now() + patience, std::nullopt};
  std::unique_lock lock(mutex_);
  queue_.push_back(&own);
  while (!own.outcome) {
    const auto waiting = std::find(queue_.begin(), queue_.end(), &own);
    if (waiting == queue_.end()) {
      turn_.wait(lock);  // it is in a group
    } else if (running_ < at_a_time_) {
      ++running_;
      const std::vector<Write*> group = next_group();
      lock.unlock();
      std::vector<Status> outcomes = run_(group);
      lock.lock();
      for (std::size_t i = 0; i < group.size(); ++i)
        group[i]->outcome = std::move(outcomes[i]);
      --running_;
      turn_.notify_all();
    } else if (turn_.wait_until(lock, own.deadline) == std::cv_status::timeout) {
      const auto still = std::find(queue_.begin(), queue_.end(), &own);
      if (still == queue_.end()) continue;
      queue_.erase(still);
      own.outcome = too_late_(own);
    }
  }
  return std::move(*own.outcome);
}

}  // namespace tidemark
