#include "schedule/job_watch.h"

#include <sys/stat.h>

#include <system_error>
#include <utility>

#include "run/job_edit.h"
#include "spec/stored_file.h"

namespace tidemark {

namespace fs = std::filesystem;

JobWatch::JobWatch(const ProjectSpec& project, const std::vector<JobSpec>& jobs,
                   const ConnectorCatalog& catalog, SqlDatabase& store, std::int64_t edited,
                   std::chrono::system_clock::time_point read_since)
    : root_(project.root),
      settings_(project.settings),
      catalog_(catalog),
      stored_(store),
      edited_(edited) {
  for (const CalendarSpec& calendar : project.calendars) {
    if (calendar.file) calendars_.push_back(root_ / calendar.file->value);
  }
  seen_ = see();
  // Files have the time of the kernel's last tick.
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(
      (read_since - std::chrono::seconds(1)).time_since_epoch());
  std::erase_if(seen_, [&](const auto& file) { return file.second.second >= since.count(); });
  // A job whose file is gone by now.
  for (const JobSpec& job : jobs) {
    if (!is_stored_file(job.file)) seen_.try_emplace((root_ / job.file).string());
  }
}

JobWatch::Seen JobWatch::see() const {
  Seen seen;
  std::error_code code;
  const auto note = [&](const fs::path& path) {
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) return;
    // Of a file that was moved here only this time is new.
    const std::int64_t changed =
        std::int64_t{found.st_ctim.tv_sec} * 1'000'000'000 + found.st_ctim.tv_nsec;
    seen[path.string()] = {found.st_size, changed};
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
