#include "cli/serve_rules.h"

#include <utility>

#include "cli/serve_metrics.h"
#include "env/process.h"
#include "observe/log.h"
#include "run/project_store.h"

namespace tidemark {

Status SaidBoard::holds(AlertScope scope, const std::vector<Alert>& now) {
  std::map<AlertKey, std::string>& told = told_[scope];
  std::map<AlertKey, std::string> holds;
  for (const Alert& alert : now) {
    holds.emplace(alert.key, alert.text);
    if (!told.contains(alert.key)) {
      process_log().tell(LogLevel::warn, LogComponent::alert,
                         "alert " + alert.key.rule + " of " + alert.key.subject + ": " + alert.text,
                         {{"hint", alert.hint}});
    }
  }
  for (const auto& [key, text] : told) {
    if (!holds.contains(key))
      process_log().tell(LogLevel::info, LogComponent::alert,
                         "alert " + key.rule + " of " + key.subject + " is over");
  }
  told = std::move(holds);
  return next_ == nullptr ? Status() : next_->holds(scope, now);
}

void RunWatchers::on(const RunEvent& event) {
  for (RunObserver* const watcher : watchers_)
    watcher->on(event);
}
void RunWatchers::ended(const RunEnd& end) {
  for (RunObserver* const watcher : watchers_)
    watcher->ended(end);
}
void RunWatchers::left(const RunId& run) {
  for (RunObserver* const watcher : watchers_)
    watcher->left(run);
}

Result<std::unique_ptr<ServedRules>> ServedRules::open(const ProjectSpec& project,
                                                       const Surroundings& around,
                                                       AlertBoard* board) {
  TM_TRY(auto database,
         open_store_database(project.store, project.root, around.files, around.clock));
  std::unique_ptr<ServedRules> served(new ServedRules(std::move(database)));
  served->board_ = std::make_unique<SaidBoard>(board);
  AlertRulesOptions options;
  options.server = this_process();
  options.name = name_of_process(options.server);
  options.shared = !project.store.sqlite_path();
  const AlertRulesParts parts{*served->database_, around.clock, *served->board_,
                              [rules = served.get()] { return rules->service_->stepped_at(); },
                              [rules = served.get()] { return rules->sight(); }};
  served->rules_ = std::make_unique<AlertRules>(parts, project.alerts.rules, std::move(options));
  return served;
}

ServedRules::~ServedRules() {
  stop();
}

void ServedRules::start(Service& service, const Workspace& workspace, const Service::Jobs& jobs) {
  service_ = &service;
  workspace_ = &workspace;
  rules_->set_jobs(jobs);
  thread_ = std::thread([this] { rules_->look_until(stop_); });
}

void ServedRules::stop() {
  stop_.request();
  if (thread_.joinable()) thread_.join();
}

ServerSight ServedRules::sight() const {
  ServerSight sight;
  sight.stepped_at = service_->stepped_at();
  sight.resting = service_->now().resting;
  for (const auto& [name, guard] : workspace_->guards().all())
    sight.connections.push_back({name, guard->use().wanted, guard->share()});
  sight.volumes = volumes_of(workspace_->project());
  return sight;
}

}  // namespace tidemark
