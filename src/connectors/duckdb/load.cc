#include "connectors/duckdb/load.h"

#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include "base/units.h"
#include "connect/expression.h"
#include "connect/fit.h"
#include "connect/key_check.h"
#include "connect/load_check.h"
#include "connectors/duckdb/ledger.h"
#include "connectors/duckdb/load_ahead.h"
#include "connectors/duckdb/removal.h"
#include "connectors/duckdb/warehouse_file.h"

namespace tidemark {

namespace {

std::string column_definitions(const Schema& schema, const std::vector<std::string>& key) {
  std::string text;
  for (const Column& column : schema.columns) {
    text += (text.empty() ? "" : ", ") + duck::quote_name(column.name) + " " +
            sql_name(column.type) + (column.nullable ? "" : " NOT NULL");
  }
  if (!key.empty()) text += ", PRIMARY KEY (" + duck::quote_list(key) + ")";
  return text;
}

// The name of the shadow is as long as the table's plus a mark nobody uses by accident.
std::string shadow_name(const std::string& table) {
  return table + "__tidemark_shadow";
}

// Gives a table, which has the rows, the name of another, which may be there.
std::vector<std::string> take_place(const WarehouseTable& table, bool is_there,
                                    const WarehouseTable& filled) {
  std::vector<std::string> sql;
  if (is_there) sql.push_back("DROP TABLE " + table.quoted());
  sql.push_back("ALTER TABLE " + filled.quoted() + " RENAME TO " + duck::quote_name(table.table));
  return sql;
}

}  // namespace

std::string insert_rows(const std::string& into, const Schema& rows, const std::string& relation) {
  const std::string columns = duck::quote_list(rows.names());
  return "INSERT INTO " + into + " (" + columns + ") SELECT " + columns + " FROM " + relation;
}

// Keys are enforced by the strategy, not by an index: an index makes each later upsert several
// times dearer.
std::string table_columns(const LoadTarget& target, const std::optional<Schema>& present) {
  return present ? column_definitions(*present, present->key)
                 : column_definitions(target.schema, {});
}

LoadStatements load_statements(const WarehouseTable& table, const LoadTarget& target,
                               const std::optional<Schema>& present, const std::string& relation) {
  LoadStatements statements;
  if (!present) {
    if (table.schema != "main")
      statements.ddl.push_back("CREATE SCHEMA IF NOT EXISTS " + table.quoted_schema());
    statements.ddl.push_back("CREATE TABLE " + table.quoted() + " (" +
                             table_columns(target, present) + ")");
  }
  switch (target.strategy) {
    case LoadStrategy::append:
      statements.sql.push_back(insert_rows(table.quoted(), target.schema, relation));
      break;
    case LoadStrategy::upsert: {
      std::string same_key;
      for (const std::string& column : target.key) {
        same_key += (same_key.empty() ? "" : " AND ") + ("old." + duck::quote_name(column)) +
                    " = new." + duck::quote_name(column);
      }
      std::string from = relation;
      if (present && !target.mark.empty()) {
        const std::string mark = duck::quote_name(target.mark);
        statements.sql.push_back(
            "CREATE OR REPLACE TEMP TABLE _tm_marked AS SELECT new.* REPLACE "
            "(CASE WHEN new." +
            mark + " IS NOT NULL THEN coalesce(old." + mark + ", new." + mark + ") END AS " + mark +
            ") FROM " + relation + " AS new LEFT JOIN " + table.quoted() + " AS old ON " +
            same_key);
        from = "temp._tm_marked";
      }
      if (present) {
        statements.sql.push_back("DELETE FROM " + table.quoted() + " AS old USING " + from +
                                 " AS new WHERE " + same_key);
      }
      statements.sql.push_back(insert_rows(table.quoted(), target.schema, from));
      break;
    }
    case LoadStrategy::full:
      if (present) {
        WarehouseTable shadow = table;
        shadow.table = shadow_name(table.table);
        statements.sql.push_back("CREATE TABLE " + shadow.quoted() + " (" +
                                 table_columns(target, present) + ")");
        statements.sql.push_back(insert_rows(shadow.quoted(), target.schema, relation));
        for (std::string& sql : take_place(table, true, shadow))
          statements.sql.push_back(std::move(sql));
      } else {
        statements.sql.push_back(insert_rows(table.quoted(), target.schema, relation));
      }
      break;
  }
  return statements;
}

std::vector<std::string> add_columns(const WarehouseTable& table, const LoadTarget& target,
                                     Schema& present) {
  std::vector<std::string> statements;
  for (const Column& column : target.schema.columns) {
    if (!target.adds(column.name) || present.find(column.name)) continue;
    present.columns.push_back({column.name, column.type, true, {}});
    // A full load makes the table anew.
    if (target.strategy == LoadStrategy::full) continue;
    statements.push_back("ALTER TABLE " + table.quoted() + " ADD COLUMN " +
                         duck::quote_name(column.name) + " " + sql_name(column.type));
  }
  return statements;
}

Result<std::optional<Schema>> describe_table(duck::Connection& engine,
                                             const WarehouseTable& table) {
  // duckdb_columns() would do it alone, but it makes the engine build its own views first: 6 ms in
  // a new process.
  TM_TRY(duck::Answer there,
         engine.query("SELECT count(*) FROM duckdb_tables() WHERE lower(database_name) = lower($1) "
                      "AND lower(schema_name) = lower($2) AND lower(table_name) = lower($3)",
                      {table.catalog, table.schema, table.table}));
  if (there.integer(0, 0) == 0) return std::optional<Schema>{};
  TM_TRY(duck::Answer columns,
         engine.query("SELECT column_name, column_type, (\"null\" = 'YES')::INTEGER, "
                      "(coalesce(key, '') = 'PRI')::INTEGER FROM (DESCRIBE " +
                      table.quoted() + ")"));
  Schema schema;
  bool has_key = false;
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    const std::string type_name = columns.text(row, 1).value_or("");
    auto type = parse_type(type_name);
    schema.columns.push_back({columns.text(row, 0).value_or(""),
                              type.ok() ? *type : Type::engine(type_name),
                              columns.integer(row, 2) != 0, type_name});
    has_key = has_key || columns.integer(row, 3) != 0;
  }
  if (!has_key) return std::optional<Schema>{std::move(schema)};
  TM_TRY(duck::Answer key,
         engine.query("SELECT unnest(constraint_column_names) FROM duckdb_constraints() WHERE "
                      "lower(database_name) = lower($1) AND lower(schema_name) = lower($2) AND "
                      "lower(table_name) = lower($3) AND constraint_type = 'PRIMARY KEY'",
                      {table.catalog, table.schema, table.table}));
  for (std::size_t row = 0; row < key.rows(); ++row)
    schema.key.push_back(key.text(row, 0).value_or(""));
  return std::optional<Schema>{std::move(schema)};
}

