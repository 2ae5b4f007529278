// JobWatch: whether the files of a project's jobs were changed, and what they say now.
//
// One thread; look() reads the folder's entries, and the files where those changed. Settings of
// tidemark.yaml are taken when a service starts: what it says of connections is not looked at.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "spec/project_load.h"

namespace tidemark {

class JobWatch {
 public:
  // As they are now is as they were.
  JobWatch(std::filesystem::path root, const ConnectorCatalog& catalog);
  // The project as its files say it now, when they were changed since they were looked at last.
  std::optional<LoadedProject> look();

 private:
  // Of each file its size and time.
  using Seen = std::map<std::string, std::pair<std::uintmax_t, std::int64_t>>;
  Seen see() const;

  std::filesystem::path root_;
  const ConnectorCatalog& catalog_;
  Seen seen_;
};

}  // namespace tidemark
