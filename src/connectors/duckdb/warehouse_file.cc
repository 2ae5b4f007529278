#include "connectors/duckdb/warehouse_file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "env/files.h"

namespace tidemark {

namespace {

namespace fs = std::filesystem;

constexpr const char* making_ending = ".new-";

// The header of a file: 8 bytes of checksum, the mark, the storage version, and further on the
// version of the engine that wrote it, as text.
constexpr std::string_view file_mark = "DUCK";
constexpr std::size_t mark_at = 8;
constexpr std::size_t version_at = 12;
constexpr std::size_t writer_at = 52;
constexpr std::size_t header_bytes = 84;

// A WAL begins with one entry that names its version: field 100, kind 98, field 101, the version,
// and then either the end mark or a further field.
constexpr std::string_view wal_begin("\x64\x00\x62\x65\x00", 5);
constexpr std::string_view wal_end("\xff\xff", 2);
constexpr std::string_view wal_more("\x66\x00", 2);
constexpr std::size_t wal_begin_bytes = 8;
// Each entry behind it: its size and its checksum, 8 bytes each, and then itself.
constexpr std::size_t wal_frame_bytes = 16;
// The entry of a commit: field 100, kind 100, the end mark. That of a checkpoint has kind 99.
constexpr std::string_view wal_commit("\x64\x00\x64\xff\xff", 5);
constexpr char wal_checkpoint = 99;

// At most `most` bytes of a file from `at`; fewer where it ends, none where it cannot be read.
std::string bytes_of(std::ifstream& file, std::uint64_t at, std::size_t most) {
  std::string bytes(most, '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(at));
  file.read(bytes.data(), static_cast<std::streamsize>(most));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

std::uint64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

Error unusable(std::string message, std::string hint) {
  return target_error("target.file_unusable", std::move(message), Retry::never, std::move(hint));
}

std::string copy_first(const fs::path& file) {
  return "copy " + file.string() + " and " + wal_of(file).filename().string() +
         " away before anything else, and never delete the .wal: it holds committed rows. Then put "
         "both back from a backup, or name a new file in tidemark.yaml and load it with `tidemark "
         "run --all --full`; nothing was changed";
}

// The process that holds the engine's lock on the file; nothing when none of this machine does.
std::optional<pid_t> holder_of(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool asked = ::fcntl(descriptor, F_GETLK, &lock) == 0;
  ::close(descriptor);
  if (!asked || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

bool may_be_written(const fs::path& file) {
  std::error_code code;
  // The WAL is made beside it.
  return (!fs::exists(file, code) || ::access(file.c_str(), R_OK | W_OK) == 0) &&
         ::access(folder_of(file).c_str(), W_OK | X_OK) == 0;
}

// What the beginning of the file says against it; empty when nothing does.
std::string hint_of_header(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string header = bytes_of(stream, 0, header_bytes);
  if (header.size() < header_bytes || header.compare(mark_at, file_mark.size(), file_mark) != 0) {
    return file.string() +
           " is no DuckDB database: name another file in tidemark.yaml, or put the right one "
           "there; "
           "nothing was changed";
  }
  const std::uint64_t version = number_at(header, version_at);
  if (version <= storage_version_max) return {};
  const std::string writer(header.c_str() + writer_at);
  return "a newer DuckDB wrote " + file.string() + " (" + (writer.empty() ? "" : writer + ", ") +
         "storage version " + std::to_string(version) + ", and this Tidemark reads up to " +
         std::to_string(storage_version_max) +
         "): use the Tidemark that wrote it, or copy it with that DuckDB into a file of an older "
         "version (ATTACH 'old.duckdb' (STORAGE_VERSION 'v1.5.0'); COPY FROM DATABASE ...); "
         "nothing was changed";
}

// Where the last whole entry ends that ends a commit or a checkpoint.
std::uint64_t whole_part(std::ifstream& wal, std::uint64_t size) {
  std::uint64_t at = wal_begin_bytes;
  // A beginning with more fields is not taken apart: what follows counts as whole.
  if (bytes_of(wal, wal_begin_bytes - wal_end.size(), wal_end.size()) != wal_end) return size;
  std::uint64_t committed = at;
  while (at + wal_frame_bytes <= size) {
    const std::uint64_t bytes = number_at(bytes_of(wal, at, wal_frame_bytes), 0);
    if (bytes > size - at - wal_frame_bytes) break;
    const std::string begin = bytes_of(wal, at + wal_frame_bytes, wal_commit.size());
    at += wal_frame_bytes + bytes;
    const bool ends_commit = begin == wal_commit && bytes == wal_commit.size();
    if (ends_commit || (begin.size() > 2 && begin[2] == wal_checkpoint)) committed = at;
  }
  return committed;
}

// The first name of that beginning that nothing has yet.
fs::path free_name(const fs::path& begin) {
  std::error_code code;
  for (int number = 1;; ++number) {
    fs::path name = begin;
    name += number == 1 ? "" : "-" + std::to_string(number);
    if (!fs::exists(name, code)) return name;
  }
}

// What processes left that died while they made the file.
void remove_left_makings(const fs::path& file) {
  const std::string begin = file.filename().string() + making_ending;
  std::error_code code;
  fs::directory_iterator entry(folder_of(file), code);
  for (; !code && entry != fs::directory_iterator(); entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(begin)) continue;
    const long pid = std::strtol(name.c_str() + begin.size(), nullptr, 10);
    std::error_code ignored;
    if (pid == ::getpid() || (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH))
      fs::remove(entry->path(), ignored);
  }
}

// Renames, but never over another file.
Status rename_into_place(const fs::path& made, const fs::path& file) {
  SystemFiles files;
  if (::link(made.c_str(), file.c_str()) == 0 || errno == EEXIST) {
    ::unlink(made.c_str());
    return files.sync_dir(folder_of(file));
  }
  // A file system without hard links. Two processes that make one file at once are kept apart by
  // the owner's lock of their project.
  return files.rename_durably(made, file);
}

}  // namespace

fs::path wal_of(const fs::path& file) {
  return file.string() + ".wal";
}

fs::path folder_of(const fs::path& file) {
  std::error_code code;
  return fs::absolute(file, code).parent_path();
}

Status make_warehouse(const fs::path& file, duck::Connection& engine) {
  std::error_code code;
  if (fs::exists(file, code) || code) return {};
  remove_left_makings(file);
  const fs::path made = file.string() + making_ending + std::to_string(::getpid());
  const std::string name = duck::quote_name(made.filename().string());
  Status done = engine.execute("ATTACH " + duck::quote_text(made.string()) + " AS " + name);
  if (done.ok()) done = engine.execute("DETACH " + name);
  if (done.ok()) done = SystemFiles().sync_file(made);
  if (done.ok()) done = rename_into_place(made, file);
  if (!done.ok()) {
    fs::remove(made, code);
    fs::remove(wal_of(made), code);
  }
  return done;
}

Status check_wal(const fs::path& file) {
  std::error_code code;
  const fs::path path = wal_of(file);
  if (!fs::is_regular_file(path, code)) return {};
  std::ifstream wal(path, std::ios::binary);
  const std::string begin = bytes_of(wal, 0, wal_begin_bytes);
  const bool torn = begin.size() < wal_begin_bytes;
  const std::string end = torn ? std::string() : begin.substr(wal_begin_bytes - wal_end.size());
  if (wal_begin.starts_with(std::string_view(begin).substr(0, wal_begin.size())) &&
      (torn || end == wal_end || end == wal_more)) {
    return {};
  }
  return unusable("the beginning of " + path.string() +
                      " is damaged, so DuckDB would open the file without what is committed in it",
                  copy_first(file));
}

Result<std::optional<fs::path>> copy_torn_wal(const fs::path& file) {
  std::error_code code;
  const fs::path path = wal_of(file);
  const std::uintmax_t size = fs::file_size(path, code);
  if (code || size <= wal_begin_bytes) return std::optional<fs::path>();
  std::ifstream wal(path, std::ios::binary);
  if (whole_part(wal, size) == size) return std::optional<fs::path>();
  fs::path copy = free_name(path.string() + ".torn");
  fs::copy_file(path, copy, code);
  if (code) {
    std::error_code ignored;
    fs::remove(copy, ignored);
    return file_error("copy", path, code.value());
  }
  TM_CHECK(SystemFiles().sync_file(copy));
  return std::optional(std::move(copy));
}

Error explain_failed_write(Error error, const fs::path& file) {
  if (error.code != "engine.io" && error.code != "engine.commit_failed" &&
      error.code != "engine.fatal") {
    return error;
  }
  error.fault = Fault::target;
  error.retry = Retry::backoff;
  error.hint = "look at the disk of " + file.string() +
               " and at the rights to its folder, and run the job again: it begins with what the "
               "file holds";
  return or_disk_full(std::move(error), folder_of(file));
}

Error explain_unusable(Error error, const fs::path& file) {
  std::error_code code;
  error.code = "target.file_unusable";
  error.fault = Fault::target;
  error.retry = Retry::never;
  if (fs::is_directory(file, code)) {
    error.hint = file.string() + " is a folder: name a file in tidemark.yaml; nothing was changed";
  } else if (!fs::exists(file, code) && !fs::exists(folder_of(file), code)) {
    error.hint = "make the folder " + folder_of(file).string() + ", or mend the path";
  } else if (const auto pid = holder_of(file)) {
    error.retry = Retry::backoff;
    error.hint = "process " + std::to_string(*pid) + " has " + file.string() +
                 " open, and one process has it at a time: close that program, or wait until it "
                 "has ended; nothing was changed";
  } else if (!may_be_written(file)) {
    error.hint = "give this user the right to read and write " + file.string() +
                 " and to make files in its folder; nothing was changed";
  } else if (!fs::exists(file, code)) {
    error.hint = "look at the folder " + folder_of(file).string() + "; nothing was changed";
  } else if (const std::string hint = hint_of_header(file); !hint.empty()) {
    error.hint = hint;
  } else {
    error.hint = copy_first(file);
  }
  return error;
}

}  // namespace tidemark
