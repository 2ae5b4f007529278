// The files of a stream: found by pattern, told apart by content, written down as a Position.
//
// Patterns are relative to the connection's folder and cannot leave it: no `..`, no absolute path,
// and a symbolic link counts only when what it names lies inside the folder. `*`, `?` and `[a-z]`
// match within a name, `**` any number of folders; a name that starts with a dot matches only a
// pattern that does. Links to folders are not followed below `**`. Pure functions of the disk;
// blocking.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "model/window.h"

namespace tidemark {

struct FileEntry {
  std::string path;  // relative to the folder, `/` between its parts
  std::int64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::string xxh3;  // empty until the content was read
  friend bool operator==(const FileEntry&, const FileEntry&) = default;
};

// Sorted by path, each once. `source.folder_missing`; `source.bad_pattern` for a pattern that
// leaves the folder.
Result<std::vector<FileEntry>> list_files(const std::filesystem::path& folder,
                                          const std::vector<std::string>& patterns, Cancel& cancel);

// `[{"path":...,"size":...,"mtime_ns":...,"xxh3":...}]`
Position to_position(const std::vector<FileEntry>& files);
Result<std::vector<FileEntry>> parse_position(const Position& position);

}  // namespace tidemark
