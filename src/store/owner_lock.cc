#include "store/owner_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/units.h"
#include "env/files.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds poll_every{20};

Result<int> open_lock_file(const fs::path& path, int flags) {
  int descriptor;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) return file_error("open", path, errno);
  return descriptor;
}

// Locks of network file systems may be lost with the server, or be local to each machine.
bool is_network_file_system(int descriptor) {
  struct statfs found{};
  if (::fstatfs(descriptor, &found) != 0) return false;
  constexpr std::array<std::uint32_t, 6> magic{
      0x6969,      // nfs
      0x517b,      // smb
      0xff534d42,  // cifs
      0xfe534d42,  // smb2
      0x5346414f,  // afs
      0x00c36400,  // ceph
  };
  auto type = static_cast<std::uint32_t>(found.f_type);
  for (std::uint32_t known : magic) {
    if (type == known) return true;
  }
  return false;
}

// True: locked. False: somebody else has it.
Result<bool> try_lock(int descriptor, const fs::path& path) {
  int locked;
  do {
    locked = ::flock(descriptor, LOCK_EX | LOCK_NB);
  } while (locked != 0 && errno == EINTR);
  if (locked == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return file_error("lock", path, errno);
}

std::string text_of(const LockHolder& holder) {
  return "pid " + std::to_string(holder.pid) + "\nrun " + holder.run + "\ncommand " +
         holder.command + "\n";
}

// The rest of the line that starts with `word `.
std::string line_of(std::string_view text, std::string_view word) {
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.size() > word.size() && line.starts_with(word) && line[word.size()] == ' ') {
      return std::string(line.substr(word.size() + 1));
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return {};
}

LockHolder holder_of(int descriptor) {
  std::array<char, 4096> bytes;
  ssize_t count = ::pread(descriptor, bytes.data(), bytes.size(), 0);
  std::string_view text(bytes.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
  LockHolder holder;
  std::string pid = line_of(text, "pid");
  std::from_chars(pid.data(), pid.data() + pid.size(), holder.pid);
  holder.run = line_of(text, "run");
  holder.command = line_of(text, "command");
  return holder;
}

// The file may still hold the text of one who died while the next has the lock but has not written
// yet.
bool is_alive(const LockHolder& holder) {
  return holder.pid > 0 && (::kill(static_cast<pid_t>(holder.pid), 0) == 0 || errno == EPERM);
}

LockHolder living_holder(int descriptor, const Clock& clock) {
  for (int tries = 0; tries < 5; ++tries) {
    LockHolder holder = holder_of(descriptor);
    if (is_alive(holder)) return holder;
    clock.sleep(std::chrono::milliseconds(5));
  }
  return {};
}

Error busy(const LockHolder& holder, std::chrono::milliseconds wait) {
  std::string who = holder.pid > 0 ? "process " + std::to_string(holder.pid) : "another process";
  std::string message = "this project is in use by " + who;
  if (!holder.command.empty()) message += " (tidemark " + holder.command + ")";
  if (!holder.run.empty()) message += ", run " + holder.run;
  if (wait.count() > 0) message += "; waited " + show_duration(wait);
  return Error{"run.project_busy", Fault::user, Retry::backoff,
               std::move(message), {},          "wait for it with --wait, or end that process"};
}

Error not_local(const fs::path& dir) {
  return user_error("store.not_local",
                    dir.string() + " is on a network file system, where locks cannot be trusted",
                    "keep the project's .tidemark folder on a local disk");
}

std::string one_line(std::string text) {
  for (char& letter : text) {
    if (letter == '\n' || letter == '\r') letter = ' ';
  }
  // The whole text stays below what a reader takes in at once.
  if (text.size() > 1000) text.resize(1000);
  return text;
}

}  // namespace

OwnerLock::OwnerLock(int descriptor, LockHolder self, fs::path path)
    : descriptor_(descriptor), self_(std::move(self)), path_(std::move(path)) {
  self_.run = one_line(std::move(self_.run));
  self_.command = one_line(std::move(self_.command));
}

OwnerLock::OwnerLock(OwnerLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      self_(std::move(other.self_)),
      path_(std::move(other.path_)) {}

OwnerLock& OwnerLock::operator=(OwnerLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(self_, other.self_);
  std::swap(path_, other.path_);
  return *this;
}

OwnerLock::~OwnerLock() {
  release();
}

void OwnerLock::release() {
  if (descriptor_ < 0) return;
  // The file stays: removing it would let two processes lock two files of one name. An empty one is
  // free.
  static_cast<void>(::ftruncate(descriptor_, 0));
  ::close(std::exchange(descriptor_, -1));
}

Status OwnerLock::write_holder() {
  std::string text = text_of(self_);
  ssize_t written = ::pwrite(descriptor_, text.data(), text.size(), 0);
  if (written != static_cast<ssize_t>(text.size()))
    return file_error("write", path_, written < 0 ? errno : ENOSPC);
  if (::ftruncate(descriptor_, static_cast<off_t>(text.size())) != 0)
    return file_error("write", path_, errno);
  return {};
}

Status OwnerLock::show_run(const RunId& run) {
  self_.run = one_line(run.get());
  return write_holder();
}

Result<OwnerLock> OwnerLock::acquire(const fs::path& dir, const LockHolder& self,
                                     std::chrono::milliseconds wait, const Clock& clock,
                                     const Cancel& cancel) {
  fs::path path = dir / "lock";
  TM_TRY(int descriptor, open_lock_file(path, O_RDWR | O_CREAT));
  // Until it is locked it closes without touching the text of the holder.
  OwnerLock lock(descriptor, self, path);
  auto give_up = [&lock](Error error) {
    ::close(std::exchange(lock.descriptor_, -1));
    return error;
  };
  if (is_network_file_system(descriptor)) return give_up(not_local(dir));
  std::chrono::nanoseconds deadline = clock.monotonic() + wait;
  while (true) {
    Result<bool> locked = try_lock(descriptor, path);
    if (!locked.ok()) return give_up(std::move(locked).error());
    if (*locked) break;
    if (clock.monotonic() >= deadline) return give_up(busy(living_holder(descriptor, clock), wait));
    Status wanted = cancel.check();
    if (!wanted.ok()) return give_up(std::move(wanted).error());
    clock.sleep(poll_every);
  }
  TM_CHECK(lock.write_holder());
  return lock;
}

Result<std::optional<LockHolder>> lock_holder(const fs::path& dir) {
  fs::path path = dir / "lock";
  Result<int> opened = open_lock_file(path, O_RDONLY);
  if (!opened.ok()) {
    if (opened.error().code == "env.not_found") return std::optional<LockHolder>();
    return std::move(opened).error();
  }
  int descriptor = *opened;
  // A shared try, so that asking never makes another asker believe that it is held.
  bool is_held = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  std::optional<LockHolder> holder;
  if (is_held) holder = holder_of(descriptor);
  ::close(descriptor);
  return holder;
}

}  // namespace tidemark
