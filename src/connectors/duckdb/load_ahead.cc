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

std::string prefix_of(const JobName& job) {
  return "_tidemark_ahead_" + short_hash(job.get()) + "_";
}

std::string name_of(const LoadKey& key) {
  return prefix_of(key.stream.job) + short_hash(key.stream.stream.get()) + "_" +
         std::to_string(key.fence.get());
}

}  // namespace

Status drop_tables_ahead(duck::Connection& engine, const std::string& catalog, const JobName& job) {
  TM_TRY(const duck::Answer left,
         engine.query("SELECT schema_name, table_name FROM duckdb_tables() WHERE "
                      "lower(database_name) = lower($1) AND starts_with(table_name, $2)",
                      {catalog, prefix_of(job)}));
  for (std::size_t row = 0; row < left.rows(); ++row) {
    const WarehouseTable table{catalog, left.text(row, 0).value_or(""),
                               left.text(row, 1).value_or("")};
    TM_CHECK(engine.execute("DROP TABLE IF EXISTS " + table.quoted()));
  }
  return {};
}

DuckdbAhead::DuckdbAhead(DuckdbSink& sink, std::string catalog, duck::Connection& engine,
                         LoadKey key, LoadTarget target)
    : sink_(sink),
      catalog_(std::move(catalog)),
      engine_(engine),
      key_(std::move(key)),
      target_(std::move(target)) {}

// What cannot be dropped now is dropped by the next owner of the job.
DuckdbAhead::~DuckdbAhead() {
  if (!columns_.empty()) (void)engine_.execute("DROP TABLE IF EXISTS " + table_.quoted());
}

Status DuckdbAhead::make(duck::Connection& engine, Cancel& cancel) {
  TM_TRY(const WarehouseTable goal, parse_table(catalog_, target_.table));
  TM_TRY(std::optional<Schema> present, describe_table(engine, goal));
  if (present) add_columns(goal, target_, *present);
  if (present && target_.strategy != LoadStrategy::full) return table_taken(target_.table);
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

Result<bool> DuckdbAhead::send(duck::Connection& engine, RowsAhead rows, Cancel& cancel) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return false;
    if (columns_.empty()) {
      if (Status made = make(engine, cancel); !made.ok()) {
        failure_ = std::move(made).error();
        return false;
      }
    }
  }
  std::optional<Error> of_rows;
  const auto next = [&](BatchWriter& batch) -> Result<std::size_t> {
    auto read = rows.next(batch);
    if (!read.ok()) of_rows = read.error();
    return read;
  };
  const auto also = [&](const BatchReader& batch) -> Status {
    Status done = rows.also(batch);
    if (!done.ok()) of_rows = done.error();
    return done;
  };
  TM_TRY(const std::string from,
         engine.register_feed(target_.schema, next, std::move(rows.reject), also));
  auto inserted = engine.query_waiting(insert_rows(table_.quoted(), target_.schema, from));
  engine.release_feed(from);
  // None of these rows is in: they are read again, or the read fails.
  if (of_rows) return *std::move(of_rows);
  const std::lock_guard lock(mutex_);
  if (!inserted.ok()) {
    if (!failure_) failure_ = std::move(inserted).error();
    return false;
  }
  rows_ += inserted->integer(0, 0);
  return true;
}

std::optional<std::int64_t> DuckdbAhead::rows() const {
  if (failure_ || columns_.empty()) return std::nullopt;
  return rows_;
}

Result<std::unique_ptr<LoadTxn>> DuckdbAhead::begin(Cancel& cancel) {
  return sink_.begin_load(key_, this, cancel);
}

}  // namespace tidemark