Status in_turn(Cancel& cancel, const std::function<Status()>& work) {
  constexpr int tries = 100;
  constexpr std::chrono::milliseconds pause{50};
  for (int left = tries;; --left) {
    TM_CHECK(cancel.check());
    Status done = work();
    if (done.ok() || done.error().code != "engine.transaction" || left == 0) return done;
    std::this_thread::sleep_for(pause);
  }
}

// Before the load and for good: of two loads that each made it in their transactions, one would
// fail. Nothing was done in this one yet, so it begins anew behind that.
Status DuckdbLoad::make_schema(const WarehouseTable& table, Cancel& cancel) {
  if (table.schema == "main" || has_changed_) return {};
  TM_TRY(const duck::Answer known,
         engine_.query("SELECT count(*) FROM duckdb_schemas() WHERE lower(database_name) = "
                       "lower($1) AND lower(schema_name) = lower($2)",
                       {table.catalog, table.schema}));
  if (known.integer(0, 0) > 0) return {};
  transaction_.reset();
  Status made = in_turn(cancel, [&] {
    return engine_.execute("CREATE SCHEMA IF NOT EXISTS " + table.quoted_schema());
  });
  if (!made.ok()) return explain_failed_write(std::move(made).error(), file_);
  TM_TRY(duck::Transaction anew, duck::Transaction::begin(engine_));
  transaction_.emplace(std::move(anew));
  return {};
}

