// JobWatch: whether the files of a project's jobs, and of its calendars, were changed, and what
// they say now.
//
// One thread; look() reads the folder's entries, and the files where those changed.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spec/project_load.h"

namespace tidemark {

struct ChangedProject {
  LoadedProject loaded;
  bool settings = false;  // tidemark.yaml was changed too
};

class JobWatch {
 public:
  // As they are now is as they were.
  JobWatch(const ProjectSpec& project, const ConnectorCatalog& catalog);
  // The project as its files say it now, when they were changed since they were looked at last.
  std::optional<ChangedProject> look();

 private:
  // Of each file its size and time.
  using Seen = std::map<std::string, std::pair<std::uintmax_t, std::int64_t>>;
  Seen see() const;

  std::filesystem::path root_;
  std::vector<std::filesystem::path> calendars_;  // their files
  const ConnectorCatalog& catalog_;
  Seen seen_;
};

}  // namespace tidemark
