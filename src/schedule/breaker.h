// Breaker: holds the jobs of a connection that does not answer, instead of letting each find out.
//
// Closed until `failures_max` runs in a row failed for the connection's sake; then open for
// `pause`, which doubles up to `pause_max`; then half-open: one run may try, and its end closes or
// opens it again. The pattern is M. Nygard's circuit breaker (Release It!, 2007). One thread at a
// time; time is the caller's monotonic clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/error.h"

namespace tidemark {

struct BreakerOptions {
  int failures_max = 5;
  std::chrono::nanoseconds pause = std::chrono::seconds(30);
  std::chrono::nanoseconds pause_max = std::chrono::minutes(10);
};

class Breaker {
 public:
  enum class State { closed, open, half_open };
  using Time = std::chrono::nanoseconds;

  explicit Breaker(BreakerOptions options) : options_(options), pause_(options.pause) {}

  // Whether a run may begin. In the half-open state it is let through once: its end must be told.
  bool let_through(Time now);
  void succeeded();
  // A run ended with an error: counts where a later try may end better, so where it is likely the
  // system's state and not the job's fault.
  void failed(const Error& error, Time now);
  // A run that was let through ended without having asked the system.
  void gave_up() { trying_ = false; }

  State state(Time now) const;
  // When the next run may try; nothing: now.
  std::optional<Time> open_until(Time now) const;
  const std::string& why() const { return why_; }  // the last failure, for people

 private:
  const BreakerOptions options_;
  Time pause_;
  int failures_ = 0;
  bool trying_ = false;  // somebody was let through in the half-open state
  std::optional<Time> opened_until_;
  std::string why_;
};

}  // namespace tidemark
