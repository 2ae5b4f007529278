#include "run/split_reads.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "observe/log.h"
#include "run/cancel_watch.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int attempts_max = 4;
constexpr milliseconds first_pause{500};  // doubled each time
constexpr milliseconds room_asked_every{200};

void pause(milliseconds duration, const Cancel& cancel) {
  const auto until = steady_clock::now() + duration;
  while (!cancel.requested() && steady_clock::now() < until)
    std::this_thread::sleep_for(milliseconds(20));
}

}  // namespace

SplitReads::SplitReads(Source& source, SplitUse& use, duck::Engine& engine, ReadAgain read_again,
                       Cancel& cancel)
    : source_(source),
      use_(use),
      engine_(engine),
      read_again_(std::move(read_again)),
      stop_(cancel) {
  for (const SplitLeft& left : use_.left())
    waiting_.push_back(left.number);
}

Status SplitReads::read(duck::Connection& engine, int readers_max) {
  const int readers =
      std::min({readers_max, source_.readers_max(), static_cast<int>(waiting_.size())});
  std::vector<std::thread> beside;
  for (int number = 1; number < readers; ++number)
    beside.emplace_back([this, context = log_context()] {
      const LogScope scope(context);
      read_beside();
    });
  read_all(engine, Place::alone);
  for (std::thread& thread : beside)
    thread.join();
  if (error_) return *std::move(error_);
  return {};
}

void SplitReads::read_beside() {
  auto engine = engine_.connect();
  if (!engine.ok()) return fail(std::move(engine).error());
  const CancelWatch watch(stop_, **engine);
  read_all(**engine, Place::beside);
}

void SplitReads::read_all(duck::Connection& engine, Place place) {
  while (wait_for_more(place)) {
    auto opened = open_next(place);
    if (!opened.ok()) return fail(std::move(opened).error());
    if (!*opened) {
      pause(room_asked_every, stop_);
      continue;
    }
    const std::size_t number = (*opened)->number;
    Status taken = use_.take(engine, number, (*opened)->extraction, stop_);
    opened = std::optional<Opened>();  // what it holds is given back before it counts as ended
    if (taken.ok()) {
      end_one(std::nullopt);
    } else {
      end_one(put_back(number, std::move(taken).error()));
    }
  }
}

// The caller stays as long as a split may come back; the others leave it to that.
bool SplitReads::wait_for_more(Place place) {
  std::unique_lock lock(mutex_);
  while (waiting_.empty() && reading_ > 0 && place == Place::alone && !error_)
    changed_.wait(lock);
  return !waiting_.empty() && !error_;
}

Result<std::optional<SplitReads::Opened>> SplitReads::open_next(Place place) {
  const std::lock_guard source_lock(source_mutex_);
  std::unique_lock lock(mutex_);
  if (waiting_.empty() || error_) return std::optional<Opened>();
  const std::size_t number = waiting_.front();
  lock.unlock();
  for (const SplitLeft& left : use_.left()) {
    if (left.number != number) continue;
    auto extraction = open(left, place);
    if (!extraction.ok()) {
      if (auto error = put_back(number, std::move(extraction).error())) return *std::move(error);
      return std::optional<Opened>();
    }
    if (!*extraction) return std::optional<Opened>();
    lock.lock();
    waiting_.pop_front();
    ++reading_;
    return std::optional(Opened{number, std::move(**extraction)});
  }
  return internal_error("run.split_done", "a split is waiting and was read already");
}

Result<std::optional<Extraction>> SplitReads::open(const SplitLeft& left, Place place) {
  const Split& split = use_.splits()[left.number];
  if (place == Place::beside) return source_.open_beside(split, left.place, stop_);
  if (left.place) {
    TM_TRY(Extraction extraction, source_.open_at(split, *left.place, stop_));
    return std::optional(std::move(extraction));
  }
  TM_TRY(Extraction extraction, source_.open(split, stop_));
  return std::optional(std::move(extraction));
}

std::optional<Error> SplitReads::put_back(std::size_t number, Error error) {
  const bool may_end_well = error.fault == Fault::source && error.retry != Retry::never;
  if (!may_end_well || !source_.can_go_on() || stop_.requested()) return error;
  milliseconds wait = first_pause;
  {
    const std::lock_guard lock(mutex_);
    const int failed = ++attempts_[number];
    if (failed >= attempts_max) return error;
    wait *= 1 << (failed - 1);
  }
  if (read_again_) read_again_(error);
  pause(wait, stop_);
  const std::lock_guard lock(mutex_);
  if (std::find(waiting_.begin(), waiting_.end(), number) == waiting_.end())
    waiting_.push_back(number);
  return std::nullopt;
}

void SplitReads::end_one(std::optional<Error> error) {
  if (error) fail(*std::move(error));
  const std::lock_guard lock(mutex_);
  --reading_;
  changed_.notify_all();
}

void SplitReads::fail(Error error) {
  {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    changed_.notify_all();
  }
  stop_.request();
}

}  // namespace tidemark
