// Rows of the engine into a table of PostgreSQL by COPY, and the errors all ways of loading share.
//
// Free functions over borrowed connections; they keep nothing. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/named.h"
#include "base/result.h"
#include "connect/sink.h"
#include "connectors/postgres/copy_encoder.h"
#include "drivers/duckdb/engine.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// A message of this size costs little per byte and keeps the buffer small.
inline constexpr std::size_t copy_message_bytes = 256 * 1024;

// SELECT of the rows' columns, in order.
std::string select_rows(const StagedTable& rows, const Schema& schema);

// Sends what `select` gives to `copy`, a COPY ... FROM STDIN (FORMAT binary). Blocks; memory is
// bounded by a few batches. `target.rows_lost` when the server took another number than `expected`.
Status copy_rows(duck::Connection& engine, Connection& connection, const std::string& select,
                 const std::string& copy, std::vector<CopyColumn> columns, RowCount expected,
                 Cancel& cancel);

// `target.rows_lost` unless all of them were `sent` and `taken`: a trigger or rule that drops some
// is found before anything is committed.
Status check_taken(std::int64_t expected, std::int64_t sent, std::int64_t taken);

// What the server says when it meets a key twice.
bool is_unique_violation(const Error& error);

// `expected` rows were to be, and the target has `found`.
Error rows_lost(std::int64_t expected, std::int64_t found);

}  // namespace tidemark::postgres
