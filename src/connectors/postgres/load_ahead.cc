#include "connectors/postgres/load_ahead.h"

#include <utility>

#include "connectors/postgres/row_copy.h"
#include "connectors/postgres/sink.h"
#include "connectors/postgres/sink_load.h"
#include "drivers/duckdb/batch.h"

namespace tidemark::postgres {

PostgresAhead::PostgresAhead(const PostgresSink& sink, LoadKey key, LoadTarget target)
    : sink_(sink), key_(std::move(key)), target_(std::move(target)) {}

PostgresAhead::~PostgresAhead() = default;

Status PostgresAhead::open(Cancel& cancel) {
  TM_TRY(std::unique_ptr<PostgresLoad> load, sink_.open_load(key_, cancel));
  TM_TRY(columns_, load->begin_copy(target_, cancel));
  load_ = std::move(load);
  return {};
}

bool PostgresAhead::is_open(Cancel& cancel) {
  const std::lock_guard lock(mutex_);
  if (!failure_ && !load_) {
    if (Status opened = open(cancel); !opened.ok()) failure_ = std::move(opened).error();
  }
  return !failure_;
}

bool PostgresAhead::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(error);
  return false;
}

Status PostgresAhead::put(ByteBuffer& bytes, Cancel& cancel) {
  const std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  TM_CHECK(load_->put(bytes.view(), cancel));
  bytes.clear();
  return {};
}

Result<bool> PostgresAhead::send(duck::Connection&, RowsAhead rows, Cancel& cancel) {
  if (!is_open(cancel)) return false;
  duck::Batch batch(target_.schema, std::move(rows.reject));
  CopyEncoder encoder(columns_);
  ByteBuffer bytes;
  while (true) {
    auto read = rows.next(batch.clear());
    if (read.ok() && *read == 0) break;
    Status shown = read.ok() ? rows.also(batch.filled(*read)) : std::move(read).error();
    if (!shown.ok()) {
      fail(shown.error());
      return std::move(shown).error();
    }
    Status sent = encoder.encode(batch.filled(*read), bytes);
    if (sent.ok() && bytes.size() >= copy_message_bytes) sent = put(bytes, cancel);
    if (!sent.ok()) return fail(std::move(sent).error());
  }
  if (Status sent = put(bytes, cancel); !sent.ok()) return fail(std::move(sent).error());
  const std::lock_guard lock(mutex_);
  rows_ += encoder.rows();
  return true;
}

std::optional<std::int64_t> PostgresAhead::rows() const {
  if (failure_ || !load_) return std::nullopt;
  return rows_;
}

Result<std::unique_ptr<LoadTxn>> PostgresAhead::begin(Cancel& cancel) {
  TM_CHECK(load_->end_copy(RowCount(rows_), cancel));
  return std::unique_ptr<LoadTxn>(std::move(load_));
}

}  // namespace tidemark::postgres
