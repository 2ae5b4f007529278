// A database whose writes a ReadCache hears of, by the tables that they change.
#pragma once

#include <memory>
#include <string_view>

#include "store/read_cache.h"
#include "store/sql_session.h"

namespace tidemark {

// The cache outlives what is returned.
std::unique_ptr<SqlDatabase> note_writes(std::unique_ptr<SqlDatabase> database, ReadCache& cache);

// What a statement may change; all, where that cannot be told.
StoreKinds kinds_written_by(std::string_view sql);

}  // namespace tidemark
