#include "connectors/postgres/source.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "connect/table_source.h"
#include "connectors/postgres/copy_reader.h"
#include "connectors/postgres/replica.h"
#include "connectors/postgres/source_place.h"
#include "connectors/postgres/strain_watch.h"

namespace tidemark::postgres {
namespace {

constexpr std::uint32_t text_oid = 25;
constexpr std::uint32_t inet_oid = 869;
constexpr std::uint32_t xid8_oid = 5069;

// What is asked of a column so that it comes in its form.
std::string asked_for(const CatalogColumn& column, const ColumnForm& form) {
  const std::string name = quote_name(column.name);
  if (!form.cast_to_text) return name;
  // Its cast to text adds a mask (`::1/128`) that its own text does not have.
  if (column.type.oid == inet_oid) return "pg_catalog.textin(pg_catalog.inet_out(" + name + "))";
  return name + "::text";
}

}  // namespace

PostgresSource::PostgresSource(SourceAccess access, const SourceSpec& spec, LoadStrategy strategy)
    : access_(std::move(access)), spec_(spec), strategy_(strategy) {
  access_.options.side = Side::source;
}

PostgresSource::~PostgresSource() {
  rest();
}

void PostgresSource::rest() {
  let_go(session_access(), std::move(control_));
}

void PostgresSource::start_connecting(Cancel& cancel) {
  control_ = kept_session(session_access(), cancel);
  if (control_) return;
  connecting_ = std::async(std::launch::async,
                           [this, &cancel] { return open_session(session_access(), cancel); });
}

Result<Connection*> PostgresSource::control(Cancel& cancel) {
  if (connecting_.valid()) {
    TM_TRY(control_, connecting_.get());
  }
  if (!control_ || control_->lost()) {
    control_.reset();
    TM_TRY(control_, open_session(session_access(), cancel));
  }
  return control_.get();
}

std::string PostgresSource::relation() const {
  if (const auto* table = std::get_if<TableInput>(&spec_.input))
    return TableName::parse(table->table.value).sql();
  // The newline ends a comment the query may end with.
  return "(" + without_semicolon(std::get<QueryInput>(spec_.input).query.text) + "\n) as \"rows\"";
}

Status PostgresSource::describe(Cancel& cancel) {
  if (relation_) return {};
  TM_TRY(Connection * connection, control(cancel));
  Relation found;
  if (const auto* table = std::get_if<TableInput>(&spec_.input)) {
    TM_TRY(found, describe_table(*connection, TableName::parse(table->table.value), cancel));
  } else {
    TM_TRY(found, describe_query(*connection, "select * from " + relation(), cancel));
  }
  schema_ = Schema{};
  columns_.clear();
  planned_ = PlannedColumns{};
  lock_.clear();
  if (found.kind == 'r' || found.kind == 'p')
    lock_ = "lock table " + relation() + " in access share mode";
  asked_.clear();
  for (const CatalogColumn& column : found.columns) {
    TM_TRY(ColumnForm form, form_of(column.type, column.name, declared_type(spec_, column.name)));
    asked_.push_back(asked_for(column, form));
    planned_.types.push_back(form.cast_to_text ? text_oid : column.type.oid);
    planned_.modifiers.push_back(form.cast_to_text ? -1 : column.type.modifier);
    schema_.columns.push_back({column.name, form.type, !column.not_null, column.type.name});
    columns_.push_back({column.name, std::move(form)});
  }
  if (columns_.empty()) return user_error("plan.no_columns", "the source has no columns");
  schema_.key = found.key;
  select_list_ = comma_list(asked_);
  TM_CHECK(check_declared(spec_, schema_));
  if (spec_.watermark) {
    std::optional<std::string> zone;
    if (spec_.timezone) zone = spec_.timezone->value;
    const std::string& watermark = spec_.watermark->value;
    if (is_expression(schema_, watermark)) {
      TM_TRY(cursor_, expression_cursor(*connection, relation(), watermark, zone, cancel));
    } else {
      TM_TRY(cursor_, cursor_of(found, watermark, zone));
    }
  }
  relation_ = std::move(found);
  return {};
}

Result<Schema> PostgresSource::discover(Cancel& cancel) {
  TM_CHECK(describe(cancel));
  return schema_;
}

Result<bool> PostgresSource::may_hold(const std::vector<std::string>& columns, const Position& lo,
                                      Cancel& cancel) {
  TM_CHECK(describe(cancel));
  if (!windowed()) return true;
  const std::string read =
      window_condition(*cursor_, Window{std::nullopt, lo, lo}, spec_.null_cursor);
  TM_TRY(Connection * connection, control(cancel));
  TM_TRY(const Rows found,
         connection->query(holds_value_sql(relation(), columns, quote_name, read), cancel));
  return found.boolean(0, 0);
}

Status PostgresSource::leave_out(const std::vector<std::string>& columns) {
  for (const std::string& name : columns) {
    const auto at = schema_.find(name);
    if (!at) continue;
    const auto place = static_cast<std::ptrdiff_t>(*at);
    schema_.columns.erase(schema_.columns.begin() + place);
    columns_.erase(columns_.begin() + place);
    planned_.types.erase(planned_.types.begin() + place);
    planned_.modifiers.erase(planned_.modifiers.begin() + place);
    asked_.erase(asked_.begin() + place);
  }
  select_list_ = comma_list(asked_);
  planned_window_.reset();
  return {};
}

std::string PostgresSource::cursor_value(const Position& position) const {
  const bool is_value = cursor_ && cursor_->kind != CursorKind::transaction &&
                        cursor_->kind != CursorKind::row_transaction;
  return is_value ? parse_position(position).value : std::string();
}

std::optional<CursorShape> PostgresSource::cursor_shape() const {
  if (!cursor_) return std::nullopt;
  switch (cursor_->kind) {
    case CursorKind::timestamptz:
      return CursorShape::instant;
    case CursorKind::timestamp:
      return CursorShape::wall;
    case CursorKind::date:
      return CursorShape::day;
    case CursorKind::number:
      return CursorShape::number;
    case CursorKind::transaction:
    case CursorKind::row_transaction:
      return std::nullopt;
  }
  return std::nullopt;
}

Result<std::optional<std::int64_t>> PostgresSource::rows_estimated(const Window& window,
                                                                   Cancel& cancel) {
  TM_CHECK(describe(cancel));
  if (!windowed()) return std::optional<std::int64_t>();
  const std::string condition = window_condition(*cursor_, window, spec_.null_cursor);
  TM_TRY(Connection * connection, control(cancel));
  TM_TRY(const Rows plan, connection->query("explain (format json) select from " + relation() +
                                                (condition.empty() ? "" : " where " + condition),
                                            cancel));
  std::string text;
  for (std::size_t row = 0; row < plan.rows(); ++row)
    text += plan.string(row, 0);
  constexpr std::string_view name = "\"Plan Rows\": ";
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(std::strtoll(text.c_str() + at + name.size(), nullptr, 10));
}

bool PostgresSource::keep_to(const std::vector<RowRange>& ranges) {
  kept_ = ranges_condition(ranges, quote_name);
  planned_window_.reset();
  return true;
}

Status PostgresSource::only_keys(const std::vector<std::string>& columns,
                                 const std::optional<Position>& since) {
  only_keys_ = true;
  keys_since_ = since;
  return leave_out(all_but(schema_, columns));
}

// A table that TRUNCATE or ALTER TABLE wrote anew between the snapshot and the lock looks empty in
// the snapshot. A table is locked first; those of a query or view are known only when they are.
Status PostgresSource::check_not_rewritten(Connection& session, Cancel& cancel) {
  TM_TRY(const Rows found,
         session.query(
             "select exists (select from pg_catalog.pg_locks l left join pg_catalog.pg_class c on "
             "c.oid = l.relation where l.pid = pg_catalog.pg_backend_pid() and l.locktype = "
             "'relation' and l.database <> 0 and (c.oid is null or (c.relkind in ('r', 'm') and "
             "c.relfilenode <> 0 and c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid))))",
             cancel));
  if (!found.boolean(0, 0)) return {};
  return source_error("source.rewritten",
                      "a table of the source was written anew in the moment in which its keys were "
                      "to be read, and would have looked empty",
                      Retry::backoff, "run the job again");
}

Status PostgresSource::check_sees_all(Connection& session, Cancel& cancel) {
  // The server then fails where a policy would hide rows.
  TM_CHECK(session.execute("set local row_security = off", cancel));
  const bool table = std::holds_alternative<TableInput>(spec_.input);
  TM_TRY(const SourcePlace here, read_place(session, table ? relation() : "", cancel));
  // The guard's replica was waited for.
  if (here.standby && !on_replica_) {
    return keys_behind(
        "the server is a standby, which may be behind the one that rows were read from",
        "connect to the primary; a `replica` in the connection's guard is read once it has come "
        "to where the primary is");
  }
  const auto since = keys_since_ ? parse_position(*keys_since_).place : std::nullopt;
  return since ? check_place(*since, here, false) : Status();
}

Status PostgresSource::check_scan(Connection& connection, Cancel& cancel) {
  if (!std::holds_alternative<TableInput>(spec_.input)) return {};
  TM_TRY(const std::int64_t bytes, bytes_scanned(connection, relation(), *cursor_, cancel));
  if (bytes <= scan_limit(access_.guard)) return {};
  const std::string mend =
      cursor_->kind == CursorKind::row_transaction
          ? "prepare a column that has one with `tidemark source prepare`"
          : "`create index concurrently on " + relation() + " (" + cursor_->sql + ")`";
  return seq_scan(std::get<TableInput>(spec_.input).table.value, cursor_->column, bytes, mend);
}

Result<WindowBound> PostgresSource::upper(const Progress& progress, Cancel& cancel) {
  TM_CHECK(describe(cancel));
  TM_TRY(Connection * connection, control(cancel));
  WindowBound bound;
  if (!windowed()) {
    bound.guarantee = Guarantee::exact;
    bound.reason = "the whole " + std::string(relation_->rows_estimated >= 0 ? "table" : "source") +
                   " is read in one snapshot";
  } else {
    BoundRequest request{relation(),
                         std::holds_alternative<TableInput>(spec_.input),
                         *cursor_,
                         std::nullopt,
                         strategy_ == LoadStrategy::upsert,
                         progress.memory,
                         progress.same_source};
    if (!progress.full_requested) request.lo = progress.lo;
    for (const CatalogColumn& column : relation_->columns) {
      if (column.type.oid == xid8_oid && column.name != cursor_->column)
        request.transaction_column = column.name;
    }
    if (!spec_.allow_seq_scan) TM_CHECK(check_scan(*connection, cancel));
    TM_TRY(bound, find_bound(*connection, request, cancel));
    TM_TRY(const std::int64_t nulls, count_null_cursors(*connection, relation(), *cursor_, cancel));
    TM_CHECK(judge_null_cursors(spec_, cursor_->column, nulls, bound));
    // Rows that belong to every run are there to read, whatever the window says.
    if (reads_null_cursors(spec_.null_cursor, bound.window)) bound.nothing_new = false;
  }
  if (relation_->filtered) {
    bound.guarantee = Guarantee::best_effort;
    bound.reason =
        "row-level security hides rows from this user, and nobody here can tell which or since "
        "when; read as a user with BYPASSRLS to load the whole table";
  }
  if (!bound.nothing_new) TM_CHECK(look_for_rows(bound, cancel));
  if (!bound.nothing_new) TM_CHECK(plan_read(bound.window, cancel));
  if (!bound.window.lo && relation_->rows_estimated >= 0) {
    bound.rows_expected = relation_->rows_estimated;
    bound.bytes_expected = relation_->bytes_estimated;
  }
  return bound;
}

bool PostgresSource::has_columns_of_before() const {
  return before_ &&
         std::equal(schema_.columns.begin(), schema_.columns.end(), before_->columns.begin(),
                    before_->columns.end(), [](const Column& now, const Column& then) {
                      return now.name == then.name && now.type == then.type;
                    });
}

// A window ends where the clock is, so it is a new one each time, also where nothing was written.
// Asking costs an index look; a run that reads no row costs leases, transactions and a stage. The
// watermark stays in either case, so a row that comes later is in the next window.
Status PostgresSource::look_for_rows(WindowBound& bound, Cancel& cancel) {
  // Columns that differ from those of the last window are told by a run that reads. Of a query or a
  // view, or where no index helps, the answer may cost as much as the read.
  const bool asks = bound.skip_if_empty && has_columns_of_before() && !spec_.allow_seq_scan &&
                    !lock_.empty() && cursor_->kind != CursorKind::row_transaction &&
                    std::holds_alternative<TableInput>(spec_.input) &&
                    !reads_null_cursors(spec_.null_cursor, bound.window);
  if (!asks) return {};
  TM_TRY(Connection * connection, control(cancel));
  const std::string condition = window_condition(*cursor_, bound.window, spec_.null_cursor);
  // Where many rows are expected, reading the table until the first of them looks cheaper, and the
  // newest stand at its end.
  TM_TRY(Transaction transaction,
         Transaction::begin(*connection, "read only; set local enable_seqscan = off", cancel));
  TM_TRY(const Rows found,
         connection->query("select exists (select from " + relation() + " where " + condition + ")",
                           cancel));
  TM_CHECK(transaction.commit(cancel));
  bound.nothing_new = !found.boolean(0, 0);
  return {};
}

Status PostgresSource::plan_read(const Window& window, Cancel& cancel) {
  if (planned_window_ == window) return {};
  TM_TRY(Connection * connection, control(cancel));
  ReadRequest request;
  request.asked = {select_list_, relation(), {}};
  request.is_table = std::holds_alternative<TableInput>(spec_.input);
  request.window = window;
  request.nulls = spec_.null_cursor;
  request.readers = spec_.readers;
  request.sizes = access_.sizes;
  request.bytes_estimated = relation_->bytes_estimated;
  request.rows_estimated = relation_->rows_estimated;
  if (spec_.split_by) request.split_by = quote_name(spec_.split_by->value);
  if (windowed()) {
    request.cursor = cursor_;
    request.asked.condition = window_condition(*cursor_, window, spec_.null_cursor);
  }
  if (!kept_.empty()) {
    request.asked.condition = both(request.asked.condition, kept_);
    request.is_table = false;  // a part of the table is found by an index, not by its pages
  }
  for (const std::string& name : relation_->key) {
    for (const CatalogColumn& column : relation_->columns)
      if (column.name == name) request.key.push_back({quote_name(name), column.type.name});
  }
  TM_TRY(plan_, ReadPlan::make(*connection, std::move(request), cancel));
  planned_window_ = window;
  return {};
}

Result<std::vector<Split>> PostgresSource::split(const Window& window, Cancel& cancel) {
  TM_CHECK(describe(cancel));
  TM_CHECK(plan_read(window, cancel));
  std::vector<Split> splits = plan_.splits();
  sessions_ = std::make_shared<ReadSessions>(lock_, splits.size() > 1);
  keys_begun_ = false;
  return splits;
}

Result<std::unique_ptr<Connection>> PostgresSource::session_to_read(Cancel& cancel) {
  // The first reader takes the control connection with it, since connecting costs more than a small
  // read.
  TM_TRY(Connection * primary, control(cancel));
  on_replica_ = false;
  if (!access_.replica) return std::move(control_);
  TM_TRY(const ReplicaGoal goal, replica_goal(*primary, cancel));
  control_.reset();
  const GuardSpec& guard = access_.guard->spec();
  auto replica = connect_to_replica(*access_.replica, goal, guard.replica_wait, cancel);
  on_replica_ = replica.ok();
  if (replica.ok() || guard.replica_late == ReplicaLate::fail || !replica_is_late(replica.error()))
    return replica;
  TM_CHECK(cancel.check());
  TM_TRY([[maybe_unused]] Connection * again, control(cancel));
  return std::move(control_);
}

ReadGuard PostgresSource::read_guard() const {
  if (access_.guard == nullptr) return {};
  Guard& guard = *access_.guard;
  ReadGuard made{Toll(guard, access_.job), nullptr};
  if (!guard.spec().slow_above && !guard.spec().lag_above) return made;
  made.watch = guard.watch([&]() -> std::shared_ptr<void> {
    ConnectOptions options = access_.options;
    // It is part of the guard, and must not wait for those it looks after.
    options.admit = nullptr;
    return std::make_shared<StrainWatch>(std::move(options), guard);
  });
  return made;
}

Result<Extraction> PostgresSource::start(std::unique_ptr<Connection> session, const Split& split,
                                         const std::optional<Position>& place,
                                         CopyReader::Keep keep, Cancel& cancel) {
  const auto started = [&]() -> Result<std::unique_ptr<Reader>> {
    TM_CHECK(check_columns(*session, split.text, columns_, planned_, cancel));
    if (only_keys_ && lock_.empty()) TM_CHECK(check_not_rewritten(*session, cancel));
    TM_TRY(std::unique_ptr<Walk> walk, plan_.walk(split, place, *session, cancel));
    return CopyReader::start(std::move(session), std::move(walk), columns_, read_guard(),
                             std::move(keep), cancel);
  };
  auto reader = started();
  if (!reader.ok())
    return std::move(reader).error().with_context("starting to read from PostgreSQL");
  return Extraction{std::move(*reader)};
}

Result<Extraction> PostgresSource::open_from(const Split& split,
                                             const std::optional<Position>& place, Cancel& cancel) {
  TM_CHECK(describe(cancel));
  std::unique_ptr<Connection> session = sessions_->kept();
  if (!session) {
    TM_TRY(session, session_to_read(cancel));
    // Only the primary's are kept; a split that is opened again may be read from the other.
    ReadSessions::Done done;
    if (!on_replica_) {
      done = [access = access_](std::unique_ptr<Connection> session_done) {
        let_go({access.options, access.guard, access.job}, std::move(session_done));
      };
    }
    sessions_->when_done(std::move(done));
    TM_CHECK(sessions_->lead(*session, cancel));
    // Between two snapshots a row can move from a part that is not read yet to one that is.
    if (only_keys_ && std::exchange(keys_begun_, true))
      return internal_error("source.two_snapshots", "the keys were not read in one snapshot");
    if (only_keys_) TM_CHECK(check_sees_all(*session, cancel));
  }
  const auto keep = [sessions = sessions_](std::unique_ptr<Connection> connection) {
    sessions->keep(std::move(connection));
  };
  return start(std::move(session), split, place, keep, cancel);
}

Result<Extraction> PostgresSource::open(const Split& split, Cancel& cancel) {
  return open_from(split, std::nullopt, cancel);
}

Result<Extraction> PostgresSource::open_at(const Split& split, const Position& place,
                                           Cancel& cancel) {
  return open_from(split, place, cancel);
}

// Nothing where it cannot be had, for whatever reason: the first session reads on without it.
Result<std::unique_ptr<Connection>> PostgresSource::session_beside(Cancel& cancel) {
  std::unique_ptr<Connection> none;
  if (!sessions_->can_join()) return none;
  ConnectOptions options = on_replica_ ? *access_.replica : access_.options;
  if (access_.guard != nullptr) {
    std::shared_ptr<void> admitted = access_.guard->try_enter(access_.job);
    if (!admitted) return none;
    options.admit = [admitted](Cancel&) { return Result<std::shared_ptr<void>>(admitted); };
  }
  auto session = Connection::connect(options, cancel);
  if (!session.ok()) {
    TM_CHECK(cancel.check());
    return none;
  }
  auto joined = sessions_->join(**session, cancel);
  TM_CHECK(cancel.check());
  if (!joined.ok() || !*joined) return none;
  return std::move(*session);
}

Result<std::optional<Extraction>> PostgresSource::open_beside(const Split& split,
                                                              const std::optional<Position>& place,
                                                              Cancel& cancel) {
  TM_TRY(std::unique_ptr<Connection> session, session_beside(cancel));
  if (!session) return std::optional<Extraction>();
  TM_TRY(Extraction extraction, start(std::move(session), split, place, {}, cancel));
  return std::optional(std::move(extraction));
}

Status PostgresSource::verify(const Window&, Cancel&) {
  sessions_->close();
  return {};
}

}  // namespace tidemark::postgres
