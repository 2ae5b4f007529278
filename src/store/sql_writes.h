// The writes of the store, each inside a transaction that the caller began and commits. For this
// folder only.
//
// Every function either did all of its work or returns an Error, after which the caller lets the
// transaction roll back.
#pragma once

#include "env/clock.h"
#include "store/records.h"
#include "store/sql_session.h"

namespace tidemark::sql_writes {

Status upsert_job(SqlSession& session, const JobRecord& job, UtcMicros now);
Status begin_run(SqlSession& session, const RunStart& start, UtcMicros now);
Status take_over(SqlSession& session, const RunId& run, Fence token, UtcMicros now);
Result<StreamMark> plan_stream(SqlSession& session, const RunId& run, const PlannedStream& plan,
                               UtcMicros now);
Result<StreamMark> transition(SqlSession& session, const Transition& step, UtcMicros now);
Status finish_run(SqlSession& session, const RunFinish& finish, UtcMicros now);

}  // namespace tidemark::sql_writes
