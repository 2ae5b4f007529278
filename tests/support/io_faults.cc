// io_faults: a library that is loaded before all others (LD_PRELOAD) and makes calls on files fail.
//
// For tests of whole programs. It stands between the program (with its libraries: the engine,
// SQLite, the C++ library) and the C library, counts the calls that match, and does something to
// one of them. What it cannot see: system calls made by hand, writes through a mapping, and what
// the C library calls inside itself (stdio).
//
// Which calls match, by the environment; a call matches when both do:
//   IO_FAULTS_PATH   texts, `|` between; the path of the call holds at least one of them. Of a call
//                    on a descriptor it is what /proc/self/fd says now, of a rename either path.
//                    Not set: the library does nothing at all.
//   IO_FAULTS_CALLS  names, `,` between; default: all. `open` (for writing only, creat too),
//                    `write` (write, pwrite, writev, pwritev), `sync` (fsync, fdatasync),
//                    `truncate` (ftruncate, fallocate), `rename`, `remove` (unlink, rmdir, remove).
// What becomes of them:
//   IO_FAULTS_NTH    which one, from 1, over all threads of the process; not set: none, and the log
//                    tells how many there are.
//   IO_FAULTS_DO     ENOSPC, EIO, EDQUOT, EROFS, EACCES or EINTR: so fails the Nth call, undone.
//                    `short`: the Nth write writes half of its bytes and says so; other calls pass.
//                    `kill_before`, `kill_after`: SIGKILL right before or right after the Nth call.
//   IO_FAULTS_THEN   one of the errno names: every later matching call fails so, as on a disk that
//                    stays full.
//   IO_FAULTS_LOG    gets a line for each matching call: `NUMBER CALL BYTES RESULT PATH`;
//                    RESULT is what the caller was told: a count, 0, or -ERRNO.
// Counting is atomic, so exactly one call is the Nth. Children inherit the environment and count
// for themselves. With a sanitizer the program's own interceptors call these, so both work
// together.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

constexpr long no_size = -1;

struct ErrnoName {
  std::string_view name;
  int number;
};
constexpr ErrnoName errno_names[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EDQUOT", EDQUOT},
                                     {"EROFS", EROFS},   {"EACCES", EACCES}, {"EINTR", EINTR}};

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// 0 for no name of the list.
int errno_of(std::string_view name) {
  for (const ErrnoName& known : errno_names) {
    if (known.name == name) return known.number;
  }
  return 0;
}

