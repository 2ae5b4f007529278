#include "connectors/postgres/sink_load.h"

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "connect/key_check.h"
#include "connectors/postgres/copy_encoder.h"
#include "connectors/postgres/ledger.h"
#include "connectors/postgres/row_copy.h"
#include "connectors/postgres/sink_remove.h"
#include "connectors/postgres/sink_replace.h"

namespace tidemark::postgres {
namespace {

constexpr const char* duplicate_in_statement = "postgres.21000";
constexpr const char* table_exists = "postgres.table_exists";

// What a quarantined row says about itself must not stop the load: a NUL in a message is written
// out.
std::string quarantine_list(const Schema& schema) {
  std::string list;
  for (const Column& column : schema.columns) {
    const std::string name = duck::quote_name(column.name);
    list += list.empty() ? "" : ", ";
    list +=
        column.type.kind == TypeKind::varchar ? "replace(" + name + ", chr(0), '\\u0000')" : name;
  }
  return list;
}

}  // namespace

PostgresLoad::PostgresLoad(duck::Connection& engine, std::unique_ptr<Connection> connection,
                           ConnectOptions options, LoadKey key, LockPatience patience)
    : engine_(engine),
      connection_(std::move(connection)),
      options_(std::move(options)),
      key_(std::move(key)),
      patience_(patience),
      backend_pid_(connection_->backend_pid()) {}

PostgresLoad::~PostgresLoad() {
  copy_.reset();
  if (!ended_) connection_->rollback();
}

Result<RowCount> PostgresLoad::write(const StagedTable& rows, const LoadTarget& target,
                                     Cancel& cancel) {
  if (Status written = write_rows(rows, target, cancel); !written.ok()) {
    failed_ = true;
    return std::move(written).error().with_context("loading into " + target.table);
  }
  return rows.rows;
}

Result<LoadSteps> PostgresLoad::look_at_table(const LoadTarget& target, Cancel& cancel) {
  TM_TRY(TableState state, read_target(*connection_, target, cancel));
  table_ = state.name.sql();
  if (!state.exists && target.was_there) return table_gone(target.table);
  if (state.exists && target.must_be_new) return table_taken(target.table);
  TM_TRY(const std::vector<std::string> added, add_columns(state, target));
  for (const std::string& statement : added)
    TM_CHECK(connection_->execute(statement, cancel));
  if (!added.empty()) {
    TM_TRY(state, read_target(*connection_, target, cancel));
  }
  return compose(state, target, key_.fence);
}

Status PostgresLoad::make_table(const LoadSteps& steps, Cancel& cancel) {
  for (const std::string& statement : steps.ddl) {
    auto made = connection_->execute(statement, cancel);
    if (made.ok()) continue;
    Error error = std::move(made).error();
    // Two first loads of one table at once: the other's table is there at the next try.
    if (error.code == table_exists || is_unique_violation(error)) error.retry = Retry::backoff;
    return error;
  }
  return {};
}

Result<std::vector<CopyColumn>> PostgresLoad::begin_copy(const LoadTarget& target, Cancel& cancel) {
  TM_TRY(TableState state, read_target(*connection_, target, cancel));
  TM_TRY(const std::vector<std::string> added, add_columns(state, target));
  if (!added.empty() || !state.schema_exists) {
    return target_error("target.altered_by_load",
                        "the load makes a schema, or adds columns, which others would wait for",
                        Retry::never);
  }
  TM_TRY(LoadSteps steps, look_at_table(target, cancel));
  if (steps.full) {
    TM_CHECK(connection_->execute(steps.full->shadow, cancel));
  } else {
    TM_CHECK(make_table(steps, cancel));
  }
  TM_TRY(CopyIn copy, connection_->copy_in(steps.copy, cancel));
  copy_.emplace(std::move(copy));
  TM_CHECK(copy_->put(CopyEncoder::header(), cancel));
  begun_ = std::move(steps);
  return begun_->columns;
}

Status PostgresLoad::put(std::string_view bytes, Cancel& cancel) {
  return copy_->put(bytes, cancel);
}

Status PostgresLoad::end_copy(RowCount sent, Cancel& cancel) {
  TM_CHECK(copy_->put(CopyEncoder::trailer(), cancel));
  TM_TRY(const std::int64_t copied, copy_->finish(cancel));
  copy_.reset();
  return check_taken(sent.get(), sent.get(), copied);
}

Status PostgresLoad::write_rows(const StagedTable& rows, const LoadTarget& target, Cancel& cancel) {
  LoadSteps steps;
  if (begun_) {
    steps = *begun_;
  } else {
    TM_TRY(steps, look_at_table(target, cancel));
  }
  TM_CHECK(check_null_key(engine_, rows, target));
  if (steps.full) {
    const Replacement work{rows, target, steps, key_.fence, patience_, begun_.has_value()};
    return replace_rows(engine_, *connection_, work, cancel);
  }
  if (begun_) return finish_rows(steps, target, rows.rows, cancel);
  if (!steps.lock.empty()) {
    TM_CHECK(connection_->execute(steps.lock, cancel));
    // The lock keeps DDL away; what happened before it is seen by reading again.
    TM_TRY(const TableState state, read_table(*connection_, target.table, cancel));
    TM_TRY(steps, compose(state, target, key_.fence));
  }
  TM_CHECK(make_table(steps, cancel));
  if (!steps.staging.empty()) TM_CHECK(connection_->execute(steps.staging, cancel));
  TM_CHECK(copy_rows(engine_, *connection_, select_rows(rows, target.schema), steps.copy,
                     std::move(steps.columns), rows.rows, cancel));
  return finish_rows(steps, target, rows.rows, cancel);
}

Status PostgresLoad::finish_rows(const LoadSteps& steps, const LoadTarget& target,
                                 RowCount expected, Cancel& cancel) {
  if (!steps.finish.empty()) {
    if (auto built = connection_->execute(steps.finish, cancel); !built.ok()) {
      if (is_unique_violation(built.error())) return duplicate_key(target, built.error().message);
      return std::move(built).error();
    }
  }
  if (steps.merge.empty()) return {};
  auto merged = connection_->query(steps.merge, cancel);
  if (!merged.ok()) {
    if (merged.error().code == duplicate_in_statement)
      return duplicate_key(target, merged.error().message);
    return std::move(merged).error();
  }
  const bool updates = target.key.size() < target.schema.columns.size();
  if (!updates || merged->changed() == expected.get()) return {};
  return rows_lost(expected.get(), merged->changed());
}

Result<RowCount> PostgresLoad::take_out_range(const TargetRange& range, RowCount given,
                                              const LoadTarget& target, Cancel& cancel) {
  auto removed = remove_range(*connection_, range, given, target, cancel);
  if (removed.ok()) return removed;
  failed_ = true;
  return std::move(removed).error().with_context("taking rows out of " + target.table);
}

Result<RowCount> PostgresLoad::remove(const Removal& removal, const LoadTarget& target,
                                      Cancel& cancel) {
  auto removed = remove_rows(engine_, *connection_, removal, target, cancel);
  if (removed.ok()) return removed;
  failed_ = true;
  return std::move(removed).error().with_context("taking rows out of " + target.table);
}

Status PostgresLoad::quarantine(const StagedTable& rows, Supersedes old, Cancel& cancel) {
  if (Status closed = ledger::close_refused(*connection_, key_, old, cancel); !closed.ok()) {
    failed_ = true;
    return std::move(closed).error().with_context("closing rows refused earlier");
  }
  if (rows.rows.get() == 0) return {};
  Status copied = copy_refused(rows, "tidemark_quarantine", cancel);
  if (copied.ok()) return {};
  failed_ = true;
  return std::move(copied).error().with_context("loading refused rows into tidemark_quarantine");
}

Status PostgresLoad::copy_refused(const StagedTable& rows, const std::string& table,
                                  Cancel& cancel) {
  std::vector<CopyColumn> columns;
  for (const Column& column : rows.schema.columns) {
    TM_TRY(CopyColumn copy, new_column(column));
    columns.push_back(std::move(copy));
  }
  return copy_rows(
      engine_, *connection_, "SELECT " + quarantine_list(rows.schema) + " FROM " + rows.relation,
      "copy " + table + " (" + quote_list(rows.schema.names()) + ") from stdin (format binary)",
      std::move(columns), rows.rows, cancel);
}

Status PostgresLoad::close_refused(const StagedTable& rows, Cancel& cancel) {
  if (rows.rows.get() == 0) return {};
  constexpr const char* table = "pg_temp._tm_closed";
  const auto close = [&]() -> Status {
    TM_CHECK(connection_->execute(
        "create temp table _tm_closed (run_id text, locator text, resolution text) on commit drop",
        cancel));
    TM_CHECK(copy_refused(rows, table, cancel));
    TM_TRY(const std::int64_t closed,
           ledger::close_refused_in(*connection_, key_.stream, table, cancel));
    return check_closed(closed, rows.rows);
  };
  Status closed = close();
  if (closed.ok()) return {};
  failed_ = true;
  return std::move(closed).error().with_context("closing refused rows that this load answers for");
}

Result<CommitOutcome> PostgresLoad::commit(const LoadRow& load) {
  if (failed_ || ended_) {
    return internal_error("target.load_failed",
                          "a load that failed or ended before cannot be committed");
  }
  // A commit is not cancelled: the answer would be lost, not the load.
  Cancel never;
  auto outcome = move_ledger_and_commit(load, never);
  ended_ = true;
  connection_->rollback();
  return outcome;
}

Result<CommitOutcome> PostgresLoad::move_ledger_and_commit(const LoadRow& load, Cancel& cancel) {
  TM_TRY(const std::optional<std::string> transaction,
         ledger::insert_load(*connection_, key_, load, cancel));
  if (!transaction) return CommitOutcome::already_committed;
  transaction_id_ = *transaction;
  if (load.carried)
    TM_CHECK(ledger::keep_carried(*connection_, key_.stream, *load.carried, cancel));
  if (load.sweep && !table_.empty())
    TM_CHECK(ledger::note_sweep(*connection_, key_.stream, table_, *load.sweep, cancel));
  TM_TRY(const bool moved, ledger::move_head(*connection_, key_, load.window, cancel));
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
  Status committed = connection_->commit(cancel);
  if (committed.ok()) return CommitOutcome::committed;
  if (connection_->lost() || is_connection_loss(committed.error())) return CommitOutcome::unknown;
  return std::move(committed).error().with_context("committing the load");
}

Result<bool> PostgresLoad::resolve(const LoadRow& load, Cancel& cancel) {
  TM_TRY(const std::unique_ptr<Connection> connection, Connection::connect(options_, cancel));
  TM_TRY(const std::optional<bool> committed, ended_well(*connection, cancel));
  TM_TRY(const bool there, ledger::loaded(*connection, key_.stream, load.load_id, cancel));
  // After a failover to a server that lags behind, only what its ledger has counts.
  if (committed && *committed && !there) {
    return target_error("target.commit_missing",
                        "transaction " + transaction_id_ +
                            " is committed, but tidemark_loads has no row of its load",
                        Retry::never,
                        "somebody changed tidemark_loads by hand, or the server was replaced by "
                        "an older copy; compare the target with the source before you go on");
  }
  return there;
}

Result<std::optional<bool>> PostgresLoad::ended_well(Connection& connection, Cancel& cancel) {
  // The server may not have noticed yet that we are gone.
  constexpr std::chrono::milliseconds pause{50};
  constexpr int patience = 40;  // pauses before our old session is ended
  constexpr int tries = 200;
  for (int turn = 0; turn < tries; ++turn) {
    TM_CHECK(cancel.check());
    auto status =
        connection.query("select pg_xact_status($1::xid8)",
                         std::vector<std::optional<std::string>>{transaction_id_}, cancel);
    // Older than what the server remembers, or newer than what it has seen.
    if (!status.ok() && !connection.lost()) return std::optional<bool>();
    if (!status.ok()) return std::move(status).error();
    const std::optional<std::string_view> word = status->text(0, 0);
    if (!word) return std::optional<bool>();
    if (*word != "in progress") return std::optional(*word == "committed");
    if (turn == patience) {
      // After a crash the server may have given the pid, as the id, to somebody else.
      TM_CHECK(connection.query(
          "select pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where pid = $1::int "
          "and starts_with(application_name, $2)",
          std::vector<std::optional<std::string>>{
              std::to_string(backend_pid_), ledger::session_name(key_.stream.job, key_.fence)},
          cancel));
    }
    std::this_thread::sleep_for(pause);
  }
  return target_error("target.commit_pending",
                      "transaction " + transaction_id_ +
                          " of the load is still in progress, and its session (pid " +
                          std::to_string(backend_pid_) + ") does not end",
                      Retry::backoff,
                      "look at pg_stat_activity; when that session has ended, run the job again");
}

}  // namespace tidemark::postgres
