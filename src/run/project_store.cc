#include "run/project_store.h"

#include "env/own_dir.h"
#include "store/postgres_database.h"
#include "store/postgres_look.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

PostgresStoreOptions postgres_options(const StoreSpec& store) {
  PostgresStoreOptions options;
  options.conninfo = store.place;
  options.password = store.password;
  options.schema = store.schema;
  return options;
}

}  // namespace

std::optional<std::filesystem::path> store_file(const StoreSpec& store,
                                                const std::filesystem::path& root) {
  const std::optional<std::string> path = store.sqlite_path();
  if (!path) return std::nullopt;
  return root / *path;
}

Result<bool> has_project_store(const StoreSpec& store, const std::filesystem::path& root) {
  const auto file = store_file(store, root);
  if (!file) return has_postgres_store(postgres_options(store));
  std::error_code code;
  return std::filesystem::exists(*file, code);
}

Result<std::unique_ptr<SqlDatabase>> open_store_database(const StoreSpec& store,
                                                         const std::filesystem::path& root,
                                                         Files& files, const Clock& clock) {
  if (const auto file = store_file(store, root)) {
    TM_CHECK(make_own_dir(files, file->parent_path()));
    return open_sqlite_database(*file, clock);
  }
  return open_postgres_database(postgres_options(store), clock);
}

}  // namespace tidemark
