// JobWatch: whether the files of a project's jobs, and of its calendars, were changed, or the jobs
// that stand in its store, and what they say now.
//
// One thread; look() reads the folder's entries and asks the store how often it was edited, and
// reads all where that changed.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spec/project_load.h"
#include "store/stored_jobs.h"

namespace tidemark {

struct ChangedProject {
  LoadedProject loaded;
  bool settings = false;  // tidemark.yaml was changed too, in more than `log`
};

class JobWatch {
 public:
  // `jobs` were read from the files after `read_since`, of the system's clock: what was changed
  // later is found by the first look. Of the store it is said how often it was `edited` when its
  // jobs were read. It outlives the watch.
  JobWatch(const ProjectSpec& project, const std::vector<JobSpec>& jobs,
           const ConnectorCatalog& catalog, SqlDatabase& store, std::int64_t edited,
           std::chrono::system_clock::time_point read_since);
  // The project as it is said now, when that was changed since it was looked at last. While the
  // store does not answer nothing was changed.
  std::optional<ChangedProject> look();
  // How often the store was edited when it was looked at last.
  std::int64_t edited() const { return edited_; }

 private:
  // Of each file its size and when it was changed or put there, in nanoseconds.
  using Seen = std::map<std::string, std::pair<std::int64_t, std::int64_t>>;
  Seen see() const;

  std::filesystem::path root_;
  std::size_t settings_;
  std::vector<std::filesystem::path> calendars_;  // their files
  const ConnectorCatalog& catalog_;
  StoredJobTable stored_;
  Seen seen_;
  std::int64_t edited_;
};

}  // namespace tidemark
