#include "run/lease.h"

#include <utility>

#include "env/process.h"

namespace tidemark {

Result<std::unique_ptr<Lease>> Lease::take(Store& store, const Clock& clock,
                                           const LeaseOptions& options, Cancel& stop) {
  const LeaseClaim claim{options.job, options.run,   this_process(),
                         options.ttl, options.above, options.yields};
  const auto before = clock.monotonic();
  TM_TRY(const Fence token, store.claim(claim));
  std::unique_ptr<Lease> lease(new Lease(store, clock, options, token, stop));
  lease->renewed_ = before;
  lease->thread_ = std::thread([raw = lease.get()] { raw->keep(); });
  return lease;
}

Lease::Lease(Store& store, const Clock& clock, const LeaseOptions& options, Fence token,
             Cancel& stop)
    : store_(store),
      clock_(clock),
      options_(options),
      token_(token),
      stop_(stop),
      renewed_(clock.monotonic()) {}

Lease::~Lease() {
  {
    const std::lock_guard guard(mutex_);
    leave_ = true;
  }
  wake_.notify_all();
  thread_.join();
  // A lease that cannot be given back now ends by itself.
  if (!ended_ && !lost_) static_cast<void>(store_.give_back(options_.job, token_).ok());
}

Status Lease::held() const {
  if (lost_) return lease_lost(options_.job, "somebody else has taken it over");
  const auto age = clock_.monotonic() - renewed_.load();
  if (age <= options_.ttl * 2 / 3) return {};
  return lease_lost(
      options_.job,
      "its lease was last renewed " +
          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) + " s ago");
}

void Lease::keep() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, options_.ttl / 3, [this] { return leave_; })) {
    lock.unlock();
    const auto before = clock_.monotonic();
    const Status renewed = store_.renew(options_.job, token_, options_.ttl);
    if (renewed.ok()) renewed_ = before;
    if (!renewed.ok() && renewed.error().code == "run.lease_lost") lost_ = true;
    // A store that is busy or gone for a moment may be there at the next turn.
    if (!held().ok()) stop_.request();
    lock.lock();
  }
}

}  // namespace tidemark
