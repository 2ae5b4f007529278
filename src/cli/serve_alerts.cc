#include "cli/serve_alerts.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "env/process.h"
#include "run/project_store.h"

namespace tidemark {

std::string project_name(const ProjectSpec& project) {
  std::error_code failed;
  const auto root = std::filesystem::weakly_canonical(project.root, failed);
  return (failed ? project.root : root).filename().string();
}

ServedAlerts::ServedAlerts(std::unique_ptr<SqlDatabase> database, const AlertSpec& spec)
    : database_(std::move(database)), board_(*database_, spec, this_process()) {}

Result<std::unique_ptr<ServedAlerts>> ServedAlerts::start(const ProjectSpec& project,
                                                          const Surroundings& around) {
  TM_TRY(auto database,
         open_store_database(project.store, project.root, around.files, around.clock));
  std::unique_ptr<ServedAlerts> served(new ServedAlerts(std::move(database), project.alerts));
  const DeliveryParts parts{*served->database_, served->board_, this_process(),
                            project_name(project)};
  TM_TRY(auto deliveries, deliveries_of(project.alerts, parts, around.clock));
  served->dispatcher_ = std::make_unique<Dispatcher>(parts, std::move(deliveries));
  return served;
}

}  // namespace tidemark
