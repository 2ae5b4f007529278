#include "connectors/mysql/sink_load.h"

#include <utility>

#include "connect/key_check.h"
#include "connect/load_check.h"
#include "connectors/mysql/ledger.h"
#include "connectors/mysql/load_session.h"
#include "connectors/mysql/row_insert.h"
#include "connectors/mysql/sink_remove.h"

namespace tidemark::mysql {
namespace {

constexpr const char* unique_violation = "mysql.unique_violation";
constexpr const char* table_exists = "mysql.table_exists";

}  // namespace

MysqlLoad::MysqlLoad(duck::Connection& engine, std::unique_ptr<Connection> connection,
                     ConnectOptions options, LoadKey key, std::string session)
    : engine_(engine),
      connection_(std::move(connection)),
      options_(std::move(options)),
      key_(std::move(key)),
      session_(std::move(session)) {}

MysqlLoad::~MysqlLoad() {
  if (ended_) return;
  connection_->rollback();
  // So that the next owner need not ask for it.
  Cancel none;
  if (!connection_->lost())
    (void)connection_->execute(
        "delete from tidemark_sessions where session = " + quote_text(session_), none);
}

Status MysqlLoad::begin(Cancel& cancel) {
  if (connection_->in_transaction()) return {};
  // The compare-and-set then sees the newest head, and gaps between rows are not locked.
  TM_CHECK(connection_->execute("set transaction isolation level read committed", cancel));
  return connection_->begin("", cancel);
}

Result<RowCount> MysqlLoad::write(const StagedTable& rows, const LoadTarget& target,
                                  Cancel& cancel) {
  if (Status written = write_rows(rows, target, cancel); !written.ok()) {
    failed_ = true;
    return std::move(written).error().with_context("loading into " + target.table);
  }
  return rows.rows;
}

Status MysqlLoad::write_rows(const StagedTable& rows, const LoadTarget& target, Cancel& cancel) {
  TM_CHECK(cancel.check());
  TM_TRY(TableState state, read_table(*connection_, target.table, cancel));
  table_ = state.name.sql();
  if (!state.exists && target.was_there) return table_gone(target.table);
  // One that an earlier try of this stream made, and could not fill, is as good as none.
  if (state.exists && target.must_be_new) {
    TM_TRY(const Rows found,
           connection_->query("select exists (select 1 from " + state.name.sql() + ")", cancel));
    if (state.comment != made_by(key_.stream) || found.integer(0, 0) != 0)
      return table_taken(target.table);
  }
  TM_CHECK(add_missing(state, target, cancel));
  TM_TRY(LoadSteps steps, compose(state, target, connection_->flavour(), made_by(key_.stream)));
  TM_CHECK(check_null_key(engine_, rows, target));
  if (state.exists && target.strategy == LoadStrategy::full)
    TM_CHECK(guard(rows, target, state, cancel));
  if (!steps.staging.empty()) TM_CHECK(connection_->execute(steps.staging, cancel));
  if (steps.staging.empty()) TM_CHECK(begin(cancel));
  Status sent = insert_rows(engine_, *connection_, rows.relation, steps.into, steps.columns,
                            rows.rows, cancel);
  if (!sent.ok()) {
    if (!steps.staging.empty() && sent.error().code == unique_violation)
      return duplicate_key(target, sent.error().message);
    return sent;
  }
  if (!state.exists) {
    ddl_ = steps.ddl;
    moved_at_commit_ = std::move(steps);
    rows_at_commit_ = rows.rows;
    new_target_ = target;
    return {};
  }
  if (steps.staging.empty()) return {};
  TM_CHECK(begin(cancel));
  return move_rows(steps, rows.rows, cancel);
}

// Before the transaction, because ALTER TABLE would commit it. A load that stops after it leaves
// columns that are NULL in every row, which the next one takes.
Status MysqlLoad::add_missing(TableState& state, const LoadTarget& target, Cancel& cancel) {
  TM_TRY(const std::vector<std::string> added, add_columns(state, target, connection_->flavour()));
  if (added.empty()) return {};
  TM_TRY(const std::unique_ptr<Connection> maker, Connection::connect(options_, cancel));
  // Who reads the table keeps it from being altered.
  TM_CHECK(maker->execute("set session lock_wait_timeout = 10", cancel));
  for (const std::string& statement : added)
    TM_CHECK(maker->execute(statement, cancel));
  TM_TRY(state, read_table(*connection_, target.table, cancel));
  return {};
}

Status MysqlLoad::guard(const StagedTable& rows, const LoadTarget& target, const TableState& state,
                        Cancel& cancel) {
  const std::int64_t given = rows.rows.get();
  if (target.allow_empty || (given > 0 && !target.shrink_limit)) return {};
  TM_TRY(const Rows counted,
         connection_->query("select count(*) from " + state.name.sql(), cancel));
  const std::int64_t present = counted.integer(0, 0);
  return check_replacement(target, given, present);
}

Status MysqlLoad::move_rows(const LoadSteps& steps, RowCount expected, Cancel& cancel) {
  std::int64_t moved = 0;
  if (!steps.update.empty()) {
    TM_TRY(moved, connection_->execute(steps.update, cancel));
  }
  if (!steps.remove.empty()) TM_CHECK(connection_->execute(steps.remove, cancel));
  TM_TRY(const std::int64_t inserted, connection_->execute(steps.insert, cancel));
  moved += inserted;
  return moved == expected.get() ? Status() : rows_lost(expected.get(), moved);
}

Result<RowCount> MysqlLoad::remove(const Removal& removal, const LoadTarget& target,
                                   Cancel& cancel) {
  const auto change = [&]() -> Result<RowCount> {
    TM_CHECK(begin(cancel));
    return remove_rows(engine_, *connection_, removal, target, cancel);
  };
  auto removed = change();
  if (removed.ok()) return removed;
  failed_ = true;
  return std::move(removed).error().with_context("taking rows out of " + target.table);
}

Status MysqlLoad::quarantine(const StagedTable& rows, Supersedes old, Cancel& cancel) {
  const auto change = [&]() -> Status {
    TM_CHECK(begin(cancel));
    TM_CHECK(ledger::close_refused(*connection_, key_, old, cancel));
    if (rows.rows.get() == 0) return {};
    return insert_refused(rows, "tidemark_quarantine", cancel);
  };
  Status changed = change();
  if (changed.ok()) return {};
  failed_ = true;
  return std::move(changed).error().with_context("loading refused rows into tidemark_quarantine");
}

Status MysqlLoad::insert_refused(const StagedTable& rows, const std::string& table,
                                 Cancel& cancel) {
  std::vector<LoadColumn> columns;
  for (const Column& column : rows.schema.columns) {
    TM_TRY(Fit made, new_column(column, connection_->flavour()));
    columns.push_back(std::move(made.column));
  }
  return insert_rows(engine_, *connection_, rows.relation, table, columns, rows.rows, cancel);
}

Status MysqlLoad::close_refused(const StagedTable& rows, Cancel& cancel) {
  if (rows.rows.get() == 0) return {};
  const auto close = [&]() -> Status {
    TM_CHECK(
        connection_->execute("create temporary table _tm_closed (run_id varchar(200), locator "
                             "longtext, resolution longtext) engine = InnoDB default "
                             "character set utf8mb4 collate " +
                                 connection_->flavour().exact_collation(),
                             cancel));
    TM_CHECK(begin(cancel));
    TM_CHECK(insert_refused(rows, "_tm_closed", cancel));
    TM_TRY(const std::int64_t closed,
           ledger::close_refused_in(*connection_, key_.stream, "_tm_closed", cancel));
    return check_closed(closed, rows.rows);
  };
  Status closed = close();
  if (closed.ok()) return {};
  failed_ = true;
  return std::move(closed).error().with_context("closing refused rows that this load answers for");
}

Result<CommitOutcome> MysqlLoad::commit(const LoadRow& load) {
  if (failed_ || ended_) {
    return internal_error("target.load_failed",
                          "a load that failed or ended before cannot be committed");
  }
  // A commit is not cancelled: the answer would be lost, not the load.
  Cancel never;
  auto outcome = move_ledger_and_commit(load, never);
  connection_->rollback();
  ended_ = true;
  return outcome;
}

// By another session, because it would commit this one's transaction.
Status MysqlLoad::make_table(Cancel& cancel) {
  TM_TRY(const std::unique_ptr<Connection> maker, Connection::connect(options_, cancel));
  for (const std::string& statement : ddl_) {
    auto made = maker->execute(statement, cancel);
    if (made.ok()) continue;
    Error error = std::move(made).error();
    if (error.code != table_exists) return error;
    if (new_target_.must_be_new) return table_taken(new_target_.table);
    // Two first loads of one table at once: the other's table is there at the next try.
    error.retry = Retry::backoff;
    return error;
  }
  return {};
}

Result<CommitOutcome> MysqlLoad::move_ledger_and_commit(const LoadRow& load, Cancel& cancel) {
  TM_CHECK(begin(cancel));
  TM_TRY(const bool in_time, ledger::hold_fence(*connection_, key_, cancel));
  TM_TRY(const bool fresh, ledger::insert_load(*connection_, key_, load, cancel));
  if (!fresh) return CommitOutcome::already_committed;
  bool moved = in_time;
  if (moved) {
    TM_TRY(moved, ledger::move_head(*connection_, key_, load.window, cancel));
  }
  if (!moved) {
    connection_->rollback();
    TM_TRY(const bool there, ledger::loaded(*connection_, key_.stream, load.load_id, cancel));
    if (there) return CommitOutcome::already_committed;
    TM_TRY(const std::optional<LedgerRow> head, ledger::head(*connection_, key_.stream, cancel));
    return fenced(key_.stream.job, head ? "the ledger stands at window " +
                                              std::to_string(head->seq.get()) + " with fence " +
                                              std::to_string(head->fence.get()) + " (run " +
                                              head->run_id.get() + ")"
                                        : "the ledger does not know the stream");
  }
  if (load.carried)
    TM_CHECK(ledger::keep_carried(*connection_, key_.stream, *load.carried, cancel));
  if (load.sweep && !table_.empty())
    TM_CHECK(ledger::note_sweep(*connection_, key_.stream, table_, *load.sweep, cancel));
  if (!ddl_.empty()) {
    TM_CHECK(make_table(cancel));
    TM_CHECK(move_rows(moved_at_commit_, rows_at_commit_, cancel));
  }
  TM_CHECK(connection_->execute(
      "delete from tidemark_sessions where session = " + quote_text(session_), cancel));
  Status committed = connection_->commit(cancel);
  if (committed.ok()) return CommitOutcome::committed;
  if (connection_->lost() || is_connection_loss(committed.error())) return CommitOutcome::unknown;
  return std::move(committed).error().with_context("committing the load");
}

Result<bool> MysqlLoad::resolve(const LoadRow& load, Cancel& cancel) {
  TM_TRY(const std::unique_ptr<Connection> connection, Connection::connect(options_, cancel));
  // While its session lives, the COMMIT may still be on its way.
  TM_CHECK(wait_for_end(*connection, session_, cancel));
  return ledger::loaded(*connection, key_.stream, load.load_id, cancel);
}

}  // namespace tidemark::mysql
