#include "drivers/http/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace tidemark {
namespace {

constexpr std::uint64_t wake_data = 0;  // no socket has number 0

std::uint64_t data_of(std::uint32_t number, int descriptor) {
  return static_cast<std::uint64_t>(number) << 32U | static_cast<std::uint32_t>(descriptor);
}

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::make() {
  Descriptor poll(::epoll_create1(EPOLL_CLOEXEC));
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_data;
  if (!poll.is_open() || !wake.is_open() ||
      ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0)
    return internal_error("http.no_event_loop",
                          std::string("cannot wait for sockets: ") + std::strerror(errno),
                          Retry::backoff, "raise the limit of open files (ulimit -n)");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(poll), std::move(wake)));
}

EventLoop::EventLoop(Descriptor poll, Descriptor wake)
    : poll_(std::move(poll)), wake_(std::move(wake)) {}

void EventLoop::watch(int descriptor, Watcher& watcher, bool read, bool write) {
  const std::uint32_t events =
      (read ? std::uint32_t{EPOLLIN} : 0U) | (write ? std::uint32_t{EPOLLOUT} : 0U);
  const auto found = watched_.find(descriptor);
  if (events == 0) {
    if (found == watched_.end()) return;
    // A failed socket is reported whether one asks or not, and would be again and again.
    ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
    watched_.erase(found);
    return;
  }
  if (found != watched_.end() && found->second.events == events) return;
  const bool is_new = found == watched_.end();
  const std::uint32_t number = is_new ? next_number_++ : found->second.number;
  if (next_number_ == 0) next_number_ = 1;
  epoll_event event{};
  event.events = events;
  event.data.u64 = data_of(number, descriptor);
  TM_ASSERT(::epoll_ctl(poll_.get(), is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event) ==
            0);
  watched_[descriptor] = {&watcher, number, events};
}

void EventLoop::post(std::function<void()> what) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(what));
  }
  wake();
}

void EventLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake();
}

void EventLoop::wake() {
  const std::uint64_t one = 1;
  // It fails only where the loop has not yet seen an older wake.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::unwake() {
  std::uint64_t wakes = 0;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &wakes, sizeof wakes);
}

void EventLoop::run_posted() {
  std::vector<std::function<void()>> posted;
  {
    const std::lock_guard lock(mutex_);
    posted.swap(posted_);
  }
  for (const auto& what : posted)
    what();
}

void EventLoop::run(std::chrono::milliseconds tick_every, const std::function<void()>& tick) {
  auto next_tick = std::chrono::steady_clock::now() + tick_every;
  std::array<epoll_event, 256> events{};
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(next_tick - std::chrono::steady_clock::now());
    const int count = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(std::max<std::int64_t>(0, left.count())));
    const bool is_woken =
        std::any_of(events.begin(), events.begin() + std::max(0, count),
                    [](const epoll_event& event) { return event.data.u64 == wake_data; });
    // Before what was posted is taken: what is posted from here on wakes the next round.
    if (is_woken) unwake();
    // First, so that what was posted before a client connected holds for it.
    bool stopping = false;
    {
      const std::lock_guard lock(mutex_);
      stopping = stopped_;
    }
    run_posted();
    if (stopping) return;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
      if (data == wake_data) continue;
      // What an event before this one has closed is not told any more.
      const auto found = watched_.find(static_cast<int>(data & 0xffffffffU));
      if (found != watched_.end() && found->second.number == data >> 32U)
        found->second.watcher->on_ready();
    }
    if (std::chrono::steady_clock::now() >= next_tick) {
      tick();
      next_tick = std::chrono::steady_clock::now() + tick_every;
    }
  }
}

}  // namespace tidemark
