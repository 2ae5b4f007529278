#include "connectors/duckdb/sink.h"

#include <utility>

#include "connect/fit.h"
#include "connectors/duckdb/ledger.h"
#include "connectors/duckdb/load.h"
#include "connectors/duckdb/load_ahead.h"
#include "connectors/duckdb/warehouse_file.h"

namespace tidemark {

Result<std::optional<LedgerRow>> DuckdbSink::committed(const StreamId& stream, Cancel& cancel) {
  TM_CHECK(cancel.check());
  auto head = warehouse_ledger::head(engine_, catalog_, stream);
  has_ledger_ = has_ledger_ || (head.ok() && head->has_value());
  return head;
}

Result<std::vector<LedgerRow>> DuckdbSink::take_over(const JobName& job, Fence token,
                                                     Cancel& cancel) {
  // Another thread of this process may be committing a load of the job; it ends or is fenced soon.
  std::vector<LedgerRow> heads;
  Status taken = in_turn(cancel, [&]() -> Status {
    TM_TRY(heads, warehouse_ledger::take_over(engine_, catalog_, job, token));
    return {};
  });
  if (!taken.ok()) return explain_failed_write(std::move(taken).error(), file_);
  return heads;
}

Result<std::vector<Position>> DuckdbSink::history(const StreamId& stream, Cancel& cancel) {
  TM_CHECK(cancel.check());
  return warehouse_ledger::history(engine_, catalog_, stream);
}

Result<std::optional<std::string>> DuckdbSink::carried(const StreamId& stream, Cancel& cancel) {
  TM_CHECK(cancel.check());
  return warehouse_ledger::carried(engine_, catalog_, stream);
}

Result<std::vector<SweepRow>> DuckdbSink::sweeps(const std::string& table, Cancel& cancel) {
  TM_CHECK(cancel.check());
  TM_TRY(const WarehouseTable place, parse_table(catalog_, table));
  return warehouse_ledger::sweeps(engine_, catalog_, warehouse_ledger::ledger_name(place));
}

Result<bool> DuckdbSink::loaded(const StreamId& stream, const RunId& run, Cancel& cancel) {
  TM_CHECK(cancel.check());
  return warehouse_ledger::has_load_of(engine_, catalog_, stream, run);
}

Result<std::string> DuckdbSink::window_checksum(const StreamId& stream, Seq seq, Cancel& cancel) {
  TM_CHECK(cancel.check());
  return warehouse_ledger::window_checksum(engine_, catalog_, stream, seq);
}

Result<std::vector<Seq>> DuckdbSink::refused_windows(const StreamId& stream, Cancel& cancel) {
  TM_CHECK(cancel.check());
  return warehouse_ledger::refused_windows(engine_, catalog_, stream);
}

Result<StagedTable> DuckdbSink::open_refused(const JobName& job,
                                             const std::optional<StreamName>& only,
                                             Cancel& cancel) {
  TM_CHECK(cancel.check());
  return warehouse_ledger::open_refused(engine_, catalog_, job, only);
}

Result<std::optional<Schema>> DuckdbSink::describe(const std::string& table, Cancel& cancel) {
  TM_CHECK(cancel.check());
  TM_TRY(WarehouseTable place, parse_table(catalog_, table));
  TM_TRY(std::optional<Schema> schema, describe_table(engine_, place));
  described_.emplace(table, schema);
  return schema;
}

Result<TargetRows> DuckdbSink::rows(const std::string& table, Cancel& cancel) {
  TM_CHECK(cancel.check());
  TM_TRY(const WarehouseTable place, parse_table(catalog_, table));
  return TargetRows(place.quoted());
}

Result<LoadPlan> DuckdbSink::plan(const LoadTarget& target, Cancel& cancel) {
  TM_CHECK(cancel.check());
  TM_TRY(WarehouseTable table, parse_table(catalog_, target.table));
  // The load looks again, in its own transaction.
  auto described = std::exchange(described_, std::nullopt);
  std::optional<Schema> present;
  if (described && described->first == target.table) {
    present = std::move(described->second);
  } else {
    TM_TRY(present, describe_table(engine_, table));
  }
  LoadPlan plan;
  plan.table_exists = present.has_value();
  std::vector<std::string> added;
  if (present) {
    added = add_columns(table, target, *present);
    TM_CHECK(check_fit(target.table, *present, target.schema));
    TM_TRY(std::int64_t rows, engine_.count("SELECT count(*) FROM " + table.quoted()));
    plan.rows_present = rows;
  }
  for (const std::string& column : target.key) {
    if (target.schema.find(column)) continue;
    return user_error("plan.no_key_column",
                      "the key's column `" + column + "` is not among the rows to load",
                      "correct `key`, or keep the column in `transform`");
  }
  LoadStatements statements = load_statements(table, target, present, "good");
  plan.ddl = std::move(added);
  plan.ddl.insert(plan.ddl.end(), statements.ddl.begin(), statements.ddl.end());
  plan.sql = std::move(statements.sql);
  if (target.strategy == LoadStrategy::full && present) {
    plan.notes.push_back("all present rows are replaced");
  }
  return plan;
}

std::unique_ptr<LoadAhead> DuckdbSink::load_ahead(const LoadKey& key, const LoadTarget& target,
                                                  StepsAhead steps) {
  return std::make_unique<DuckdbAhead>(*this, catalog_, engine_, key, target, std::move(steps));
}

Result<std::unique_ptr<LoadTxn>> DuckdbSink::begin_load(const LoadKey& key,
                                                        const DuckdbAhead* ahead, Cancel& cancel) {
  TM_CHECK(cancel.check());
  described_.reset();
  // Before the load and for good: of two first loads that each made them in their transactions, one
  // would fail.
  if (!has_ledger_) {
    Status made =
        in_turn(cancel, [&] { return warehouse_ledger::create_tables(engine_, catalog_); });
    if (!made.ok()) return explain_failed_write(std::move(made).error(), file_);
  }
  TM_TRY(duck::Transaction transaction, duck::Transaction::begin(engine_));
  return std::unique_ptr<LoadTxn>(
      std::make_unique<DuckdbLoad>(catalog_, file_, engine_, key, ahead, std::move(transaction)));
}

}  // namespace tidemark
