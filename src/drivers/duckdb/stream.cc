// Streaming results. The only source that uses the engine's deprecated streaming call: without it a
// large result would be held in memory whole.
#undef DUCKDB_API_NO_DEPRECATED
#include <duckdb.h>

#include "drivers/duckdb/batches.h"
#include "drivers/duckdb/state.h"
#include "observe/statement_log.h"

namespace tidemark::duck {

Status Connection::stream(const std::string& sql, const Drain& drain, Cancel& cancel) {
  const StatementLog log(LogComponent::duckdb, sql);
  impl_->is_as_new = false;
  TM_TRY(StatementHandle statement, impl_->prepare(sql));
  PendingHandle pending;
  if (duckdb_pending_prepared_streaming(statement.get(), pending.fill()) != DuckDBSuccess) {
    return impl_->fail(DUCKDB_ERROR_EXECUTOR, duckdb_pending_error(pending.get()));
  }
  ResultHandle result;
  if (duckdb_execute_pending(pending.get(), result.get()) != DuckDBSuccess) {
    return impl_->fail(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()));
  }
  const Schema schema = schema_of(result.get());
  ChunkReader reader(schema);
  while (true) {
    TM_CHECK(cancel.check());
    ChunkHandle chunk(duckdb_fetch_chunk(result.read()));
    if (!chunk || duckdb_data_chunk_get_size(chunk.get()) == 0) break;
    reader.attach(chunk.get());
    TM_CHECK(drain(reader));
  }
  // The end and a failure in the middle look alike until the result is asked.
  if (const char* problem = duckdb_result_error(result.get());
      problem != nullptr && *problem != '\0') {
    return impl_->fail(duckdb_result_error_type(result.get()), problem);
  }
  return {};
}

}  // namespace tidemark::duck
