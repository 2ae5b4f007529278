// Retry: whether a run that failed is tried again, and when.
//
// Exponential with full jitter: the n-th pause is drawn from 0 to base * 2^(n-1), at most `cap`, so
// that jobs that failed together do not come back together (M. Brooker, "Exponential Backoff And
// Jitter", 2015). Values and pure functions.
#pragma once

#include <chrono>
#include <optional>

#include "base/error.h"
#include "env/randomness.h"

namespace tidemark {

struct RetryPolicy {
  int attempts_max = 5;  // the first one is one of them
  std::chrono::milliseconds base{10'000};
  std::chrono::milliseconds cap{600'000};
  std::chrono::milliseconds within{std::chrono::hours(24)};  // since the fire; none is begun later
};

// The pause before the next attempt, when `attempts` were made and the last ended with `error`,
// `since_fire` after the fire; nothing: not again. Faults of the user, and those whose retry is
// `never`, stay for a person.
std::optional<std::chrono::milliseconds> pause_before_retry(const RetryPolicy& policy,
                                                            const Error& error, int attempts,
                                                            std::chrono::milliseconds since_fire,
                                                            Randomness& randomness);

}  // namespace tidemark
