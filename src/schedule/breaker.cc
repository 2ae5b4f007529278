#include "schedule/breaker.h"

#include <algorithm>
#include <utility>

namespace tidemark {

Breaker::State Breaker::state(Time now) const {
  if (!opened_until_) return State::closed;
  return now < *opened_until_ ? State::open : State::half_open;
}

std::optional<Breaker::Time> Breaker::open_until(Time now) const {
  return state(now) == State::open ? opened_until_ : std::nullopt;
}

bool Breaker::let_through(Time now) {
  switch (state(now)) {
    case State::closed:
      return true;
    case State::open:
      return false;
    case State::half_open:
      return !std::exchange(trying_, true);
  }
  return false;
}

void Breaker::succeeded() {
  failures_ = 0;
  trying_ = false;
  opened_until_.reset();
  pause_ = options_.pause;
  why_.clear();
}

void Breaker::failed(const Error& error, Time now) {
  const bool tried = std::exchange(trying_, false);
  const bool counts =
      error.retry != Retry::never && (error.fault == Fault::source || error.fault == Fault::target);
  // It answered, if only with a fault of the job's.
  if (!counts) return succeeded();
  why_ = error.message;
  ++failures_;
  if (tried) {
    pause_ = std::min(2 * pause_, options_.pause_max);
    opened_until_ = now + pause_;
  } else if (failures_ >= options_.failures_max && !opened_until_) {
    opened_until_ = now + pause_;
  }
}

}  // namespace tidemark
