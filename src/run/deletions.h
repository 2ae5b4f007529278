// Deletions: which rows of a window are deleted at the source, by a column of theirs.
//
// Deleted rows take the way of all others through steps and rules, and the newest version of a key
// decides, deleted or not. Behind them they are told by their address in the stage. A row that is
// only to be taken out is not refused, as long as its key is known. All of it SQL in the run's
// engine connection: repeatable, one thread; what it makes is good until the next call.
#pragma once

#include <string>

#include "base/result.h"
#include "connect/sink.h"
#include "env/clock.h"
#include "quality/versions.h"
#include "transform/transform.h"

namespace tidemark {

struct DeletionsInput {
  std::string column;     // as staged, for people
  std::string condition;  // of deleted rows, over the rows as staged; empty: there are none
  std::string unclear;    // of rows whose column says neither; empty: it always does
  std::string stage;      // a SELECT of the rows as staged, with their addresses
  const RowKey& key;
  // Rows that are refused may be taken out all the same: not those that are tried again.
  bool from_refused = true;
  std::string mark;      // as LoadTarget::mark has it; empty: deleted rows are not loaded
  std::string found_at;  // as Removal::found_at
};

struct Deletions {
  StagedTable keys;                // of rows to be taken out of the table, or to be marked there
  RowCount deleted;                // rows of the window that are not loaded because of it
  std::int64_t older_dropped = 0;  // versions of a key that a newer one made nothing of
};

// As Removal::found_at has it.
std::string found_now(const Clock& clock);

// Takes the deleted rows out of the good ones of `rows`, or marks them. `source.unclear_delete`
// where nobody can tell whether a row is deleted. REQUIRES a transform without a `sql` step.
Result<Deletions> take_out_deleted(const DeletionsInput& input, Transformed& rows,
                                   duck::Connection& engine);

}  // namespace tidemark
