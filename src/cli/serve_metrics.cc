#include "cli/serve_metrics.h"

#include <utility>

#include "run/project_store.h"

namespace tidemark {
namespace {

using Volumes = std::vector<std::pair<std::string, VolumeSpace>>;

void add_volume(Volumes& volumes, const char* use, const std::filesystem::path& path) {
  auto space = volume_space(path);
  // One that cannot be asked is not told.
  if (space.ok()) volumes.emplace_back(use, *std::move(space));
}

}  // namespace

std::vector<std::pair<std::string, VolumeSpace>> volumes_of(const ProjectSpec& project) {
  Volumes volumes;
  add_volume(volumes, "spill", project.root / state_folder);
  if (!project.stage.path.starts_with("s3://"))
    add_volume(volumes, "stage", project.root / project.stage.path);
  if (const auto file = store_file(project.store, project.root))
    add_volume(volumes, "store", file->parent_path());
  return volumes;
}

ServiceMoment moment_of(const Workspace& workspace, Service& service, SqlDatabase& store) {
  ServiceMoment moment;
  auto overview = look_over(store, 1, [](const Task&) { return true; });
  if (overview.ok()) moment.store = *std::move(overview);
  moment.now = service.now();
  moment.volumes = volumes_of(workspace.project());
  for (const auto& [name, guard] : workspace.guards().all()) {
    const Guard::Use use = guard->use();
    moment.connections.push_back(
        {name, use.sessions, use.wanted, guard->spec().connections, guard->share()});
  }
  return moment;
}

}  // namespace tidemark