Status DuckdbLoad::guard_full(const WarehouseTable& table, const StagedTable& rows,
                              const LoadTarget& target) {
  if (target.allow_empty) return {};
  TM_TRY(std::int64_t present, engine_.count("SELECT count(*) FROM " + table.quoted()));
  if (present == 0) return {};
  if (rows.rows.get() == 0) {
    return Error{"blocked.empty_source",
                 Fault::source,
                 Retry::never,
                 "the source is empty and table " + target.table + " has " + show_count(present) +
                     " rows; they were left as they are",
                 {},
                 "if the source is really empty now, run again with --allow-empty"};
  }
  const double kept = static_cast<double>(rows.rows.get()) / static_cast<double>(present);
  if (target.shrink_limit && kept < 1 - *target.shrink_limit) {
    return Error{
        "blocked.shrunk_source",
        Fault::source,
        Retry::never,
        "the source has " + show_count(rows.rows.get()) + " rows and table " + target.table +
            " has " + show_count(present) + "; they were left as they are",
        {},
        "if so many rows are really gone, run again with --allow-empty or raise `shrink_limit`"};
  }
  return {};
}

Result<RowCount> DuckdbLoad::write(const StagedTable& rows, const LoadTarget& target,
                                   Cancel& cancel) {
  TM_CHECK(cancel.check());
  TM_TRY(WarehouseTable table, parse_table(catalog_, target.table));
  table_ = warehouse_ledger::ledger_name(table);
  TM_TRY(std::optional<Schema> present, describe_table(engine_, table));
  if (!present && target.was_there) return table_gone(target.table);
  if (present && target.must_be_new) return table_taken(target.table);
  if (!present) TM_CHECK(make_schema(table, cancel));
  has_changed_ = true;
  if (present) {
    const std::vector<std::string> added = add_columns(table, target, *present);
    TM_CHECK(check_fit(target.table, *present, target.schema));
    for (const std::string& sql : added)
      TM_CHECK(engine_.execute(sql));
    if (target.strategy == LoadStrategy::full) TM_CHECK(guard_full(table, rows, target));
  }
  const bool is_filled = ahead_ != nullptr && (!present || target.strategy == LoadStrategy::full) &&
                         ahead_->columns() == table_columns(target, present);
  StagedTable from = rows;
  if (is_filled) from.relation = ahead_->table().quoted();
  TM_CHECK(check_null_key(engine_, from, target));
  TM_CHECK(check_key_once(engine_, from, target));
  LoadStatements statements = load_statements(table, target, present, rows.relation);
  std::int64_t loaded = 0;
  if (is_filled) {
    statements = {{}, take_place(table, present.has_value(), ahead_->table())};
    TM_TRY(loaded, engine_.count("SELECT count(*) FROM " + from.relation));
  }
  for (const std::string& sql : statements.ddl)
    TM_CHECK(engine_.execute(sql));
  for (const std::string& sql : statements.sql) {
    TM_CHECK(cancel.check());
    auto answer = engine_.query_waiting(sql);
    if (!answer.ok()) {
      Error error = explain_failed_write(std::move(answer).error(), file_)
                        .with_context("loading table " + target.table);
      if (error.code == "engine.constraint") {
        error.hint =
            "nothing was loaded; refuse such rows by a rule, or replace rows of the same "
            "key with `load: upsert` and `key`";
      }
      return error;
    }
    if (sql.starts_with("INSERT")) loaded = answer->integer(0, 0);
  }
  return RowCount(loaded);
}

Result<RowCount> DuckdbLoad::take_out_range(const TargetRange& range, RowCount given,
                                            const LoadTarget& target, Cancel& cancel) {
  TM_CHECK(cancel.check());
  has_changed_ = true;
  TM_TRY(const WarehouseTable table, parse_table(catalog_, target.table));
  TM_TRY(const std::optional<Schema> present, describe_table(engine_, table));
  if (!present) return table_gone(target.table);
  const auto at = find_column(*present, range.column);
  if (!at) return internal_error("target.no_column", "the table has no `" + range.column + "`");
  const std::string column = duck::quote_name(range.column);
  const auto value = [&](const std::string& text) {
    return "CAST(" + duck::quote_text(text) + " AS " + present->columns[*at].source_type + ")";
  };
  const std::string from = table.quoted() + " WHERE " + column + " >= " + value(range.lo) +
                           " AND " + column + " < " + value(range.hi);
  if (!target.allow_empty) {
    TM_TRY(const std::int64_t rows, engine_.count("SELECT count(*) FROM " + from));
    TM_CHECK(check_replacement(target, given.get(), rows));
  }
  auto removed = engine_.query("DELETE FROM " + from);
  if (!removed.ok()) {
    return explain_failed_write(std::move(removed).error(), file_)
        .with_context("taking rows out of table " + target.table);
  }
  return RowCount(removed->integer(0, 0));
}

