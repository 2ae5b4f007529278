// EventLoop: one thread that waits for many sockets; private to this folder.
//
// run() belongs to that thread, and so does everything else but post() and stop(), which are safe
// from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "drivers/http/descriptor.h"

namespace tidemark {

class EventLoop {
 public:
  class Watcher {
   public:
    virtual ~Watcher() = default;
    // The socket can be read or written, as far as that was asked for, or has failed.
    virtual void on_ready() = 0;
  };

  static Result<std::unique_ptr<EventLoop>> make();

  // What the watcher is told of, in the place of what was said before; neither: nothing, not even
  // a failure. The watcher stays where it is until it is told so.
  void watch(int descriptor, Watcher& watcher, bool read, bool write);
  // To be called soon, on the loop's thread; not at all where the loop has ended.
  void post(std::function<void()> what);
  // Until stop(), and then what was posted before; calls `tick` that often.
  void run(std::chrono::milliseconds tick_every, const std::function<void()>& tick);
  void stop();

 private:
  struct Watched {
    Watcher* watcher;
    std::uint32_t number;  // another one for each socket that has had the same descriptor
    std::uint32_t events;
  };

  EventLoop(Descriptor poll, Descriptor wake);
  void run_posted();
  void wake();
  void unwake();

  Descriptor poll_;
  Descriptor wake_;
  std::uint32_t next_number_ = 1;
  std::unordered_map<int, Watched> watched_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // under mutex_
  bool stopped_ = false;                       // under mutex_
};

}  // namespace tidemark
