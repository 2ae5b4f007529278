#include "store/timed_database.h"

#include <utility>

namespace tidemark {
namespace {

class TimedDatabase final : public SqlDatabase {
 public:
  TimedDatabase(std::unique_ptr<SqlDatabase> database, const Clock& clock, StoreTook tell)
      : database_(std::move(database)), clock_(clock), tell_(std::move(tell)) {}
  Status read(const Work& work) override {
    return timed("read", [&] { return database_->read(work); });
  }
  Status write(const Work& work, std::optional<std::chrono::milliseconds> patience) override {
    return timed("write", [&] { return database_->write(work, patience); });
  }
  Status write_behind(const Work& work) override {
    return timed("write", [&] { return database_->write_behind(work); });
  }
  Status migrate(const Work& work) override { return database_->migrate(work); }
  std::string name() const override { return database_->name(); }

 private:
  template <class Run>
  Status timed(std::string_view what, Run run) {
    const auto began = clock_.monotonic();
    Status done = run();
    tell_(what, clock_.monotonic() - began);
    return done;
  }

  const std::unique_ptr<SqlDatabase> database_;
  const Clock& clock_;
  const StoreTook tell_;
};

}  // namespace

std::unique_ptr<SqlDatabase> time_work(std::unique_ptr<SqlDatabase> database, const Clock& clock,
                                       StoreTook tell) {
  return std::make_unique<TimedDatabase>(std::move(database), clock, std::move(tell));
}

}  // namespace tidemark
