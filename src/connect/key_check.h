// The key of a load, held against its rows before the target is touched.
//
// Free functions over a borrowed connection of the engine; one thread.
#pragma once

#include "base/result.h"
#include "connect/sink.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

// `target.null_key` where a row has NULL in a column of the key; nothing to do without a key.
Status check_null_key(duck::Connection& engine, const StagedTable& rows, const LoadTarget& target);

// `target.duplicate_key` where two rows have the same key; for targets without an index that says
// so.
Status check_key_once(duck::Connection& engine, const StagedTable& rows, const LoadTarget& target);

// The same, from a target that said so itself: `found` is what it said.
Error duplicate_key(const LoadTarget& target, const std::string& found);

}  // namespace tidemark
