#include "run/project_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <utility>

#include <fmt/format.h>

#include "env/process.h"
#include "run/project_store.h"
#include "store/postgres_look.h"
#include "store/redis_cache.h"

namespace tidemark {
namespace {

// Machines may have files of one name, and a file may be replaced by another.
std::string identity_of_file(const std::filesystem::path& file) {
  struct statx found{};
  static_cast<void>(::statx(AT_FDCWD, file.c_str(), 0, STATX_INO | STATX_BTIME, &found));
  const std::string process = this_process();
  return fmt::format("{} {}:{} {} {}.{} {}", process.substr(0, process.find('/')),
                     found.stx_dev_major, found.stx_dev_minor, found.stx_ino,
                     found.stx_btime.tv_sec, found.stx_btime.tv_nsec,
                     std::filesystem::absolute(file).lexically_normal().string());
}

Result<std::string> identity_of(const ProjectSpec& project, SqlDatabase& database) {
  if (const auto file = store_file(project.store, project.root)) return identity_of_file(*file);
  return postgres_identity(database);
}

}  // namespace

Result<std::unique_ptr<ReadCache>> open_project_cache(const ProjectSpec& project,
                                                      SqlDatabase& database, const Clock& clock,
                                                      Randomness& randomness) {
  if (!project.cache) return std::unique_ptr<ReadCache>();
  redis::ConnectOptions options;
  TM_TRY(options.address, redis::parse_address(project.cache->address));
  options.password = project.cache->password;
  TM_TRY(const std::string store, identity_of(project, database));
  return std::make_unique<ReadCache>(make_redis_cache(std::move(options)), store, clock,
                                     randomness);
}

}  // namespace tidemark
