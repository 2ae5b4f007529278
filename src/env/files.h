// Files: durable steps on the local disk. What these report as done survives a power cut.
//
// `app/` owns one SystemFiles; tests may pass one that fails on purpose. Every method blocks on the
// disk, is safe from any thread for different paths, and leaves the old state whole when it fails.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

class Files {
 public:
  virtual ~Files() = default;

  // Writes beside (`<path>.new-<pid>-<n>`), syncs, renames over `path`, syncs the folder. After a
  // failure `path` holds what it held before and the file beside is gone. Idempotent.
  virtual Status write_durably(const std::filesystem::path& path, std::string_view bytes) = 0;
  // Renames and syncs both folders; an existing file at `to` is replaced, an existing folder only
  // if empty.
  virtual Status rename_durably(const std::filesystem::path& from,
                                const std::filesystem::path& to) = 0;
  // Makes the folder and its missing parents and syncs every folder that got a new entry.
  // Idempotent.
  virtual Status make_dirs_durably(const std::filesystem::path& dir) = 0;
  // Syncs the content of a file somebody else wrote.
  virtual Status sync_file(const std::filesystem::path& path) = 0;
  // Syncs the entries of a folder: new, renamed and removed names.
  virtual Status sync_dir(const std::filesystem::path& dir) = 0;
  // The whole content; `env.file_too_large` above `bytes_max`.
  virtual Result<std::string> read(const std::filesystem::path& path, std::int64_t bytes_max) = 0;
};

class SystemFiles final : public Files {
 public:
  Status write_durably(const std::filesystem::path& path, std::string_view bytes) override;
  Status rename_durably(const std::filesystem::path& from,
                        const std::filesystem::path& to) override;
  Status make_dirs_durably(const std::filesystem::path& dir) override;
  Status sync_file(const std::filesystem::path& path) override;
  Status sync_dir(const std::filesystem::path& dir) override;
  Result<std::string> read(const std::filesystem::path& path, std::int64_t bytes_max) override;
};

// True for the errno values that mean the volume or the quota is full.
bool is_disk_full(int error_number);

// The Error for a failed call on `path`, classified by errno: `env.disk_full` (the hint names the
// volume), `env.no_permission`, `env.read_only`, `env.not_found`, `env.file_too_large`,
// `env.too_many_open`, `env.io_failed`. `action` reads like "write".
Error file_error(std::string_view action, const std::filesystem::path& path, int error_number);

// What a library reports as a failed write without its errno: `env.disk_full` where the folder's
// volume has no room for 1 MB (written there and removed again), the error as it is otherwise.
Error or_disk_full(Error error, const std::filesystem::path& dir);

struct VolumeSpace {
  std::filesystem::path mount;
  std::int64_t free = 0;  // bytes, for who is not root
  std::int64_t all = 0;
};
// Of the volume that the path, or what is there of it, lies on.
Result<VolumeSpace> volume_space(const std::filesystem::path& path);

// `the volume /mnt/stage (12.0 KB of 1.0 GB free)`, for hints; names the path when the volume is
// unknown.
std::string describe_volume(const std::filesystem::path& path);

}  // namespace tidemark
