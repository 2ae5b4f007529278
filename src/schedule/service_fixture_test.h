// What the tests of the service share.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "schedule/service.h"

namespace tidemark {

// Serves for so long, which must end well; `meanwhile` happens in a thread of its own.
inline void serve_for(Service& service, std::chrono::milliseconds duration,
                      const std::function<void(Service&)>& meanwhile = {}) {
  Cancel stop;
  std::thread timer([&] {
    const auto end = std::chrono::steady_clock::now() + duration;
    if (meanwhile) meanwhile(service);
    std::this_thread::sleep_until(end);
    stop.request();
  });
  const Status served = service.serve(stop);
  timer.join();
  EXPECT_TRUE(served.ok()) << served.error().describe();
}

}  // namespace tidemark
