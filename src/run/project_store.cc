#include "run/project_store.h"

#include "store/postgres_database.h"
#include "store/sqlite_database.h"

namespace tidemark {

std::optional<std::filesystem::path> store_file(const StoreSpec& store,
                                                const std::filesystem::path& root) {
  const std::optional<std::string> path = store.sqlite_path();
  if (!path) return std::nullopt;
  return root / *path;
}

Result<std::unique_ptr<SqlDatabase>> open_store_database(const StoreSpec& store,
                                                         const std::filesystem::path& root,
                                                         Files& files, const Clock& clock) {
  if (const auto file = store_file(store, root)) {
    TM_CHECK(files.make_dirs_durably(file->parent_path()));
    return open_sqlite_database(*file, clock);
  }
  PostgresStoreOptions options;
  options.conninfo = store.place;
  options.password = store.password;
  options.schema = store.schema;
  return open_postgres_database(options, clock);
}

}  // namespace tidemark
