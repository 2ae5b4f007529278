#include "schedule/retry.h"

#include <algorithm>

namespace tidemark {

bool may_be_retried(const RetrySpec& policy, const Error& error, int attempts,
                    std::chrono::milliseconds since_fire) {
  if (error.retry == Retry::never || error.fault == Fault::user) return false;
  return attempts < policy.attempts && since_fire <= policy.within;
}

std::optional<std::chrono::milliseconds> pause_before_retry(const RetrySpec& policy,
                                                            const Error& error, int attempts,
                                                            std::chrono::milliseconds since_fire,
                                                            Randomness& randomness) {
  if (!may_be_retried(policy, error, attempts, since_fire)) return std::nullopt;
  constexpr int doublings_max = 32;
  const std::int64_t width = std::min<std::int64_t>(
      policy.pause_max.count(), policy.pause.count() << std::clamp(attempts - 1, 0, doublings_max));
  const auto drawn =
      static_cast<std::int64_t>(randomness.next() % static_cast<std::uint64_t>(width + 1));
  const std::chrono::milliseconds pause(drawn);
  if (since_fire + pause > policy.within) return std::nullopt;
  return pause;
}

}  // namespace tidemark
