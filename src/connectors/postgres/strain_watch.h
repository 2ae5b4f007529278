// StrainWatch: looks twice a second whether the server that is read is slower than its guard
// allows, or its standbys further behind, and tells the guard. A thread and a session of its own,
// from construction to destruction; a server that cannot be asked is not judged.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "connect/guard.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

class StrainWatch {
 public:
  // `guard` outlives it.
  StrainWatch(ConnectOptions options, Guard& guard);
  ~StrainWatch();
  StrainWatch(const StrainWatch&) = delete;
  StrainWatch& operator=(const StrainWatch&) = delete;

 private:
  void look_until_stopped();
  // Nothing where the server cannot be asked.
  Result<bool> is_strained(Connection& connection);

  ConnectOptions options_;
  Guard& guard_;
  Cancel stop_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::thread thread_;
};

}  // namespace tidemark::postgres
