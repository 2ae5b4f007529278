#include "schedule/job_watch.h"

#include <system_error>
#include <utility>

#include "run/job_edit.h"

namespace tidemark {

namespace fs = std::filesystem;

JobWatch::JobWatch(const ProjectSpec& project, const ConnectorCatalog& catalog, SqlDatabase& store,
                   std::int64_t edited)
    : root_(project.root),
      settings_(project.settings),
      catalog_(catalog),
      stored_(store),
      edited_(edited) {
  for (const CalendarSpec& calendar : project.calendars) {
    if (calendar.file) calendars_.push_back(root_ / calendar.file->value);
  }
  seen_ = see();
}

JobWatch::Seen JobWatch::see() const {
  Seen seen;
  std::error_code code;
  const auto note = [&](const fs::path& path) {
    const auto size = fs::file_size(path, code);
    const auto time = fs::last_write_time(path, code);
    if (!code) seen[path.string()] = {size, time.time_since_epoch().count()};
    code.clear();
  };
  for (const fs::path& file : calendars_)
    note(file);
  // Jobs, and the SQL that they name, which stands beside them or anywhere but in our own folder.
  fs::recursive_directory_iterator at(root_, fs::directory_options::skip_permission_denied, code);
  for (; !code && at != fs::recursive_directory_iterator(); at.increment(code)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(".")) at.disable_recursion_pending();
    const std::string ending = at->path().extension().string();
    if (ending == ".yaml" || ending == ".yml" || ending == ".sql") note(at->path());
  }
  return seen;
}

std::optional<ChangedProject> JobWatch::look() {
  Seen now = see();
  const auto edits = stored_.edits();
  const bool is_edited = edits.ok() && *edits != edited_;
  if (now == seen_ && !is_edited) return std::nullopt;
  const auto stored = stored_.all();
  if (!stored.ok()) return std::nullopt;
  seen_ = std::move(now);
  edited_ = stored->edit;
  const auto texts = [&](const ProjectSpec&) -> Result<std::vector<StoredJobText>> {
    return texts_of(*stored);
  };
  ChangedProject changed{load_project(root_, catalog_, nullptr, {}, {}, texts)};
  changed.settings = changed.loaded.project.settings != settings_;
  return changed;
}

}  // namespace tidemark
