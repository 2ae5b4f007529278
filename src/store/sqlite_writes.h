// The writes of the store, each inside a transaction that the caller began and commits. For this
// folder only.
//
// Every function either did all of its work or returns an Error, after which the caller lets the
// transaction roll back.
#pragma once

#include "drivers/sqlite/database.h"
#include "env/clock.h"
#include "store/records.h"

namespace tidemark::sqlite_writes {

Status upsert_job(sqlite::Database& database, const JobRecord& job, UtcMicros now);
Status begin_run(sqlite::Database& database, const RunStart& start, UtcMicros now);
Status take_over(sqlite::Database& database, const RunId& run, Fence token, UtcMicros now);
Result<StreamMark> plan_stream(sqlite::Database& database, const RunId& run,
                               const PlannedStream& plan, UtcMicros now);
Result<StreamMark> transition(sqlite::Database& database, const Transition& step, UtcMicros now);
Status finish_run(sqlite::Database& database, const RunFinish& finish, UtcMicros now);

}  // namespace tidemark::sqlite_writes
