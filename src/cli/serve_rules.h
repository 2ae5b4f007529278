// The rules of a service that find what a person should know of, and the thread that looks. For
// this folder only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "alert/rules.h"
#include "base/cancel.h"
#include "cli/call.h"
#include "schedule/service.h"

namespace tidemark {

// Says what begins to hold, and what holds no more, and hands it on.
class SaidBoard final : public AlertBoard {
 public:
  // `next` may be null: nobody else is told.
  explicit SaidBoard(AlertBoard* next) : next_(next) {}
  Status holds(AlertScope scope, const std::vector<Alert>& now) override;

 private:
  AlertBoard* const next_;
  std::map<AlertScope, std::map<AlertKey, std::string>> told_;  // of one thread, with their texts
};

// Tells all of these of runs.
class RunWatchers final : public RunObserver {
 public:
  explicit RunWatchers(std::vector<RunObserver*> watchers) : watchers_(std::move(watchers)) {}
  void on(const RunEvent& event) override;
  void ended(const RunEnd& end) override;
  void left(const RunId& run) override;

 private:
  const std::vector<RunObserver*> watchers_;
};

// Owned by who serves; outlives its runs. Any thread.
class ServedRules {
 public:
  // Over a connection of its own with the store, which has its tables.
  static Result<std::unique_ptr<ServedRules>> open(const ProjectSpec& project,
                                                   const Surroundings& around, AlertBoard* board);
  // As stop().
  ~ServedRules();
  // From now on; both outlive it, or stop() comes before their end.
  void start(Service& service, const Workspace& workspace, const Service::Jobs& jobs);
  void stop();

  void set_jobs(const Service::Jobs& jobs) { rules_->set_jobs(jobs); }
  void note(const ServiceNote& note) { rules_->note(note); }
  RunObserver& watcher() { return *rules_; }

 private:
  explicit ServedRules(std::unique_ptr<SqlDatabase> database) : database_(std::move(database)) {}
  ServerSight sight() const;

  std::unique_ptr<SqlDatabase> database_;
  std::unique_ptr<SaidBoard> board_;
  Service* service_ = nullptr;  // set before the thread begins
  const Workspace* workspace_ = nullptr;
  std::unique_ptr<AlertRules> rules_;
  Cancel stop_;
  std::thread thread_;
};

}  // namespace tidemark
