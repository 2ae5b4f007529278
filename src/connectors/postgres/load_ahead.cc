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

void PostgresAhead::end(std::optional<Error> failure) {
  if (!over_) failure_ = std::move(failure);
  over_ = true;
  load_.reset();
}

bool PostgresAhead::is_open(Cancel& cancel) {
  const std::lock_guard lock(mutex_);
  if (!over_ && !load_) {
    if (Status opened = open(cancel); !opened.ok()) end(std::move(opened).error());
  }
  return !over_;
}

bool PostgresAhead::put(ByteBuffer& bytes, Cancel& cancel) {
  const std::lock_guard lock(mutex_);
  if (over_) return false;
  if (Status sent = load_->put(bytes.view(), cancel); !sent.ok()) end(std::move(sent).error());
  bytes.clear();
  return !over_;
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
      const std::lock_guard lock(mutex_);
      end(std::nullopt);
      return std::move(shown).error();
    }
    if (Status encoded = encoder.encode(batch.filled(*read), bytes); !encoded.ok()) {
      const std::lock_guard lock(mutex_);
      end(std::move(encoded).error());
      return false;
    }
    if (bytes.size() >= copy_message_bytes && !put(bytes, cancel)) return false;
  }
  if (!put(bytes, cancel)) return false;
  const std::lock_guard lock(mutex_);
  rows_ += encoder.rows();
  return true;
}

std::optional<std::int64_t> PostgresAhead::rows() const {
  if (!load_) return std::nullopt;
  return rows_;
}

Result<std::unique_ptr<LoadTxn>> PostgresAhead::begin(Cancel& cancel) {
  TM_CHECK(load_->end_copy(RowCount(rows_), cancel));
  return std::unique_ptr<LoadTxn>(std::move(load_));
}

}  // namespace tidemark::postgres
