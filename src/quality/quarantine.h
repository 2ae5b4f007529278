// Quarantine: the refused rows of a run as one relation with the columns of quarantine_schema(),
// ready for LoadTxn::quarantine.
//
// A row refused at extract brings its raw bytes. A row refused by a step or a rule brings the row
// as it was staged, as a JSON object of exact texts: every value as the engine prints it, blobs as
// hex, NULL as null. One connection, one thread; the relation lives until the next build, as
// long as the connection.
#pragma once

#include <string>

#include "base/result.h"
#include "connect/refusal.h"
#include "connect/sink.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

struct QuarantineInput {
  StreamId stream;
  RunId run_id;
  Seq seq;
  std::string refused_at;  // ISO-8601 with its zone, the run's clock
  // A SELECT of raw BLOB, column_name VARCHAR, reason VARCHAR, locator VARCHAR:
  // Stage::rejects_sql(). Empty when the stage has none.
  std::string stage_rejects;
  Refusals refusals;  // Transformed::refusals
  // A SELECT of _tm_segment, _tm_row, row_key of refused rows: refused_keys_sql(). Empty where rows
  // have no key.
  std::string row_keys;
};

// The rule under which rows refused at extract stand.
inline constexpr std::string_view extract_rule = "extract";

// Idempotent. Blocking: reads the origin of refused rows again, and nothing where none was refused.
Result<StagedTable> build_quarantine(const QuarantineInput& input, duck::Connection& connection);

// SQL of the JSON text of a row of `schema`, whose columns stand under `alias`.
std::string payload_sql(const Schema& schema, const std::string& alias);

}  // namespace tidemark
