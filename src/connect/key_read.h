// Key read: which keys a source has now, in the engine.
//
// Free functions over a borrowed connection of the engine, which is in no transaction; blocking.
// Keys stand in temporary tables, which the engine spills; they are good until the next read.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "connect/source.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

struct KeyRead {
  std::vector<std::string> columns;  // of the source, in the order of `key`
  Schema key;                        // as the rows are loaded
  std::string deleted;  // a condition of rows that count as gone; empty: all that are there count
  // Conditions over `key` that every key of the target fulfils; NULL is as good as true.
  std::vector<std::string> held;
};

// The keys of all rows of `source`, of which only_keys() was asked, each once and none with a NULL.
// All of them, or an Error: a read that died never gives fewer. `source.column_changed` where a
// column has another type than in `planned`; `source.value_not_held` where a key cannot be held.
Result<StagedTable> read_keys(Source& source, const Schema& planned, const KeyRead& read,
                              duck::Connection& engine, Cancel& cancel);

}  // namespace tidemark
