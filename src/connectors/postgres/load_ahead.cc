#include "connectors/postgres/load_ahead.h"

#include <utility>

#include "connectors/postgres/row_copy.h"
#include "connectors/postgres/sink.h"
#include "connectors/postgres/sink_load.h"
#include "drivers/duckdb/batch.h"

namespace tidemark::postgres {

namespace {

// What came of a part of a read.
struct Passed {
  std::optional<Error> of_rows;
  Status taken;
};

Passed pass_as_read(const Schema& schema, RowsAhead rows, const duck::Drain& take) {
  duck::Batch batch(schema, std::move(rows.reject));
  while (true) {
    auto read = rows.next(batch.clear());
    if (!read.ok()) return {std::move(read).error(), {}};
    if (*read == 0) return {};
    if (Status shown = rows.also(batch.filled(*read)); !shown.ok())
      return {std::move(shown).error(), {}};
    if (Status taken = take(batch.filled(*read)); !taken.ok()) return {{}, std::move(taken)};
  }
}

Passed pass_through(const StepsAhead& steps, RowsAhead rows, const duck::Drain& take,
                    duck::Connection& engine, Cancel& cancel) {
  auto read = RelationAhead::make(engine, steps.in, std::move(rows));
  if (!read.ok()) return {std::move(read).error(), {}};
  Status taken = engine.stream(steps.select(read->name()), take, cancel);
  return {read->of_rows(), read->all_read(std::move(taken))};
}

}  // namespace

PostgresAhead::PostgresAhead(const PostgresSink& sink, LoadKey key, LoadTarget target,
                             StepsAhead steps)
    : sink_(sink), key_(std::move(key)), target_(std::move(target)), steps_(std::move(steps)) {}

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

Status PostgresAhead::put(ByteBuffer& bytes, Cancel& cancel) {
  const std::lock_guard lock(mutex_);
  if (over_) return target_error("target.ahead_over", "another reader's rows were not taken");
  Status sent = load_->put(bytes.view(), cancel);
  if (!sent.ok()) end(sent.error());
  bytes.clear();
  return sent;
}

Result<bool> PostgresAhead::send(duck::Connection& engine, RowsAhead rows, Cancel& cancel) {
  if (!is_open(cancel)) return false;
  CopyEncoder encoder(columns_);
  ByteBuffer bytes;
  const auto take = [&](const BatchReader& batch) -> Status {
    TM_CHECK(encoder.encode(batch, bytes));
    return bytes.size() < copy_message_bytes ? Status() : put(bytes, cancel);
  };
  Passed passed = steps_.select ? pass_through(steps_, std::move(rows), take, engine, cancel)
                                : pass_as_read(steps_.in, std::move(rows), take);
  if (!passed.of_rows && passed.taken.ok()) passed.taken = put(bytes, cancel);
  const std::lock_guard lock(mutex_);
  if (passed.of_rows) {
    end(std::nullopt);
    return *std::move(passed.of_rows);
  }
  if (!passed.taken.ok()) {
    end(std::move(passed.taken).error());
    return false;
  }
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
