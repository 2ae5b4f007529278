#include "connectors/postgres/sink_replace.h"

#include <utility>

#include "base/error.h"
#include "connect/key_check.h"
#include "connect/load_check.h"
#include "connectors/postgres/row_copy.h"
#include "connectors/postgres/sink_swap.h"

namespace tidemark::postgres {
namespace {

constexpr const char* exclusion_violation = "postgres.23p01";

// What a difference is made of, or what became of it.
struct Changes {
  std::int64_t gone = 0;
  std::int64_t changed = 0;
  std::int64_t added = 0;

  std::int64_t all() const { return gone + changed + added; }
  friend bool operator==(const Changes&, const Changes&) = default;
};

Result<Changes> ask_changes(Connection& connection, const std::string& sql, Cancel& cancel) {
  TM_TRY(const Rows counts, connection.query(sql, cancel));
  return Changes{counts.integer(0, 0), counts.integer(0, 1), counts.integer(0, 2)};
}

Error as_fault_of_rows(Error error, const LoadTarget& target) {
  return is_unique_violation(error) ? duplicate_key(target, error.message) : error;
}

Status fill_shadow(duck::Connection& engine, Connection& connection, const Replacement& work,
                   Cancel& cancel) {
  const FullSteps& full = *work.steps.full;
  if (!work.is_filled) {
    TM_CHECK(connection.execute(full.shadow, cancel));
    Status copied = copy_rows(engine, connection, select_rows(work.rows, work.target.schema),
                              full.copy, work.steps.columns, work.rows.rows, cancel);
    if (!copied.ok()) return as_fault_of_rows(std::move(copied).error(), work.target);
  }
  for (const std::string& sql : full.prepare) {
    auto done = connection.execute(sql, cancel);
    if (!done.ok()) return as_fault_of_rows(std::move(done).error(), work.target);
  }
  return {};
}

// Between the first look at the table and the lock anybody may have altered it.
Result<TableState> read_unaltered(Connection& connection, const Replacement& work, Cancel& cancel) {
  TM_TRY(TableState now, read_target(connection, work.target, cancel));
  TM_TRY(const LoadSteps steps, compose(now, work.target, work.fence));
  if (steps.full == work.steps.full) return now;
  return target_error(
      "target.table_altered",
      "table " + now.name.show() + " was altered while the rows were sent; nothing was loaded",
      Retry::backoff, "run again");
}

Status guard(Connection& connection, const Replacement& work, Cancel& cancel) {
  const LoadTarget& target = work.target;
  const std::int64_t rows = work.rows.rows.get();
  if (target.allow_empty || (rows > 0 && !target.shrink_limit)) return {};
  TM_TRY(const Rows counted, connection.query(work.steps.full->verify, cancel));
  const std::int64_t present = counted.integer(0, 0);
  return check_replacement(target, rows, present);
}

// The other way counts changed rows among the gone ones too.
Result<Changes> change_by_insert(Connection& connection, const FullSteps& full, Cancel& cancel) {
  TM_TRY(Changes done, ask_changes(connection, full.change_by_insert, cancel));
  done.gone -= done.changed;
  return done;
}

// Rows that exchange unique values among each other collide when they are updated one by one,
// although the end is sound; whether it is, only trying the other way can tell.
Result<Changes> change_rows(Connection& connection, const FullSteps& full, Cancel& cancel) {
  if (full.change_in_place.empty()) return change_by_insert(connection, full, cancel);
  TM_CHECK(connection.execute("savepoint tidemark_change", cancel));
  auto changed = ask_changes(connection, full.change_in_place, cancel);
  if (changed.ok()) return changed;
  Error error = std::move(changed).error();
  if (!is_unique_violation(error) && error.code != exclusion_violation) return error;
  if (full.change_by_insert.empty()) {
    error.hint =
        "rows of the source hold a unique value twice, or exchange values among each other; for "
        "the latter make the constraint DEFERRABLE";
    return error;
  }
  TM_CHECK(connection.execute("rollback to savepoint tidemark_change", cancel));
  return change_by_insert(connection, full, cancel);
}

Status rewrite(Connection& connection, const FullSteps& full, std::int64_t rows, Cancel& cancel) {
  TM_CHECK(connection.execute(full.clear, cancel));
  TM_TRY(const Rows inserted, connection.query(full.insert, cancel));
  if (inserted.changed() == rows) return {};
  return rows_lost(rows, inserted.changed());
}

Status apply_difference(Connection& connection, const FullSteps& full, std::int64_t rows,
                        Cancel& cancel) {
  for (const std::string& sql : full.compare)
    TM_CHECK(connection.execute(sql, cancel));
  TM_TRY(const Changes wanted, ask_changes(connection, full.counts, cancel));
  if (wanted.all() == 0) return {};
  const std::int64_t present = rows - wanted.added + wanted.gone;
  if (!full.clear.empty() && 3 * (wanted.gone + wanted.changed) > 2 * present)
    return rewrite(connection, full, rows, cancel);
  TM_TRY(const Changes done, change_rows(connection, full, cancel));
  if (done == wanted) return {};
  return rows_lost(wanted.all(), done.all());
}

}  // namespace

Status replace_rows(duck::Connection& engine, Connection& connection, const Replacement& work,
                    Cancel& cancel) {
  const FullSteps& full = *work.steps.full;
  const bool swaps = full.way == ReplaceWay::swap;
  const std::int64_t rows = work.rows.rows.get();
  TM_CHECK(fill_shadow(engine, connection, work, cancel));
  // To count takes a while, in which the readers of a table that is swapped would wait.
  if (swaps) TM_CHECK(guard(connection, work, cancel));
  TM_CHECK(lock_table(connection, full.table,
                      swaps ? LockMode::access_exclusive : LockMode::share_row_exclusive,
                      work.patience, cancel));
  TM_TRY(const TableState state, read_unaltered(connection, work, cancel));
  if (swaps) return swap_tables(connection, state, full, cancel);
  TM_CHECK(guard(connection, work, cancel));
  if (full.way == ReplaceWay::difference)
    TM_CHECK(apply_difference(connection, full, rows, cancel));
  else
    TM_CHECK(rewrite(connection, full, rows, cancel));
  // Whatever triggers did, also those that wait for the end: the table has the rows of the source,
  // as many as were loaded.
  TM_CHECK(connection.execute("set constraints all immediate", cancel));
  TM_TRY(const Rows counted, connection.query(full.verify, cancel));
  if (counted.integer(0, 0) == rows) return {};
  return rows_lost(rows, counted.integer(0, 0));
}

}  // namespace tidemark::postgres
