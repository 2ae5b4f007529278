#include "connectors/postgres/sink.h"

#include <utility>

#include "connect/staged_table.h"
#include "connectors/postgres/ledger.h"
#include "connectors/postgres/load_ahead.h"
#include "connectors/postgres/sink_load.h"
#include "connectors/postgres/sink_table.h"
#include "connectors/postgres/source.h"
#include "connectors/postgres/whole_read.h"

namespace tidemark::postgres {
namespace {

constexpr const char* load_settings =
    "set local lock_timeout = '10s'; set local statement_timeout = 0; "
    "set local idle_in_transaction_session_timeout = 0; "
    "select set_config('transaction_timeout', '0', true) where "
    "current_setting('transaction_timeout', true) is not null; "
    // The source forgets what we acknowledge, so a commit is on disk before it counts.
    "select set_config('synchronous_commit', 'on', true) where "
    "current_setting('synchronous_commit') = 'off'";

Status check_writable(Connection& connection, Cancel& cancel) {
  TM_TRY(
      Rows rows,
      connection.query(
          "select current_setting('transaction_read_only') = 'on', pg_is_in_recovery()", cancel));
  if (!rows.boolean(0, 0) && !rows.boolean(0, 1)) return {};
  return target_error("postgres.read_only",
                      rows.boolean(0, 1) ? "the target is a standby server, which takes no writes"
                                         : "sessions of this user on the target are read-only",
                      Retry::never,
                      rows.boolean(0, 1)
                          ? "connect to the primary"
                          : "check default_transaction_read_only of the user and the database");
}

}  // namespace

PostgresSink::PostgresSink(duck::Connection& engine, ConnectOptions options, LockPatience patience)
    : engine_(engine), options_(std::move(options)), patience_(patience) {
  options_.side = Side::target;
}

SinkTraits PostgresSink::traits() const {
  return SinkTraits{.transactional = true, .creates_tables = true, .takes_out_ranges = true};
}

Result<Connection*> PostgresSink::reader(Cancel& cancel) {
  if (!reader_ || reader_->lost()) {
    reader_.reset();
    TM_TRY(reader_, Connection::connect(options_, cancel));
  }
  return reader_.get();
}

Result<std::optional<LedgerRow>> PostgresSink::committed(const StreamId& stream, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::head(*connection, stream, cancel);
}

Result<std::vector<LedgerRow>> PostgresSink::take_over(const JobName& job, Fence token,
                                                       Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  TM_CHECK(ledger::end_older_sessions(*connection, job, token, cancel));
  // One that is committing right now holds the ledger's row for a moment.
  constexpr int tries = 5;
  for (int left = tries;; --left) {
    auto heads = ledger::raise_fence(*connection, job, token, cancel);
    if (heads.ok() || heads.error().code != "postgres.lock_not_available" || left == 0)
      return heads;
  }
}

Result<std::vector<Position>> PostgresSink::history(const StreamId& stream, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::history(*connection, stream, cancel);
}

Result<std::optional<std::string>> PostgresSink::carried(const StreamId& stream, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::carried(*connection, stream, cancel);
}

Result<std::vector<SweepRow>> PostgresSink::sweeps(const std::string& table, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  TM_TRY(const TableState state, read_table(*connection, table, cancel));
  return ledger::sweeps(*connection, state.name.sql(), cancel);
}

Result<bool> PostgresSink::loaded(const StreamId& stream, const RunId& run, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::loaded_by(*connection, stream, run, cancel);
}

Result<StagedTable> PostgresSink::open_refused(const JobName& job,
                                               const std::optional<StreamName>& only,
                                               Cancel& cancel) {
  const Schema schema = open_refused_schema();
  TM_TRY(Connection * connection, reader(cancel));
  TM_TRY(const std::int64_t rows, ledger::open_refused_count(*connection, job, only, cancel));
  if (rows == 0) return no_staged_rows(schema);
  constexpr const char* copy = "_tm_open_refused";
  Status copied =
      copy_answer({options_}, ledger::select_open_refused(job, only), copy, engine_, cancel);
  if (!copied.ok()) return std::move(copied).error().with_context("reading tidemark_quarantine");
  return StagedTable{copy, schema, RowCount(rows)};
}

Result<std::string> PostgresSink::window_checksum(const StreamId& stream, Seq seq, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::window_checksum(*connection, stream, seq, cancel);
}

Result<std::vector<Seq>> PostgresSink::refused_windows(const StreamId& stream, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::refused_windows(*connection, stream, cancel);
}

Result<std::optional<Schema>> PostgresSink::describe(const std::string& table, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  TM_TRY(const TableState state, read_table(*connection, table, cancel));
  if (!state.exists) return std::optional<Schema>();
  Schema schema;
  for (const TargetColumn& column : state.columns)
    schema.columns.push_back(as_column(column));
  schema.key = state.primary_key;
  return std::optional(std::move(schema));
}

Result<TargetRows> PostgresSink::rows(const std::string& table, Cancel&) {
  SourceSpec spec;
  spec.input = TableInput{{table, {}}};
  return TargetRows(std::make_unique<PostgresSource>(options_, spec, LoadStrategy::full));
}

Result<LoadPlan> PostgresSink::plan(const LoadTarget& target, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  TM_TRY(TableState state, read_target(*connection, target, cancel));
  TM_TRY(const std::vector<std::string> added, add_columns(state, target));
  TM_TRY(LoadSteps steps, compose(state, target, Fence(0)));
  LoadPlan plan;
  plan.table_exists = state.exists;
  plan.rows_present = state.rows_estimate;
  plan.notes = std::move(steps.notes);
  TM_TRY(const bool ledger_exists, ledger::exists(*connection, cancel));
  if (!ledger_exists) plan.ddl = ledger::ddl();
  plan.ddl.insert(plan.ddl.end(), added.begin(), added.end());
  plan.ddl.insert(plan.ddl.end(), steps.ddl.begin(), steps.ddl.end());
  plan.sql = steps.statements();
  if (Status writable = check_writable(*connection, cancel); !writable.ok()) {
    plan.notes.push_back(writable.error().describe());
  }
  return plan;
}

Result<std::vector<Acceptance>> PostgresSink::acceptance(const LoadTarget& target, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  TM_TRY(TableState state, read_target(*connection, target, cancel));
  TM_CHECK(add_columns(state, target));
  TM_TRY(const LoadSteps steps, compose(state, target, Fence(0)));
  std::vector<Acceptance> all;
  for (const CopyColumn& copy : steps.columns) {
    std::string predicate = holds(duck::quote_name(copy.name), copy.type, copy.wire);
    if (predicate.empty()) continue;
    all.push_back({copy.name, std::move(predicate), why_refused(copy.type, copy.wire),
                   own_values_hold(copy.type, copy.wire)});
  }
  return all;
}

Result<std::unique_ptr<LoadTxn>> PostgresSink::begin(const LoadKey& key, Cancel& cancel) {
  TM_TRY(std::unique_ptr<PostgresLoad> load, open_load(key, cancel));
  return std::unique_ptr<LoadTxn>(std::move(load));
}

std::unique_ptr<LoadAhead> PostgresSink::load_ahead(const LoadKey& key, const LoadTarget& target,
                                                    StepsAhead steps) {
  // A table of one name that two jobs make is waited for; to make one like another holds that.
  if (target.strategy != LoadStrategy::full || target.replace == Replace::table) return nullptr;
  return std::make_unique<PostgresAhead>(*this, key, target, std::move(steps));
}

Result<std::unique_ptr<PostgresLoad>> PostgresSink::open_load(const LoadKey& key,
                                                              Cancel& cancel) const {
  ConnectOptions options = options_;
  options.application_name = ledger::session_name(key.stream.job, key.fence) + " " +
                             key.run_id.get() + " " + key.stream.job.get() + "/" +
                             key.stream.stream.get();
  TM_TRY(std::unique_ptr<Connection> connection, Connection::connect(options, cancel));
  TM_CHECK(check_writable(*connection, cancel));
  if (Status made = ledger::ensure(*connection, cancel); !made.ok()) {
    return std::move(made).error().with_context("creating the ledger tables in the target");
  }
  // Read committed whatever the database's default is: the compare-and-set then sees the newest
  // head.
  TM_CHECK(connection->begin("isolation level read committed", cancel));
  TM_CHECK(connection->execute(load_settings, cancel));
  return std::make_unique<PostgresLoad>(engine_, std::move(connection), std::move(options), key,
                                        patience_);
}

}  // namespace tidemark::postgres
