#include "env/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/units.h"
#include "env/failpoints.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

// A file descriptor, closed in the destructor; `close` reports what the destructor cannot.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  int close() { return ::close(std::exchange(number_, -1)); }

 private:
  int number_;
};

Result<Descriptor> open_path(const fs::path& path, int flags, std::string_view action) {
  int number;
  do {
    number = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (number < 0 && errno == EINTR);
  if (number < 0) return file_error(action, path, errno);
  return Descriptor(number);
}

Status write_all(const Descriptor& file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status write_beside(const fs::path& beside, std::string_view bytes) {
  TM_TRY(Descriptor file, open_path(beside, O_WRONLY | O_CREAT | O_EXCL, "create"));
  TM_CHECK(write_all(file, bytes, beside));
  if (::fsync(file.get()) != 0) return file_error("sync", beside, errno);
  if (file.close() != 0) return file_error("close", beside, errno);
  return {};
}

fs::path folder_of(const fs::path& path) {
  fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

// The mount point that holds the nearest existing ancestor of `path`.
std::optional<fs::path> mount_of(const fs::path& path) {
  std::error_code ignored;
  fs::path at = fs::absolute(path, ignored);
  struct stat here{};
  while (::stat(at.c_str(), &here) != 0) {
    if (!at.has_relative_path()) return std::nullopt;
    at = at.parent_path();
  }
  while (at.has_relative_path()) {
    struct stat above{};
    if (::stat(at.parent_path().c_str(), &above) != 0 || above.st_dev != here.st_dev) return at;
    at = at.parent_path();
  }
  return at;
}

}  // namespace

bool is_disk_full(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT;
}

Result<VolumeSpace> volume_space(const fs::path& path) {
  const std::optional<fs::path> mount = mount_of(path);
  struct statvfs space{};
  if (!mount || ::statvfs(mount->c_str(), &space) != 0)
    return file_error("look at the volume of", path, errno);
  const auto block = static_cast<std::int64_t>(space.f_frsize);
  return VolumeSpace{*mount, static_cast<std::int64_t>(space.f_bavail) * block,
                     static_cast<std::int64_t>(space.f_blocks) * block};
}

std::string describe_volume(const fs::path& path) {
  const std::optional<fs::path> mount = mount_of(path);
  if (!mount) return "the volume of " + path.string();
  const auto space = volume_space(path);
  const std::string text = "the volume " + mount->string();
  if (!space.ok()) return text;
  return text + " (" + show_bytes(space->free) + " of " + show_bytes(space->all) + " free)";
}

Error file_error(std::string_view action, const fs::path& path, int error_number) {
  std::string message = "cannot " + std::string(action) + " " + path.string() + ": " +
                        std::error_code(error_number, std::generic_category()).message();
  if (is_disk_full(error_number)) {
    std::string hint =
        error_number == EDQUOT ? "raise the quota or free space on " : "free space on ";
    return internal_error("env.disk_full", std::move(message), Retry::backoff,
                          hint + describe_volume(path));
  }
  switch (error_number) {
    case EACCES:
    case EPERM:
      return internal_error("env.no_permission", std::move(message), Retry::never,
                            "give this user the right to " + std::string(action) + " it");
    case EROFS:
      return internal_error("env.read_only", std::move(message), Retry::never,
                            "mount it writable or choose another folder");
    case ENOENT:
    case ENOTDIR:
      return internal_error("env.not_found", std::move(message));
    case EFBIG:
      return internal_error("env.file_too_large", std::move(message), Retry::never,
                            "raise the file size limit (ulimit -f)");
    case EMFILE:
    case ENFILE:
      return internal_error("env.too_many_open", std::move(message), Retry::backoff,
                            "raise the limit of open files (ulimit -n)");
    default:
      return internal_error("env.io_failed", std::move(message), Retry::never,
                            "check the disk: " + describe_volume(path));
  }
}

Error or_disk_full(Error error, const fs::path& dir) {
  constexpr std::size_t probe_bytes = 1 << 20;
  const fs::path probe = dir / ("disk.probe-" + std::to_string(::getpid()));
  const Status written = [&]() -> Status {
    TM_TRY(Descriptor file, open_path(probe, O_WRONLY | O_CREAT | O_TRUNC, "write"));
    return write_all(file, std::string(probe_bytes, 'x'), dir);
  }();
  ::unlink(probe.c_str());
  if (written.ok() || written.error().code != "env.disk_full") return error;
  Error full = written.error();
  full.context = std::move(error.context);
  return full;
}

Status SystemFiles::write_durably(const fs::path& path, std::string_view bytes) {
  TM_FAILPOINT(files_write);
  // A number per call, so that two threads writing one path each rename their own whole file.
  static std::atomic<std::uint64_t> counter{0};
  fs::path beside = path;
  beside += ".new-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1));
  Status written = write_beside(beside, bytes);
  if (written.ok() && ::rename(beside.c_str(), path.c_str()) != 0)
    written = file_error("replace", path, errno);
  if (!written.ok()) {
    ::unlink(beside.c_str());
    return written;
  }
  TM_CHECK(sync_dir(folder_of(path)));
  TM_FAILPOINT(files_written);
  return {};
}

Status SystemFiles::rename_durably(const fs::path& from, const fs::path& to) {
  TM_FAILPOINT(files_rename);
  if (::rename(from.c_str(), to.c_str()) != 0)
    return file_error("rename to " + to.string() + " from", from, errno);
  TM_CHECK(sync_dir(folder_of(to)));
  if (folder_of(from) != folder_of(to)) TM_CHECK(sync_dir(folder_of(from)));
  TM_FAILPOINT(files_renamed);
  return {};
}

Status SystemFiles::make_dirs_durably(const fs::path& dir) {
  TM_FAILPOINT(files_make_dirs);
  std::vector<fs::path> missing;
  struct stat found{};
  for (fs::path at = dir; !at.empty() && ::stat(at.c_str(), &found) != 0; at = at.parent_path()) {
    if (errno != ENOENT) return file_error("make the folder", at, errno);
    missing.push_back(at);
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (::mkdir(at->c_str(), 0755) != 0 && errno != EEXIST)
      return file_error("make the folder", *at, errno);
    TM_CHECK(sync_dir(folder_of(*at)));
  }
  if (::stat(dir.c_str(), &found) != 0) return file_error("make the folder", dir, errno);
  if (!S_ISDIR(found.st_mode)) return file_error("make the folder", dir, ENOTDIR);
  return {};
}

Status SystemFiles::sync_file(const fs::path& path) {
  TM_FAILPOINT(files_sync);
  TM_TRY(Descriptor file, open_path(path, O_RDONLY, "open"));
  if (::fsync(file.get()) != 0) return file_error("sync", path, errno);
  return {};
}

Status SystemFiles::sync_dir(const fs::path& dir) {
  TM_TRY(Descriptor folder, open_path(dir, O_RDONLY | O_DIRECTORY, "open"));
  if (::fsync(folder.get()) != 0) return file_error("sync", dir, errno);
  return {};
}

Result<std::string> SystemFiles::read(const fs::path& path, std::int64_t bytes_max) {
  TM_FAILPOINT(files_read);
  TM_TRY(Descriptor file, open_path(path, O_RDONLY, "open"));
  std::string bytes;
  // Read to the end rather than trust a size, which /proc and growing files do not keep.
  std::vector<char> piece(64 * 1024);
  while (true) {
    ssize_t count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_error("read", path, errno);
    if (count == 0) return bytes;
    bytes.append(piece.data(), static_cast<std::size_t>(count));
    if (static_cast<std::int64_t>(bytes.size()) > bytes_max) {
      return internal_error("env.file_too_large",
                            path.string() + " is larger than " + show_bytes(bytes_max));
    }
  }
}

}  // namespace tidemark
