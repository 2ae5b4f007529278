#include "connectors/duckdb/load_ahead.h"

#include <utility>

#include "connectors/duckdb/load.h"
#include "connectors/duckdb/sink.h"
#include "drivers/hash/hash.h"

namespace tidemark {

namespace {

// Hashes, since a name of a job may be as long as one of a table.
std::string short_hash(const std::string& text) {
  constexpr std::size_t digits = 16;
  return sha256_hex(text).substr(0, digits);
}

std::string name_of(const LoadKey& key) {
  return ahead_prefix + short_hash(key.stream.job.get()) + "_" +
         short_hash(key.stream.stream.get()) + "_" + std::to_string(key.fence.get());
}

}  // namespace

DuckdbAhead::DuckdbAhead(DuckdbSink& sink, std::string catalog, duck::Connection& engine,
                         LoadKey key, LoadTarget target, StepsAhead steps)
    : sink_(sink),
      catalog_(std::move(catalog)),
      engine_(engine),
      key_(std::move(key)),
      target_(std::move(target)),
      steps_(std::move(steps)) {}

DuckdbAhead::~DuckdbAhead() {
  constexpr int tries = 3;  // a run that is cancelled may interrupt one
  for (int left = columns_.empty() ? 0 : tries; left > 0; --left) {
    if (engine_.execute("DROP TABLE IF EXISTS " + table_.quoted()).ok()) return;
  }
}

Status DuckdbAhead::make(duck::Connection& engine, Cancel& cancel) {
  TM_TRY(const WarehouseTable goal, parse_table(catalog_, target_.table));
  TM_TRY(std::optional<Schema> present, describe_table(engine, goal));
  if (present) add_columns(goal, target_, *present);
  if (present && target_.strategy != LoadStrategy::full) {
    over_ = true;  // another made it since the plan: rows are added to it by the load
    return {};
  }
  if (!present && goal.schema != "main") {
    TM_CHECK(in_turn(cancel, [&] {
      return engine.execute("CREATE SCHEMA IF NOT EXISTS " + goal.quoted_schema());
    }));
  }
  table_ = {goal.catalog, goal.schema, name_of(key_)};
  std::string columns = table_columns(target_, present);
  TM_CHECK(engine.execute("CREATE TABLE " + table_.quoted() + " (" + columns + ")"));
  columns_ = std::move(columns);
  return {};
}

void DuckdbAhead::fail(Error error) {
  over_ = true;
  if (!failure_) failure_ = std::move(error);
}

Result<bool> DuckdbAhead::send(duck::Connection& engine, RowsAhead rows, Cancel& cancel) {
  {
    const std::lock_guard lock(mutex_);
    if (!over_ && columns_.empty()) {
      if (Status made = make(engine, cancel); !made.ok()) fail(std::move(made).error());
    }
    if (over_) return false;
  }
  TM_TRY(const RelationAhead read, RelationAhead::make(engine, steps_.in, std::move(rows)));
  const std::string from = steps_.select ? "(" + steps_.select(read.name()) + ")" : read.name();
  auto inserted = engine.query_waiting(insert_rows(table_.quoted(), target_.schema, from));
  // None of these rows is in: they are read again, or the read fails.
  if (read.of_rows()) return *read.of_rows();
  Status taken = read.all_read(inserted.ok() ? Status() : Status(inserted.error()));
  const std::lock_guard lock(mutex_);
  if (!taken.ok()) {
    fail(std::move(taken).error());
    return false;
  }
  rows_ += inserted->integer(0, 0);
  return true;
}

std::optional<std::int64_t> DuckdbAhead::rows() const {
  if (over_ || columns_.empty()) return std::nullopt;
  return rows_;
}

Result<std::unique_ptr<LoadTxn>> DuckdbAhead::begin(Cancel& cancel) {
  return sink_.begin_load(key_, this, cancel);
}

}  // namespace tidemark
