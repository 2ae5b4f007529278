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
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) break;
      run = waiting_.front();
      waiting_.pop_front();
    }
    const auto traced = read(run);
    if (!traced) continue;
    JsonArray spans = spans_of(*traced);
    std::move(spans.begin(), spans.end(), std::back_inserter(batch.spans));
    ++batch.runs;
  }
  return batch;
}

std::optional<TracedRun> TraceSender::read(const RunId& run) {
  auto traced = parts_.run_of(run);
  std::optional<TraceParent> parent;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = parents_.find(run); found != parents_.end()) {
      parent = found->second;
      parents_.erase(found);
    }
  }
  if (!traced.ok() || !traced->history.run.ended_at) {
    parts_.dropped("unreadable", 1);
    return std::nullopt;
  }
  traced->parent = std::move(parent);
  return std::move(traced).value();
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
    if (rest(answer, attempts)) continue;
    const std::lock_guard lock(mutex_);
    unsent_ = batch.runs;
    return false;
  }
}

// Until it is time for another try; false: there is none. Who leaves tries once more at once, and
// then only where the collector says that it will be in time.
bool TraceSender::rest(const OtlpAnswer& answer, int attempts) {
  const milliseconds longest = std::min(
      options_.again_max, options_.again_min * (1 << std::min(attempts - 1, doublings_max)));
  // Servers that failed together do not come back together.
  const auto half = static_cast<std::uint64_t>(longest.count()) / 2;
  const milliseconds own(static_cast<std::int64_t>(half + parts_.randomness.next() % (half + 1)));
  const milliseconds pause = std::max(own, answer.after.value_or(milliseconds(0)));
  std::unique_lock lock(mutex_);
  const bool was_draining = draining_;
  const auto until = std::chrono::steady_clock::now() + pause;
  if (was_draining && (!answer.after || until >= drained_by_)) return false;
  changed_.wait_until(lock, until, [&] { return stopped_ || draining_ != was_draining; });
  return !stopped_;
}

// Once, until all is well again.
void TraceSender::complain(const std::string& text) {
  if (!std::exchange(fails_, true)) parts_.say(text);
}

}  // namespace tidemark
