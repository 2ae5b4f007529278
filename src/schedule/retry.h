// Retry: whether a run that failed is tried again, and when.
//
// Exponential with full jitter: the n-th pause is drawn from 0 to pause * 2^(n-1), at most
// `pause_max`, so
// that jobs that failed together do not come back together (M. Brooker, "Exponential Backoff And
// Jitter", 2015). Values and pure functions.
#pragma once

#include <chrono>
#include <optional>

#include "base/error.h"
#include "env/randomness.h"
#include "spec/job_spec.h"

namespace tidemark {

// Whether there is a next attempt at all, as said below.
bool may_be_retried(const RetrySpec& policy, const Error& error, int attempts,
                    std::chrono::milliseconds since_fire);
// The pause before the next attempt, when `attempts` were made and the last ended with `error`,
// `since_fire` after the fire; nothing: not again. Faults of the user, and those whose retry is
// `never`, stay for a person.
std::optional<std::chrono::milliseconds> pause_before_retry(const RetrySpec& policy,
                                                            const Error& error, int attempts,
                                                            std::chrono::milliseconds since_fire,
                                                            Randomness& randomness);

}  // namespace tidemark
