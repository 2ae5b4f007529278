// The ledger in a PostgreSQL target: tidemark_ledger (the head of each stream), tidemark_loads (one
// row per load), tidemark_quarantine (refused rows), tidemark_columns (what the last window of each
// stream carried) and tidemark_sweeps (which table it loads into, and when that was swept), in the
// schema that the session creates tables in. Older ledgers lack the last two until their next load.
//
// Free functions over a borrowed Connection; they keep nothing. Reading works before the tables
// exist and on a target that takes no writes. The head moves by compare-and-set only, as the last
// statement of a load.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres::ledger {

// The statements that create what is missing, for `plan` and for ensure().
std::vector<std::string> ddl();

// Are the tables there that every ledger has? Touches nothing.
Result<bool> exists(Connection& connection, Cancel& cancel);

// Creates the tables that are missing, in a transaction of its own, so that concurrent first loads
// wait for each other a moment and not for a whole load. Idempotent. REQUIRES no transaction.
Status ensure(Connection& connection, Cancel& cancel);

Result<std::optional<LedgerRow>> head(Connection& connection, const StreamId& stream,
                                      Cancel& cancel);
Result<std::vector<Position>> history(Connection& connection, const StreamId& stream,
                                      Cancel& cancel);
// Sink::carried.
Result<std::optional<std::string>> carried(Connection& connection, const StreamId& stream,
                                           Cancel& cancel);
// Takes the place of what stood there. Inside the load's transaction.
Status keep_carried(Connection& connection, const StreamId& stream, const std::string& columns,
                    Cancel& cancel);
// Sink::sweeps; `table` is quoted, with its schema.
Result<std::vector<SweepRow>> sweeps(Connection& connection, const std::string& table,
                                     Cancel& cancel);
// Inside the load's transaction.
Status note_sweep(Connection& connection, const StreamId& stream, const std::string& table,
                  const SweepNote& note, Cancel& cancel);
Result<bool> loaded(Connection& connection, const StreamId& stream, const std::string& load_id,
                    Cancel& cancel);
Result<bool> loaded_by(Connection& connection, const StreamId& stream, const RunId& run,
                       Cancel& cancel);
// The open refused rows of a job, or of one stream: how many, and the statement that reads them,
// with open_refused_schema().
Result<std::int64_t> open_refused_count(Connection& connection, const JobName& job,
                                        const std::optional<StreamName>& only, Cancel& cancel);
std::string select_open_refused(const JobName& job, const std::optional<StreamName>& only);
Result<std::vector<Seq>> refused_windows(Connection& connection, const StreamId& stream,
                                         Cancel& cancel);

// The checksum of the stage loaded as that window; empty where there is none.
Result<std::string> window_checksum(Connection& connection, const StreamId& stream, Seq seq,
                                    Cancel& cancel);
// The beginning of the application_name of every session that changes something for an owner. The
// server cuts the name at 63 bytes, so this stands first.
std::string session_name(const JobName& job, Fence token);
// Ends the sessions of the job's older owners in this database and waits until they are gone: they
// hold locks, and a first load has no row in the ledger yet that would fence it. What one of them
// was committing may be in afterwards. `target.commit_pending` when one has not gone after ten
// seconds; `target.older_session` when one is another user's, whom this user may not end.
Status end_older_sessions(Connection& connection, const JobName& job, Fence token, Cancel& cancel);
// Raises the fence of the job's streams, in a transaction of its own that waits a moment for one
// that is committing. The heads after; `target.fenced`; a lock timeout when the wait was too long.
Result<std::vector<LedgerRow>> raise_fence(Connection& connection, const JobName& job, Fence token,
                                           Cancel& cancel);

// Inside the load's transaction: its id, for pg_xact_status. Nothing: a load with this id is
// already in.
Result<std::optional<std::string>> insert_load(Connection& connection, const LoadKey& key,
                                               const LoadRow& load, Cancel& cancel);
// Closes the stream's open refused rows that this load supersedes.
Status close_refused(Connection& connection, const LoadKey& key, Supersedes old, Cancel& cancel);
// The single ones of a table with closed_schema(); returns how many of them were open.
Result<std::int64_t> close_refused_in(Connection& connection, const StreamId& stream,
                                      const std::string& closed, Cancel& cancel);

// Inside the load's transaction, its last statement. A window moves seq from n-1 to n; any other
// load leaves it there. False: the head is not where this load needs it.
Result<bool> move_head(Connection& connection, const LoadKey& key, const Window& window,
                       Cancel& cancel);

}  // namespace tidemark::postgres::ledger
