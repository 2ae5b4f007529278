// TraceSender: sends traces of the runs that end, in a thread of its own.
//
// A run is noted by its id, and read from the store when its turn comes: who runs waits for
// nothing, and what waits is small. The newest 1,000 runs wait at most; older ones are dropped
// then. What cannot be read now waits as well. What the collector may take later is sent again,
// later and later; what it refuses is dropped. Owned by who serves or runs; what it borrows
// outlives it. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/cancel.h"
#include "env/randomness.h"
#include "observe/run_event.h"
#include "telemetry/otlp_client.h"
#include "telemetry/traces.h"

namespace tidemark {

struct TraceSenderOptions {
  std::chrono::milliseconds gathers{1'000};  // those that end meanwhile are sent together
  std::chrono::milliseconds again_min{1'000};
  std::chrono::milliseconds again_max{60'000};
  std::size_t waiting_max = 1'000;
};

struct TraceSenderParts {
  TelemetrySpec spec;
  Randomness& randomness;
  // From the sender's thread, blocking. Without a parent.
  std::function<Result<TracedRun>(const RunId&)> run_of;
  std::function<OtlpAnswer(const std::string& document, const Cancel&)> post;
  // What follows is quick, and called from any thread.
  std::function<void(const std::string&)> say;
  std::function<void(std::int64_t runs)> sent = [](std::int64_t) {};
  // `reason`: `full`, `refused`, `unreadable` or `stopped`.
  std::function<void(std::string_view reason, std::int64_t runs)> dropped = [](std::string_view,
                                                                               std::int64_t) {};
  std::function<void(std::int64_t spans)> spans_refused = [](std::int64_t) {};
};

class TraceSender final : public RunObserver {
 public:
  explicit TraceSender(TraceSenderParts parts, TraceSenderOptions options = {});
  // As drain(0).
  ~TraceSender() override;
  TraceSender(const TraceSender&) = delete;
  TraceSender& operator=(const TraceSender&) = delete;

  void on(const RunEvent&) override {}
  void ended(const RunEnd& end) override;
  // Whom the run, which has not ended, comes from.
  void set_parent(const RunId& run, TraceParent parent);
  // Sends what waits, within `limit`, and no more from then on. How many runs were not sent: those
  // for which there was no time, or that the collector did not take at once.
  std::int64_t drain(std::chrono::milliseconds limit);

 private:
  struct Batch {
    std::int64_t runs = 0;
    JsonArray spans;
  };
  void work();
  bool wait_for_runs();
  Batch take();
  void put_back(const RunId& run);
  std::optional<TraceParent> take_parent(const RunId& run);
  bool send(Batch batch);
  bool rest(std::optional<std::chrono::milliseconds> after, int attempts);
  void complain(const std::string& text);

  const TraceSenderParts parts_;
  const TraceSenderOptions options_;
  Cancel stop_;
  // Of the sender's thread: that it fails was said; how often the store did not answer by now.
  bool fails_ = false;
  int failed_reads_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<RunId> waiting_;
  std::map<RunId, TraceParent> parents_;
  std::chrono::steady_clock::time_point drained_by_;
  std::int64_t unsent_ = 0;  // of a batch that was given up
  bool draining_ = false;
  bool stopped_ = false;
  bool is_over_ = false;  // the thread

  std::thread thread_;
};

}  // namespace tidemark
