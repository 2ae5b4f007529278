#include "connectors/mysql/sink.h"

#include <utility>

#include "connect/staged_table.h"
#include "connectors/mysql/catalog.h"
#include "connectors/mysql/ledger.h"
#include "connectors/mysql/load_session.h"
#include "connectors/mysql/sink_load.h"
#include "connectors/mysql/sink_table.h"
#include "connectors/mysql/source.h"
#include "connectors/mysql/type_map.h"
#include "connectors/mysql/whole_read.h"

namespace tidemark::mysql {
namespace {

Status check_writable(Connection& connection, Cancel& cancel) {
  TM_TRY(const Rows rows, connection.query("select @@global.read_only", cancel));
  if (rows.integer(0, 0) == 0) return {};
  return target_error("mysql.read_only", "the target is read_only, as a replica is", Retry::never,
                      "connect to the primary, or check read_only of the server");
}

}  // namespace

MysqlSink::MysqlSink(duck::Connection& engine, ConnectOptions options)
    : engine_(engine), options_(std::move(options)) {
  options_.side = Side::target;
}

SinkTraits MysqlSink::traits() const {
  return SinkTraits{.transactional = true, .creates_tables = true};
}

Result<Connection*> MysqlSink::reader(Cancel& cancel) {
  if (!reader_ || reader_->lost()) {
    reader_.reset();
    TM_TRY(reader_, Connection::connect(options_, cancel));
  }
  return reader_.get();
}

Result<std::optional<LedgerRow>> MysqlSink::committed(const StreamId& stream, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::head(*connection, stream, cancel);
}

Result<std::vector<LedgerRow>> MysqlSink::take_over(const JobName& job, Fence token,
                                                    Cancel& cancel) {
  // Known by its name as a load is: were this process to stall here, the next owner must find and
  // end it.
  TM_TRY(const std::unique_ptr<Connection> taker, Connection::connect(options_, cancel));
  TM_CHECK(ledger::ensure(*taker, cancel));
  TM_TRY(const std::string session, register_session(*taker, job, token, cancel));
  TM_CHECK(taker->execute("set session innodb_lock_wait_timeout = 2", cancel));
  TM_CHECK(end_older_sessions(*taker, job, token, cancel));
  // One that is committing right now holds the ledger's row for a moment.
  constexpr int tries = 5;
  for (int left = tries;; --left) {
    auto heads = ledger::raise_fence(*taker, job, token, cancel);
    const bool waits = !heads.ok() && (heads.error().code == "mysql.lock_wait_timeout" ||
                                       heads.error().code == "mysql.deadlock");
    if (waits && left > 0) {
      TM_CHECK(end_older_sessions(*taker, job, token, cancel));
      continue;
    }
    TM_CHECK(taker->execute("delete from tidemark_sessions where session = " + quote_text(session),
                            cancel));
    return heads;
  }
}

Result<std::vector<Position>> MysqlSink::history(const StreamId& stream, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::history(*connection, stream, cancel);
}

Result<std::optional<std::string>> MysqlSink::carried(const StreamId& stream, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::carried(*connection, stream, cancel);
}

Result<std::vector<SweepRow>> MysqlSink::sweeps(const std::string& table, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  TM_TRY(const TableState state, read_table(*connection, table, cancel));
  return ledger::sweeps(*connection, state.name.sql(), cancel);
}

Result<bool> MysqlSink::loaded(const StreamId& stream, const RunId& run, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::loaded_by(*connection, stream, run, cancel);
}

Result<StagedTable> MysqlSink::open_refused(const JobName& job,
                                            const std::optional<StreamName>& only, Cancel& cancel) {
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

Result<std::string> MysqlSink::window_checksum(const StreamId& stream, Seq seq, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::window_checksum(*connection, stream, seq, cancel);
}

Result<std::vector<Seq>> MysqlSink::refused_windows(const StreamId& stream, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  return ledger::refused_windows(*connection, stream, cancel);
}

Result<std::optional<Schema>> MysqlSink::describe(const std::string& table, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  TM_TRY(const TableState state, read_table(*connection, table, cancel));
  if (!state.exists) return std::optional<Schema>();
  TM_TRY(const Relation relation, describe_table(*connection, state.name, cancel));
  Schema schema;
  for (const CatalogColumn& column : relation.columns) {
    const auto form = form_of(column.field, std::nullopt);
    schema.columns.push_back({column.field.name,
                              form.ok() ? form->type : Type::of(TypeKind::varchar),
                              !column.field.not_null, column.type_name});
  }
  schema.key = relation.key;
  return std::optional(std::move(schema));
}

Result<TargetRows> MysqlSink::rows(const std::string& table, Cancel&) {
  SourceSpec spec;
  spec.input = TableInput{{table, {}}};
  return TargetRows(std::make_unique<MysqlSource>(options_, spec, LoadStrategy::full));
}

Result<LoadPlan> MysqlSink::plan(const LoadTarget& target, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  TM_TRY(TableState state, read_table(*connection, target.table, cancel));
  TM_TRY(const std::vector<std::string> added, add_columns(state, target, connection->flavour()));
  TM_TRY(LoadSteps steps, compose(state, target, connection->flavour()));
  LoadPlan plan;
  plan.table_exists = state.exists;
  plan.rows_present = state.rows_estimate;
  plan.notes = std::move(steps.notes);
  TM_TRY(const bool ledger_exists, ledger::exists(*connection, cancel));
  if (!ledger_exists) plan.ddl = ledger::ddl(connection->flavour());
  plan.ddl.insert(plan.ddl.end(), added.begin(), added.end());
  plan.ddl.insert(plan.ddl.end(), steps.ddl.begin(), steps.ddl.end());
  plan.sql = steps.statements();
  if (Status writable = check_writable(*connection, cancel); !writable.ok()) {
    plan.notes.push_back(writable.error().describe());
  }
  return plan;
}

Result<std::vector<Acceptance>> MysqlSink::acceptance(const LoadTarget& target, Cancel& cancel) {
  TM_TRY(Connection * connection, reader(cancel));
  TM_TRY(TableState state, read_table(*connection, target.table, cancel));
  TM_CHECK(add_columns(state, target, connection->flavour()));
  TM_TRY(LoadSteps steps, compose(state, target, connection->flavour()));
  std::vector<Acceptance> all;
  for (LoadColumn& column : steps.columns) {
    if (column.holds.empty()) continue;
    all.push_back({column.name, std::move(column.holds), std::move(column.reason)});
  }
  return all;
}

Result<std::unique_ptr<LoadTxn>> MysqlSink::begin(const LoadKey& key, Cancel& cancel) {
  TM_TRY(std::unique_ptr<Connection> connection, Connection::connect(options_, cancel));
  TM_CHECK(check_writable(*connection, cancel));
  if (Status made = ledger::ensure(*connection, cancel); !made.ok()) {
    return std::move(made).error().with_context("creating the ledger tables in the target");
  }
  TM_TRY(std::string session, register_session(*connection, key.stream.job, key.fence, cancel));
  return std::unique_ptr<LoadTxn>(std::make_unique<MysqlLoad>(engine_, std::move(connection),
                                                              options_, key, std::move(session)));
}

}  // namespace tidemark::mysql
