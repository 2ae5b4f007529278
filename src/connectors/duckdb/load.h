// DuckdbLoad: one load transaction into a warehouse. See connect/sink.h for what its calls promise.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "connect/sink.h"
#include "connectors/duckdb/warehouse.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

// The statements of a strategy over `relation`, in order; the same ones that `plan` shows and
// `write` runs.
struct LoadStatements {
  std::vector<std::string> ddl;
  std::vector<std::string> sql;
};
LoadStatements load_statements(const WarehouseTable& table, const LoadTarget& target,
                               const std::optional<Schema>& present, const std::string& relation);

// The columns that a load's table has where it is made anew, as CREATE TABLE has them; `present`:
// those of the table whose place it takes.
std::string table_columns(const LoadTarget& target, const std::optional<Schema>& present);

std::string insert_rows(const std::string& into, const Schema& rows, const std::string& relation);

// The statements that give the table what LoadTarget::added says, and `present` as it is after
// them.
std::vector<std::string> add_columns(const WarehouseTable& table, const LoadTarget& target,
                                     Schema& present);

// The columns, NOT NULLs and key of a table; nothing when there is none.
Result<std::optional<Schema>> describe_table(duck::Connection& engine, const WarehouseTable& table);

// Of what transactions of other threads are in the way of for a moment: `work` again, as long as it
// fails for that.
Status in_turn(Cancel& cancel, const std::function<Status()>& work);

class DuckdbAhead;

class DuckdbLoad : public LoadTxn {
 public:
  // `ahead` holds the rows already, and outlives this; null: none.
  DuckdbLoad(std::string catalog, std::filesystem::path file, duck::Connection& engine, LoadKey key,
             const DuckdbAhead* ahead, duck::Transaction transaction)
      : catalog_(std::move(catalog)),
        file_(std::move(file)),
        engine_(engine),
        key_(std::move(key)),
        ahead_(ahead),
        transaction_(std::move(transaction)) {}

  Result<RowCount> write(const StagedTable& rows, const LoadTarget& target,
                         Cancel& cancel) override;
  Result<RowCount> take_out_range(const TargetRange& range, RowCount given,
                                  const LoadTarget& target, Cancel& cancel) override;
  Result<RowCount> remove(const Removal& removal, const LoadTarget& target,
                          Cancel& cancel) override;
  Status quarantine(const StagedTable& rows, Supersedes old, Cancel& cancel) override;
  Status close_refused(const StagedTable& rows, Cancel& cancel) override;
  Result<CommitOutcome> commit(const LoadRow& load) override;
  Result<bool> resolve(const LoadRow& load, Cancel& cancel) override;

 private:
  Status make_schema(const WarehouseTable& table, Cancel& cancel);
  Status guard_full(const WarehouseTable& table, const StagedTable& rows, const LoadTarget& target);

  std::string catalog_;
  std::filesystem::path file_;
  duck::Connection& engine_;
  LoadKey key_;
  const DuckdbAhead* const ahead_;
  std::optional<duck::Transaction> transaction_;
  std::string table_;         // that rows were written to
  bool has_changed_ = false;  // anything in its transaction
};

}  // namespace tidemark