Result<RowCount> DuckdbLoad::remove(const Removal& removal, const LoadTarget& target,
                                    Cancel& cancel) {
  TM_CHECK(cancel.check());
  has_changed_ = true;
  TM_TRY(const WarehouseTable table, parse_table(catalog_, target.table));
  TM_TRY(const std::optional<Schema> present, describe_table(engine_, table));
  if (!present) return RowCount(0);
  const RemovalStatements statements = removal_statements(table, *present, target, removal);
  if (removal.rows == Removal::Rows::without_keys) {
    TM_TRY(const std::int64_t rows, engine_.count(statements.count_all));
    TM_TRY(const std::int64_t gone, engine_.count(statements.count_gone));
    TM_CHECK(check_removal(target, removal, gone, rows));
    if (!statements.revive.empty()) TM_CHECK(engine_.execute(statements.revive));
    if (gone == 0) return RowCount(0);
  }
  auto removed = engine_.query(statements.remove);
  if (!removed.ok()) {
    return explain_failed_write(std::move(removed).error(), file_)
        .with_context("taking rows out of table " + target.table);
  }
  return RowCount(removed->integer(0, 0));
}

Status DuckdbLoad::quarantine(const StagedTable& rows, Supersedes old, Cancel& cancel) {
  TM_CHECK(cancel.check());
  has_changed_ = true;
  TM_CHECK(warehouse_ledger::close_refused(engine_, catalog_, key_, old));
  if (rows.rows.get() == 0) return {};
  return engine_.execute(insert_rows(duck::quote_path({catalog_, "main", "tidemark_quarantine"}),
                                     quarantine_schema(), rows.relation));
}

Status DuckdbLoad::close_refused(const StagedTable& rows, Cancel& cancel) {
  TM_CHECK(cancel.check());
  has_changed_ = true;
  if (rows.rows.get() == 0) return {};
  TM_TRY(const duck::Answer closed,
         engine_.query("UPDATE " + duck::quote_path({catalog_, "main", "tidemark_quarantine"}) +
                           " AS old SET resolved_at = now(), resolution = closed.resolution FROM " +
                           rows.relation +
                           " AS closed WHERE old.job = $1 AND old.stream = $2 AND old.run_id = "
                           "closed.run_id AND old.locator = closed.locator AND old.resolved_at IS "
                           "NULL",
                       {key_.stream.job.get(), key_.stream.stream.get()}));
  return check_closed(closed.integer(0, 0), rows.rows);
}

Result<CommitOutcome> DuckdbLoad::commit(const LoadRow& load) {
  TM_TRY(const bool there,
         warehouse_ledger::has_load(engine_, catalog_, key_.stream, load.load_id));
  if (there) {
    transaction_.reset();  // rolls back
    return CommitOutcome::already_committed;
  }
  TM_CHECK(warehouse_ledger::insert_load(engine_, catalog_, key_.stream, load));
  if (load.carried) {
    TM_CHECK(warehouse_ledger::keep_carried(engine_, catalog_, key_.stream, *load.carried));
  }
  if (load.sweep && !table_.empty()) {
    TM_CHECK(warehouse_ledger::note_sweep(engine_, catalog_, key_.stream, table_, *load.sweep));
  }
  TM_TRY(const bool moved, warehouse_ledger::move_head(engine_, catalog_, key_, load));
  if (!moved) {
    transaction_.reset();  // rolls back
    TM_TRY(const std::optional<LedgerRow> head,
           warehouse_ledger::head(engine_, catalog_, key_.stream));
    return fenced(key_.stream.job, head ? "the ledger stands at window " +
                                              std::to_string(head->seq.get()) + " with fence " +
                                              std::to_string(head->fence.get())
                                        : "the ledger does not know the stream");
  }
  auto committed = transaction_->commit();
  transaction_.reset();
  if (committed.ok()) return CommitOutcome::committed;
  // Whatever failed, only the file says what it holds.
  Cancel never;
  auto held = resolve(load, never);
  if (!held.ok()) return CommitOutcome::unknown;
  if (*held) return CommitOutcome::already_committed;
  return explain_failed_write(std::move(committed).error(), file_);
}

Result<bool> DuckdbLoad::resolve(const LoadRow& load, Cancel&) {
  return warehouse_ledger::has_load(engine_, catalog_, key_.stream, load.load_id);
}

}  // namespace tidemark
