#include "telemetry/trace_sender.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "drivers/http/quiet_thread.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t runs_of_batch_max = 50;
constexpr std::size_t spans_of_batch = 2'000;  // from so many on no more runs are added
constexpr std::size_t parents_max = 1'000;
constexpr int doublings_max = 20;

}  // namespace

TraceSender::TraceSender(TraceSenderParts parts, TraceSenderOptions options)
    : parts_(std::move(parts)), options_(options) {
  thread_ = quiet_thread([this] { work(); });
}

TraceSender::~TraceSender() {
  drain(milliseconds(0));
}

void TraceSender::ended(const RunEnd& end) {
  const char* reason = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (draining_) {
      reason = "stopped";
    } else {
      waiting_.push_back(end.run);
      if (waiting_.size() > options_.waiting_max) {
        parents_.erase(waiting_.front());
        waiting_.pop_front();
        reason = "full";
      }
    }
  }
  changed_.notify_all();
  if (reason != nullptr) parts_.dropped(reason, 1);
}

void TraceSender::set_parent(const RunId& run, TraceParent parent) {
  const std::lock_guard lock(mutex_);
  parents_.insert_or_assign(run, std::move(parent));
  // Ids sort by time: what goes is of a run that never came to be, or goes on for very long.
  if (parents_.size() > parents_max) parents_.erase(parents_.begin());
}

std::int64_t TraceSender::drain(milliseconds limit) {
  if (!thread_.joinable()) return 0;
  {
    std::unique_lock lock(mutex_);
    draining_ = true;
    drained_by_ = std::chrono::steady_clock::now() + limit;
    changed_.notify_all();
    changed_.wait_until(lock, drained_by_, [this] { return is_over_; });
    stopped_ = true;
  }
  stop_.request();
  changed_.notify_all();
  thread_.join();
  const std::int64_t left = unsent_ + static_cast<std::int64_t>(waiting_.size());
  if (left > 0) parts_.dropped("stopped", left);
  return left;
}

void TraceSender::work() {
  while (wait_for_runs()) {
    Batch batch = take();
    if (batch.runs > 0 && !send(std::move(batch))) break;
    if (failed_reads_ > 0 && !rest(std::nullopt, failed_reads_)) break;
  }
  const std::lock_guard lock(mutex_);
  is_over_ = true;
  changed_.notify_all();
}

// False: there is no more to send.
bool TraceSender::wait_for_runs() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return draining_ || !waiting_.empty(); });
  changed_.wait_for(lock, options_.gathers, [this] { return draining_; });
  return !stopped_ && !waiting_.empty();
}

TraceSender::Batch TraceSender::take() {
  Batch batch;
  while (batch.runs < runs_of_batch_max && batch.spans.size() < spans_of_batch) {
    RunId run;
    {
      // Each may wait for the store as long as that takes: who leaves waits for one of them.
      const std::lock_guard lock(mutex_);
      if (stopped_ || waiting_.empty()) break;
      run = waiting_.front();
      waiting_.pop_front();
    }
    auto traced = parts_.run_of(run);
    if (!traced.ok() && traced.error().retry != Retry::never) {
      put_back(run);
      ++failed_reads_;
      complain("traces wait, as runs cannot be read: " + traced.error().describe());
      break;
    }
    failed_reads_ = 0;
    std::optional<TraceParent> parent = take_parent(run);
    if (!traced.ok() || !traced->history.run.ended_at) {
      parts_.dropped("unreadable", 1);
      complain("the trace of the run " + run.get() +
               " is left out: " + (traced.ok() ? "it has no end" : traced.error().describe()));
      continue;
    }
    traced->parent = std::move(parent);
    JsonArray spans = spans_of(*traced);
    std::move(spans.begin(), spans.end(), std::back_inserter(batch.spans));
    ++batch.runs;
  }
  return batch;
}

// As the oldest that waits, which it was.
void TraceSender::put_back(const RunId& run) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < options_.waiting_max) {
      waiting_.push_front(run);
      return;
    }
    parents_.erase(run);
  }
  parts_.dropped("full", 1);
}

std::optional<TraceParent> TraceSender::take_parent(const RunId& run) {
  const std::lock_guard lock(mutex_);
  const auto found = parents_.find(run);
  if (found == parents_.end()) return std::nullopt;
  std::optional<TraceParent> parent = std::move(found->second);
  parents_.erase(found);
  return parent;
}

// False: it was not sent, and nothing is sent any more.
bool TraceSender::send(Batch batch) {
  const std::string document = traces_document(parts_.spec, std::move(batch.spans));
  for (int attempts = 1;; ++attempts) {
    const OtlpAnswer answer = parts_.post(document, stop_);
    switch (answer.kind) {
      case OtlpAnswer::Kind::taken:
        parts_.sent(batch.runs);
        if (answer.spans_refused > 0) {
          parts_.spans_refused(answer.spans_refused);
          complain("traces are not taken whole: " + answer.why);
        } else {
          fails_ = false;
        }
        return true;
      case OtlpAnswer::Kind::refused:
        parts_.dropped("refused", batch.runs);
        complain("traces are refused: " + answer.why);
        return true;
      case OtlpAnswer::Kind::again:
        break;
    }
    if (!stop_.requested()) complain("traces are not taken: " + answer.why);
    if (rest(answer.after, attempts)) continue;
    const std::lock_guard lock(mutex_);
    unsent_ = batch.runs;
    return false;
  }
}

// Until it is time for another try; false: there is none. Who leaves tries once more at once, and
// then only where the collector says that it will be in time.
bool TraceSender::rest(std::optional<milliseconds> after, int attempts) {
  const milliseconds longest = std::min(
      options_.again_max, options_.again_min * (1 << std::min(attempts - 1, doublings_max)));
  // Servers that failed together do not come back together.
  const auto half = static_cast<std::uint64_t>(longest.count()) / 2;
  const milliseconds own(static_cast<std::int64_t>(half + parts_.randomness.next() % (half + 1)));
  const milliseconds pause = std::max(own, after.value_or(milliseconds(0)));
  std::unique_lock lock(mutex_);
  const bool was_draining = draining_;
  const auto until = std::chrono::steady_clock::now() + pause;
  if (was_draining && (!after || until >= drained_by_)) return false;
  changed_.wait_until(lock, until, [&] { return stopped_ || draining_ != was_draining; });
  return !stopped_;
}

// Once, until all is well again.
void TraceSender::complain(const std::string& text) {
  if (!std::exchange(fails_, true)) parts_.say(text);
}

}  // namespace tidemark
