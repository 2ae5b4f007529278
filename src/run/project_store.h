// Which database a project's store is in. Opening one blocks on its disk or its server.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "env/clock.h"
#include "env/files.h"
#include "spec/project_spec.h"
#include "store/sql_session.h"

namespace tidemark {

// The file of a store that is one; `root` is the project's folder.
std::optional<std::filesystem::path> store_file(const StoreSpec& store,
                                                const std::filesystem::path& root);
// Whether there is one already; nothing is made.
Result<bool> has_project_store(const StoreSpec& store, const std::filesystem::path& root);
// Makes the file, or the schema in PostgreSQL, where it is missing; the tables are not looked at.
// The clock outlives what is returned.
Result<std::unique_ptr<SqlDatabase>> open_store_database(const StoreSpec& store,
                                                         const std::filesystem::path& root,
                                                         Files& files, const Clock& clock);

}  // namespace tidemark
