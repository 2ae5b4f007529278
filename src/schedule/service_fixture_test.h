// What the tests of the service share.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "schedule/service.h"
#include "store/sql_session.h"

namespace tidemark {

// A database that does not answer while `away` says so.
class AwayDatabase final : public SqlDatabase {
 public:
  AwayDatabase(std::unique_ptr<SqlDatabase> database, const std::atomic<bool>& away)
      : database_(std::move(database)), away_(away) {}
  Status read(const Work& work) override { return away_ ? gone() : database_->read(work); }
  Status write(const Work& work, std::optional<std::chrono::milliseconds> patience) override {
    return away_ ? gone() : database_->write(work, patience);
  }
  Status migrate(const Work& work) override { return database_->migrate(work); }
  std::string name() const override { return database_->name(); }

 private:
  static Status gone() {
    return internal_error("store.lost", "the store does not answer", Retry::reconnect);
  }
  std::unique_ptr<SqlDatabase> database_;
  const std::atomic<bool>& away_;
};

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
