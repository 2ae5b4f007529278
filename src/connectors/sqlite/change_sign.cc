#include "connectors/sqlite/change_sign.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

namespace tidemark {

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

}  // namespace

Result<std::string> sign_of_database(const std::filesystem::path& path) {
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  std::string sign;
  // What is committed stands in the file or, before a checkpoint, in its log.
  for (const char* ending : {"", "-wal"}) {
    const std::string name = path.string() + ending;
    struct stat info{};
    if (::stat(name.c_str(), &info) != 0) {
      if (errno == ENOENT && *ending != '\0') continue;
      return source_error("source.cannot_open",
                          "cannot look at " + name + ": " + std::strerror(errno));
    }
    const std::int64_t mtime =
        static_cast<std::int64_t>(info.st_mtim.tv_sec) * second_ns + info.st_mtim.tv_nsec;
    sign += (sign.empty() ? "" : " ") + std::to_string(info.st_ino) + ":" +
            std::to_string(info.st_size) + ":" + std::to_string(mtime);
    // A further write within the same tick of the file's clock would look the same, so that it is
    // looked at once more.
    if (std::llabs(now - mtime) < second_ns) sign += ":fresh";
  }
  return sign;
}

}  // namespace tidemark
