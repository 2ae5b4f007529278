// Versions: which open refused rows a load answers for, by their key or by their address.
//
// A refused row of an upsert is known by its key, so that a newer good version of it closes it.
// Rows that are tried again are known by their address in the stage. All of it SQL in the run's
// engine connection: pure, repeatable, one thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "connect/sink.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

// What tells the rows of a target apart, and the versions of one row.
struct RowKey {
  std::vector<Column> columns;  // of the result; empty where a row has one version only
  std::string order;            // the column that grows with each version; empty: as read
  bool newest_first = true;
  int last_writer = 0;          // the last step that gives one of these columns its value or name
  bool order_written = false;   // a step makes the values of `order`
  bool order_of_steps = false;  // steps of the job choose among the versions in an order of theirs
};

// SQL of the text that stands for a key: a JSON object of its columns' exact texts, by name, NULL
// where a part is NULL. Keys that are equal have equal texts: 0 and -0 have one.
std::string row_key_sql(const std::vector<Column>& columns, const std::string& alias = {});
// The same of a refused row of Transformed::marked: NULL too where the step that refused it stands
// before one that makes the key.
std::string refused_key_sql(const RowKey& key);
// A SELECT of _tm_segment, _tm_row and row_key of the refused rows of `marked` (see Transformed),
// NULL where a step at or after the refusal was to make the key. Empty for an empty key.
std::string refused_keys_sql(const RowKey& key, const std::string& marked);

struct VersionsInput {
  const RowKey& key;
  const std::string& marked;  // Transformed::marked
  // The open refused rows of the stream, of earlier loads: open_refused_schema().
  const StagedTable& open;
  const RunId& run;
  RowCount refused;  // of the rows in `marked`
};

// The open refused rows of which `marked` has a newer good version, its own among them, with
// closed_schema(). A row of its own is closed only where the order says that the good one is newer.
Result<StagedTable> superseded_rows(const VersionsInput& input, duck::Connection& connection);

// The same where `marked` are refused rows that were tried again: those that are good now, and with
// a key the older versions of the same row; and the rows of refused_again(), which are closed from
// the start. `open` has the columns segment and row too, with the addresses that stand in `marked`,
// then id, the number of the edit with which a row was tried, told, and tried (RowEdit::tried).
Result<StagedTable> tried_rows(const VersionsInput& input, duck::Connection& connection);

// Of rows that were tried again and refused again: why, for those that are told one by one and
// were not refused for the same the last time, with quarantine_schema(). `at`: ISO-8601 with its
// zone.
Result<StagedTable> refused_again(const VersionsInput& input, const StreamId& stream,
                                  const std::string& at, duck::Connection& connection);

}  // namespace tidemark
