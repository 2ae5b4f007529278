// The store in one SQLite file, for one server process on a local disk.
//
// One connection behind one mutex. Writes that wait at the same time go into one transaction, each
// in a savepoint of its own, so that they share one sync of the disk: the first to come runs and
// commits them for all.
#pragma once

#include <filesystem>
#include <memory>

#include "store/sql_session.h"

namespace tidemark {

// Makes the file when it is missing; its folder must be there. The clock outlives what is returned.
Result<std::unique_ptr<SqlDatabase>> open_sqlite_database(const std::filesystem::path& path,
                                                          const Clock& clock);

// Brings what stands beside the file into it, so that it alone is the database. REQUIRES that
// nobody has it open.
Status gather_sqlite_database(const std::filesystem::path& path);

}  // namespace tidemark
