#include "run/run_meter.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace tidemark {

std::vector<std::chrono::nanoseconds> share_out(std::chrono::nanoseconds all,
                                                const std::vector<std::chrono::nanoseconds>& own) {
  TM_ASSERT(!own.empty());
  double sum = 0;
  for (const auto& one : own)
    sum += static_cast<double>(one.count());
  std::vector<std::chrono::nanoseconds> parts;
  auto left = all;
  for (std::size_t at = 0; at < own.size(); ++at) {
    const double share = sum > 0 ? static_cast<double>(own[at].count()) / sum
                                 : 1.0 / static_cast<double>(own.size());
    const bool is_last = at + 1 == own.size();
    const auto part = std::chrono::nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(all.count()) * share));
    parts.push_back(is_last ? left : std::min(part, left));
    left -= parts.back();
  }
  return parts;
}

void ProcessorShares::settle() {
  const auto process = processor_time();
  if (!shares_.empty()) {
    std::vector<std::chrono::nanoseconds> own;
    for (auto& [number, share] : shares_) {
      const auto used = share.thread.used();
      own.push_back(used - std::exchange(share.thread_seen, used));
    }
    const auto parts = share_out(process - process_seen_, own);
    std::size_t at = 0;
    for (auto& [number, share] : shares_)
      share.untaken += parts[at++];
  }
  process_seen_ = process;
}

std::uint64_t ProcessorShares::begin() {
  const std::lock_guard lock(mutex_);
  settle();
  Share share;
  share.thread_seen = share.thread.used();
  shares_.emplace(next_, share);
  return next_++;
}

void ProcessorShares::end(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  settle();
  shares_.erase(number);
}

std::chrono::nanoseconds ProcessorShares::take(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  settle();
  return std::exchange(shares_.at(number).untaken, {});
}

RunUse RunMeter::take() {
  rest_ += shares_.take(number_);
  RunUse use;
  use.cpu_us = std::chrono::duration_cast<std::chrono::microseconds>(rest_).count();
  rest_ -= std::chrono::microseconds(use.cpu_us);
  use.bytes_read = read_.exchange(0);
  use.bytes_written = written_.exchange(0);
  return use;
}

}  // namespace tidemark
