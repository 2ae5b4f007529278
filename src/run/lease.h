// Lease: while it lives, this process is the one that runs a job.
//
// Taken before the first durable step of a run, renewed on a thread of its own every third of its
// time to live, given back when destroyed. A lease reduces overlap; what protects the data is its
// token, the fence in the target's ledger. `held` is safe from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/cancel.h"
#include "env/clock.h"
#include "store/store.h"

namespace tidemark {

struct LeaseOptions {
  JobName job;
  RunId run;
  Fence above;  // the largest known elsewhere: in the target's ledger, in the stage
  std::chrono::milliseconds ttl{};
  bool yields = false;  // as LeaseClaim has it
};

class Lease {
 public:
  // `run.leased` when somebody else runs the job. `stop` is requested when the lease is lost.
  static Result<std::unique_ptr<Lease>> take(Store& store, const Clock& clock,
                                             const LeaseOptions& options, Cancel& stop);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Fence token() const { return token_; }
  // `run.lease_lost` when it was taken, or could not be renewed for two thirds of its time by the
  // monotonic clock: then this process stops before another may begin.
  Status held() const;
  // The run has ended in the store, which gave the lease back with it.
  void ended() { ended_ = true; }

 private:
  Lease(Store& store, const Clock& clock, const LeaseOptions& options, Fence token, Cancel& stop);
  void keep();

  Store& store_;
  const Clock& clock_;
  const LeaseOptions options_;
  const Fence token_;
  Cancel& stop_;
  std::atomic<std::chrono::nanoseconds> renewed_;  // monotonic; before the store was asked
  std::atomic<bool> lost_ = false;
  bool ended_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool leave_ = false;
  std::thread thread_;
};

}  // namespace tidemark