// Whether one of the parts of `list` passes.
template <class Pass>
bool any_part(std::string_view list, char between, Pass pass) {
  while (!list.empty()) {
    const std::size_t end = list.find(between);
    const std::string_view part = list.substr(0, end);
    if (!part.empty() && pass(part)) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
  return false;
}

// What the environment asks for, read once: the program may change its own later.
struct Orders {
  std::string_view path = variable("IO_FAULTS_PATH");
  std::string_view calls = variable("IO_FAULTS_CALLS");
  std::string_view what = variable("IO_FAULTS_DO");
  int what_errno = errno_of(what);
  int then_errno = errno_of(variable("IO_FAULTS_THEN"));
  long nth = std::strtol(
      std::getenv("IO_FAULTS_NTH") != nullptr ? std::getenv("IO_FAULTS_NTH") : "0", nullptr, 10);
  int log = -1;

  Orders() {
    const char* file = std::getenv("IO_FAULTS_LOG");
    if (file == nullptr || path.empty()) return;
    log = static_cast<int>(
        ::syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  }
};

const Orders& orders() {
  static const Orders read;
  return read;
}

std::atomic<long> count{0};

bool matches(std::string_view call, const char* path) {
  const Orders& asked = orders();
  if (asked.path.empty() || path == nullptr) return false;
  if (!asked.calls.empty() &&
      !any_part(asked.calls, ',', [&](std::string_view name) { return name == call; })) {
    return false;
  }
  return any_part(asked.path, '|', [&](std::string_view part) {
    return std::string_view(path).find(part) != std::string_view::npos;
  });
}

void die() {
  ::syscall(SYS_kill, ::syscall(SYS_getpid), SIGKILL);
}

// One call that matched: its number, and what is to become of it.
class Call {
 public:
  Call(std::string_view name, const char* path, long bytes)
      : name_(name), path_(path), bytes_(bytes), number_(count.fetch_add(1) + 1) {
    if (is_nth() && orders().what == "kill_before") die();
  }

  // The errno it fails with; 0: it is made.
  int fails_with() const {
    const Orders& asked = orders();
    if (is_nth()) return asked.what_errno;
    return asked.nth > 0 && number_ > asked.nth ? asked.then_errno : 0;
  }
  bool is_short() const { return is_nth() && orders().what == "short"; }

  // Notes the result and gives it back, errno with it.
  template <class T>
  T end(T result) const {
    const int problem = errno;
    note(result < 0 ? -static_cast<long>(problem) : static_cast<long>(result));
    if (is_nth() && orders().what == "kill_after") die();
    errno = problem;
    return result;
  }

 private:
  bool is_nth() const { return number_ == orders().nth; }

  void note(long result) const {
    if (orders().log < 0) return;
    char line[PATH_MAX + 100];
    const int size =
        std::snprintf(line, sizeof line, "%ld %.*s %ld %ld %s\n", number_,
                      static_cast<int>(name_.size()), name_.data(), bytes_, result, path_);
    // One write of a file opened for appending, so lines of several threads do not mix.
    if (size > 0) ::syscall(SYS_write, orders().log, line, static_cast<std::size_t>(size));
  }

  std::string_view name_;
  const char* path_;
  long bytes_;
  long number_;
};

// The path of an open descriptor; empty when it has none.
struct PathOf {
  explicit PathOf(int descriptor) {
    if (orders().path.empty()) return;
    char link[40];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const long size = ::syscall(SYS_readlinkat, AT_FDCWD, link, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
  }
  char text[PATH_MAX] = "";
};

// The C library's own function of that name.
template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

// A call that answers with 0 or -1, or with a descriptor or -1.
template <class Make>
int guard(std::string_view name, const char* path, Make make) {
  if (!matches(name, path)) return make();
  const Call call(name, path, no_size);
  if (const int problem = call.fails_with(); problem != 0) {
    errno = problem;
    return call.end(-1);
  }
  return call.end(make());
}

// `make` takes how many bytes to write.
template <class Make>
ssize_t guard_write(int descriptor, std::size_t bytes, Make make) {
  const PathOf path(descriptor);
  if (!matches("write", path.text)) return make(bytes);
  const Call call("write", path.text, static_cast<long>(bytes));
  if (const int problem = call.fails_with(); problem != 0) {
    errno = problem;
    return call.end(static_cast<ssize_t>(-1));
  }
  return call.end(make(call.is_short() && bytes > 1 ? bytes / 2 : bytes));
}

template <class Make>
int guard_descriptor(std::string_view name, int descriptor, Make make) {
  const PathOf path(descriptor);
  return guard(name, path.text, make);
}

bool is_for_writing(int flags) {
  return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
}

template <class Make>
int guard_open(const char* path, int flags, Make make) {
  return is_for_writing(flags) ? guard("open", path, make) : make();
}

mode_t mode_of(int flags, va_list& rest) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

}  // namespace

extern "C" {

#define IO_FAULTS_OPEN(name)                                                 \
  int name(const char* path, int flags, ...) {                               \
    va_list rest;                                                            \
    va_start(rest, flags);                                                   \
    const mode_t mode = mode_of(flags, rest);                                \
    va_end(rest);                                                            \
    static const auto real = next<int (*)(const char*, int, ...)>(#name);    \
    return guard_open(path, flags, [&] { return real(path, flags, mode); }); \
  }
IO_FAULTS_OPEN(open)
IO_FAULTS_OPEN(open64)

#define IO_FAULTS_OPENAT(name)                                                       \
  int name(int folder, const char* path, int flags, ...) {                           \
    va_list rest;                                                                    \
    va_start(rest, flags);                                                           \
    const mode_t mode = mode_of(flags, rest);                                        \
    va_end(rest);                                                                    \
    static const auto real = next<int (*)(int, const char*, int, ...)>(#name);       \
    return guard_open(path, flags, [&] { return real(folder, path, flags, mode); }); \
  }
IO_FAULTS_OPENAT(openat)
IO_FAULTS_OPENAT(openat64)

#define IO_FAULTS_CREAT(name)                                           \
  int name(const char* path, mode_t mode) {                             \
    static const auto real = next<int (*)(const char*, mode_t)>(#name); \
    return guard("open", path, [&] { return real(path, mode); });       \
  }
IO_FAULTS_CREAT(creat)
IO_FAULTS_CREAT(creat64)

ssize_t write(int descriptor, const void* data, std::size_t bytes) {
  static const auto real = next<ssize_t (*)(int, const void*, std::size_t)>("write");
  return guard_write(descriptor, bytes,
                     [&](std::size_t some) { return real(descriptor, data, some); });
}

#define IO_FAULTS_PWRITE(name)                                                               \
  ssize_t name(int descriptor, const void* data, std::size_t bytes, off_t at) {              \
    static const auto real = next<ssize_t (*)(int, const void*, std::size_t, off_t)>(#name); \
    return guard_write(descriptor, bytes,                                                    \
                       [&](std::size_t some) { return real(descriptor, data, some, at); });  \
  }
IO_FAULTS_PWRITE(pwrite)
IO_FAULTS_PWRITE(pwrite64)

std::size_t size_of(const iovec* parts, int parts_count) {
  std::size_t bytes = 0;
  for (int at = 0; at < parts_count; ++at)
    bytes += parts[at].iov_len;
  return bytes;
}

// Half of several parts is the first of them.
ssize_t writev(int descriptor, const iovec* parts, int parts_count) {
  static const auto real = next<ssize_t (*)(int, const iovec*, int)>("writev");
  const std::size_t all = size_of(parts, parts_count);
  return guard_write(descriptor, all, [&](std::size_t some) {
    if (some == all) return real(descriptor, parts, parts_count);
    const iovec half{parts[0].iov_base, parts_count > 1 ? parts[0].iov_len : some};
    return real(descriptor, &half, 1);
  });
}

#define IO_FAULTS_PWRITEV(name)                                                       \
  ssize_t name(int descriptor, const iovec* parts, int parts_count, off_t at) {       \
    static const auto real = next<ssize_t (*)(int, const iovec*, int, off_t)>(#name); \
    const std::size_t all = size_of(parts, parts_count);                              \
    return guard_write(descriptor, all, [&](std::size_t some) {                       \
      if (some == all) return real(descriptor, parts, parts_count, at);               \
      const iovec half{parts[0].iov_base, parts_count > 1 ? parts[0].iov_len : some}; \
      return real(descriptor, &half, 1, at);                                          \
    });                                                                               \
  }
IO_FAULTS_PWRITEV(pwritev)
IO_FAULTS_PWRITEV(pwritev64)

#define IO_FAULTS_SYNC(name)                                                       \
  int name(int descriptor) {                                                       \
    static const auto real = next<int (*)(int)>(#name);                            \
    return guard_descriptor("sync", descriptor, [&] { return real(descriptor); }); \
  }
IO_FAULTS_SYNC(fsync)
IO_FAULTS_SYNC(fdatasync)

#define IO_FAULTS_TRUNCATE(name)                                                              \
  int name(int descriptor, off_t bytes) {                                                     \
    static const auto real = next<int (*)(int, off_t)>(#name);                                \
    return guard_descriptor("truncate", descriptor, [&] { return real(descriptor, bytes); }); \
  }
IO_FAULTS_TRUNCATE(ftruncate)
IO_FAULTS_TRUNCATE(ftruncate64)

#define IO_FAULTS_ALLOCATE(name)                                                \
  int name(int descriptor, int mode, off_t at, off_t bytes) {                   \
    static const auto real = next<int (*)(int, int, off_t, off_t)>(#name);      \
    return guard_descriptor("truncate", descriptor,                             \
                            [&] { return real(descriptor, mode, at, bytes); }); \
  }
IO_FAULTS_ALLOCATE(fallocate)
IO_FAULTS_ALLOCATE(fallocate64)

// These answer with the error itself.
#define IO_FAULTS_POSIX_ALLOCATE(name)                                \
  int name(int descriptor, off_t at, off_t bytes) {                   \
    static const auto real = next<int (*)(int, off_t, off_t)>(#name); \
    const int done = guard_descriptor("truncate", descriptor, [&] {   \
      errno = real(descriptor, at, bytes);                            \
      return errno == 0 ? 0 : -1;                                     \
    });                                                               \
    return done == 0 ? 0 : errno;                                     \
  }
IO_FAULTS_POSIX_ALLOCATE(posix_fallocate)
IO_FAULTS_POSIX_ALLOCATE(posix_fallocate64)

int rename(const char* from, const char* to) {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  return guard("rename", matches("rename", from) ? from : to, [&] { return real(from, to); });
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  static const auto real = next<int (*)(int, const char*, int, const char*)>("renameat");
  return guard("rename", matches("rename", from) ? from : to,
               [&] { return real(from_folder, from, to_folder, to); });
}

int unlink(const char* path) {
  static const auto real = next<int (*)(const char*)>("unlink");
  return guard("remove", path, [&] { return real(path); });
}
// The folder's path stands before a name that is not absolute.
int unlinkat(int folder, const char* path, int flags) {
  static const auto real = next<int (*)(int, const char*, int)>("unlinkat");
  char whole[2 * PATH_MAX];
  const PathOf beside(folder);
  std::snprintf(whole, sizeof whole, "%s%s%s", path[0] == '/' ? "" : beside.text,
                path[0] == '/' || beside.text[0] == '\0' ? "" : "/", path);
  return guard("remove", whole, [&] { return real(folder, path, flags); });
}
int rmdir(const char* path) {
  static const auto real = next<int (*)(const char*)>("rmdir");
  return guard("remove", path, [&] { return real(path); });
}
int remove(const char* path) {
  static const auto real = next<int (*)(const char*)>("remove");
  return guard("remove", path, [&] { return real(path); });
}

}  // extern "C"
