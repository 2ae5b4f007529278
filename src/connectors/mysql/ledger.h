// The ledger in a MySQL target: tidemark_ledger (the head of each stream), tidemark_loads (one row
// per load) and tidemark_quarantine (refused rows), in the database of the connection. Beside them
// tidemark_columns, what the last window of each stream carried, tidemark_sweeps, which table it
// loads into and when that was swept, tidemark_owners, the fence of each
// job, and tidemark_sessions, the sessions that load for it.
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
#include "drivers/mysql/connection.h"

namespace tidemark::mysql::ledger {

// The statements that create what is missing, for `plan` and for ensure().
std::vector<std::string> ddl(const Flavour& flavour);

// Are all tables there? Touches nothing.
Result<bool> exists(Connection& connection, Cancel& cancel);

// Creates the tables that are missing; each statement commits by itself. Idempotent.
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
// Sink::sweeps; `table` is quoted, with its database.
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

// Raises the fence of the job and of its streams, in one transaction. The heads after;
// `target.fenced`; a lock timeout when one that is committing held them too long.
Result<std::vector<LedgerRow>> raise_fence(Connection& connection, const JobName& job, Fence token,
                                           Cancel& cancel);

// Inside the load's transaction, all of them.
// False: a load with this id is already in.
Result<bool> insert_load(Connection& connection, const LoadKey& key, const LoadRow& load,
                         Cancel& cancel);
// Closes the stream's open refused rows that this load supersedes.
Status close_refused(Connection& connection, const LoadKey& key, Supersedes old, Cancel& cancel);
// The single ones of a table with closed_schema(); returns how many of them were open.
Result<std::int64_t> close_refused_in(Connection& connection, const StreamId& stream,
                                      const std::string& closed, Cancel& cancel);
// Keeps the fence of the job where it is until the transaction ends; false: it is higher.
Result<bool> hold_fence(Connection& connection, const LoadKey& key, Cancel& cancel);
// A window moves seq from n-1 to n; any other load leaves it there. False: the head is not where
// this load needs it.
Result<bool> move_head(Connection& connection, const LoadKey& key, const Window& window,
                       Cancel& cancel);

}  // namespace tidemark::mysql::ledger
