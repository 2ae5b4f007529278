#include "cli/serve_metrics.h"

#include <utility>

#include "run/project_store.h"

namespace tidemark {
namespace {

void add_volume(ServiceMoment& moment, const char* use, const std::filesystem::path& path) {
  auto space = volume_space(path);
  // One that cannot be asked is not told.
  if (space.ok()) moment.volumes.emplace_back(use, *std::move(space));
}

}  // namespace

ServiceMoment moment_of(const Workspace& workspace, Service& service, SqlDatabase& store) {
  ServiceMoment moment;
  auto overview = look_over(store, 1, [](const Task&) { return true; });
  if (overview.ok()) moment.store = *std::move(overview);
  moment.now = service.now();
  const ProjectSpec& project = workspace.project();
  add_volume(moment, "spill", project.root / state_folder);
  if (!project.stage.path.starts_with("s3://"))
    add_volume(moment, "stage", project.root / project.stage.path);
  if (const auto file = store_file(project.store, project.root))
    add_volume(moment, "store", file->parent_path());
  for (const auto& [name, guard] : workspace.guards().all()) {
    const Guard::Use use = guard->use();
    moment.connections.push_back(
        {name, use.sessions, use.wanted, guard->spec().connections, guard->share()});
  }
  return moment;
}

}  // namespace tidemark
