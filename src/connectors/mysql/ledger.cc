#include "connectors/mysql/ledger.h"

#include <utility>

namespace tidemark::mysql::ledger {
namespace {

constexpr const char* table_missing = "mysql.table_missing";
constexpr const char* unique_violation = "mysql.unique_violation";

std::string text(const std::string& value) {
  return quote_text(value);
}

std::string text(const std::optional<Position>& position) {
  return position ? quote_text(position->text) : "null";
}

std::optional<Position> position(const Rows& rows, std::size_t row, std::size_t column) {
  const auto value = rows.text(row, column);
  return value ? std::optional(Position{std::string(*value)}) : std::nullopt;
}

std::string number(std::int64_t value) {
  return std::to_string(value);
}

bool is_missing(const Error& error) {
  return error.code == table_missing;
}

std::string of_stream(const StreamId& stream) {
  return " where job = " + text(stream.job.get()) + " and stream = " + text(stream.stream.get());
}

constexpr std::string_view select_heads =
    "select stream, seq, fence, lo, hi, run_id, date_format(applied_at, '%Y-%m-%dT%H:%i:%s.%fZ') "
    "from tidemark_ledger";

LedgerRow head_at(const Rows& rows, std::size_t row, const JobName& job) {
  return {{job, StreamName(rows.string(row, 0))},
          Seq(rows.integer(row, 1)),
          Fence(rows.integer(row, 2)),
          {position(rows, row, 3), position(rows, row, 4), std::nullopt},
          RunId(rows.string(row, 5)),
          rows.string(row, 6)};
}

Result<bool> has_load_where(const char* column, const std::string& value, Connection& connection,
                            const StreamId& stream, Cancel& cancel) {
  auto rows = connection.query(
      "select 1 from tidemark_loads" + of_stream(stream) + " and " + column + " = " + text(value),
      cancel);
  if (rows.ok()) return rows->rows() > 0;
  if (is_missing(rows.error())) return false;
  return std::move(rows).error();
}

std::string from_open_refused(const JobName& job, const std::optional<StreamName>& only) {
  std::string from =
      " from tidemark_quarantine where resolved_at is null and job = " + text(job.get());
  if (only) from += " and stream = " + text(only->get());
  return from;
}

}  // namespace

std::vector<std::string> ddl(const Flavour& flavour) {
  const std::string tail =
      ") engine = InnoDB default character set utf8mb4 collate " + flavour.exact_collation();
  return {
      "create table if not exists tidemark_ledger (job varchar(200) not null, stream varchar(200) "
      "not null, seq bigint not null, fence bigint not null, lo longtext, hi longtext, run_id "
      "varchar(200) not null, applied_at datetime(6) not null, primary key (job, stream)" +
          tail,
      "create table if not exists tidemark_loads (job varchar(200) not null, stream varchar(200) "
      "not null, load_id varchar(200) not null, kind varchar(20) not null, seq bigint not null, "
      "run_id varchar(200) not null, lo longtext, hi longtext, `rows` bigint not null, rejected "
      "bigint not null, checksum varchar(200) not null, applied_at datetime(6) not null, primary "
      "key (job, stream, load_id)" +
          tail,
      "create table if not exists tidemark_quarantine (job varchar(200) not null, stream "
      "varchar(200) not null, run_id varchar(200) not null, seq bigint not null, rule longtext not "
      "null, column_name longtext, message longtext not null, locator longtext not null, payload "
      "longtext, raw longblob, refused_at datetime(6) not null, row_key longtext, resolved_at "
      "datetime(6), resolution longtext, key (job, stream)" +
          tail,
      "create table if not exists tidemark_columns (job varchar(200) not null, stream varchar(200) "
      "not null, columns longtext not null, primary key (job, stream)" +
          tail,
      "create table if not exists tidemark_sweeps (job varchar(200) not null, stream varchar(200) "
      "not null, table_name varchar(300) not null, reads_what varchar(100) not null, swept_at "
      "datetime(6), gone bigint, primary key (job, stream)" +
          tail,
      "create table if not exists tidemark_owners (job varchar(200) not null primary key, fence "
      "bigint not null" +
          tail,
      "create table if not exists tidemark_sessions (session varchar(64) not null primary key, job "
      "varchar(200) not null, fence bigint not null" +
          tail,
  };
}

Result<bool> exists(Connection& connection, Cancel& cancel) {
  TM_TRY(const Rows rows,
         connection.query("select count(*) from information_schema.tables where table_schema = "
                          "database() and table_name in ('tidemark_ledger', 'tidemark_loads', "
                          "'tidemark_quarantine', 'tidemark_columns', 'tidemark_sweeps', "
                          "'tidemark_owners', 'tidemark_sessions')",
                          cancel));
  return rows.integer(0, 0) == 7;
}

Status ensure(Connection& connection, Cancel& cancel) {
  if (connection.database().empty()) {
    return user_error("mysql.no_database", "the connection names no database for the ledger",
                      "write `dbname=` in the connection");
  }
  TM_TRY(const bool there, exists(connection, cancel));
  if (there) return {};
  for (const std::string& statement : ddl(connection.flavour()))
    TM_CHECK(connection.execute(statement, cancel));
  return {};
}

Result<std::optional<LedgerRow>> head(Connection& connection, const StreamId& stream,
                                      Cancel& cancel) {
  auto rows = connection.query(std::string(select_heads) + of_stream(stream), cancel);
  if (!rows.ok()) {
    if (is_missing(rows.error())) return std::optional<LedgerRow>();
    return std::move(rows).error();
  }
  if (rows->rows() == 0) return std::optional<LedgerRow>();
  return std::optional(head_at(*rows, 0, stream.job));
}

Result<std::vector<Position>> history(Connection& connection, const StreamId& stream,
                                      Cancel& cancel) {
  auto rows = connection.query("select hi from tidemark_loads" + of_stream(stream) +
                                   " and kind = 'window' and hi is not null order by seq",
                               cancel);
  std::vector<Position> positions;
  if (!rows.ok()) {
    if (is_missing(rows.error())) return positions;
    return std::move(rows).error();
  }
  for (std::size_t row = 0; row < rows->rows(); ++row)
    positions.push_back(Position{rows->string(row, 0)});
  return positions;
}

Result<std::optional<std::string>> carried(Connection& connection, const StreamId& stream,
                                           Cancel& cancel) {
  auto rows = connection.query("select columns from tidemark_columns" + of_stream(stream), cancel);
  if (rows.ok())
    return rows->rows() == 0 ? std::optional<std::string>() : std::optional(rows->string(0, 0));
  if (is_missing(rows.error())) return std::optional<std::string>();
  return std::move(rows).error();
}

Status keep_carried(Connection& connection, const StreamId& stream, const std::string& columns,
                    Cancel& cancel) {
  TM_CHECK(connection.execute("replace into tidemark_columns (job, stream, columns) values (" +
                                  text(stream.job.get()) + ", " + text(stream.stream.get()) + ", " +
                                  text(columns) + ")",
                              cancel));
  return {};
}

Result<std::vector<SweepRow>> sweeps(Connection& connection, const std::string& table,
                                     Cancel& cancel) {
  std::vector<SweepRow> found;
  auto rows = connection.query(
      "select job, stream, reads_what, date_format(swept_at, '%Y-%m-%dT%H:%i:%sZ'), "
      "coalesce(timestampdiff(second, swept_at, utc_timestamp(6)), 0) from tidemark_sweeps where "
      "table_name = " +
          text(table) + " order by job, stream",
      cancel);
  if (!rows.ok()) {
    if (is_missing(rows.error())) return found;
    return std::move(rows).error();
  }
  for (std::size_t row = 0; row < rows->rows(); ++row) {
    const bool swept = rows->text(row, 3).has_value();
    found.push_back({{JobName(rows->string(row, 0)), StreamName(rows->string(row, 1))},
                     rows->string(row, 2),
                     swept ? std::optional(rows->string(row, 3)) : std::nullopt,
                     rows->integer(row, 4)});
  }
  return found;
}

Status note_sweep(Connection& connection, const StreamId& stream, const std::string& table,
                  const SweepNote& note, Cancel& cancel) {
  if (note.kind != SweepNote::Kind::swept) {
    TM_TRY(const Rows known,
           connection.query("select table_name from tidemark_sweeps" + of_stream(stream), cancel));
    if (known.rows() > 0 && known.string(0, 0) == table) {
      if (note.kind == SweepNote::Kind::none) return {};
      TM_CHECK(connection.execute("update tidemark_sweeps set swept_at = null" + of_stream(stream),
                                  cancel));
      return {};
    }
  }
  const bool swept = note.kind == SweepNote::Kind::swept;
  TM_CHECK(connection.execute(
      "replace into tidemark_sweeps (job, stream, table_name, reads_what, swept_at, gone) values "
      "(" +
          text(stream.job.get()) + ", " + text(stream.stream.get()) + ", " + text(table) + ", " +
          text(note.reads) + ", " +
          (swept ? "utc_timestamp(6), " + std::to_string(note.gone.get()) : "null, null") + ")",
      cancel));
  return {};
}

Result<bool> loaded(Connection& connection, const StreamId& stream, const std::string& load_id,
                    Cancel& cancel) {
  return has_load_where("load_id", load_id, connection, stream, cancel);
}

Result<bool> loaded_by(Connection& connection, const StreamId& stream, const RunId& run,
                       Cancel& cancel) {
  return has_load_where("run_id", run.get(), connection, stream, cancel);
}

Result<std::int64_t> open_refused_count(Connection& connection, const JobName& job,
                                        const std::optional<StreamName>& only, Cancel& cancel) {
  auto rows = connection.query("select count(*)" + from_open_refused(job, only), cancel);
  if (rows.ok()) return rows->integer(0, 0);
  if (is_missing(rows.error())) return 0;
  return std::move(rows).error();
}

std::string select_open_refused(const JobName& job, const std::optional<StreamName>& only) {
  return "select " + quote_list(open_refused_schema().names()) + from_open_refused(job, only);
}

Result<std::string> window_checksum(Connection& connection, const StreamId& stream, Seq seq,
                                    Cancel& cancel) {
  auto rows = connection.query("select checksum from tidemark_loads" + of_stream(stream) +
                                   " and kind = 'window' and seq = " + number(seq.get()),
                               cancel);
  if (rows.ok()) return rows->rows() == 0 ? std::string() : rows->string(0, 0);
  if (is_missing(rows.error())) return std::string();
  return std::move(rows).error();
}

Result<std::vector<Seq>> refused_windows(Connection& connection, const StreamId& stream,
                                         Cancel& cancel) {
  auto rows = connection.query("select distinct seq from tidemark_quarantine" + of_stream(stream) +
                                   " and resolved_at is null order by seq",
                               cancel);
  std::vector<Seq> windows;
  if (!rows.ok()) {
    if (is_missing(rows.error())) return windows;
    return std::move(rows).error();
  }
  for (std::size_t row = 0; row < rows->rows(); ++row)
    windows.emplace_back(rows->integer(row, 0));
  return windows;
}

Result<std::vector<LedgerRow>> raise_fence(Connection& connection, const JobName& job, Fence token,
                                           Cancel& cancel) {
  const std::string of_job = " where job = " + text(job.get());
  const std::string fence = number(token.get());
  TM_CHECK(connection.execute("set transaction isolation level read committed", cancel));
  TM_TRY(Transaction transaction, Transaction::begin(connection, "", cancel));
  TM_CHECK(connection.execute(
      "insert into tidemark_owners (job, fence) values (" + text(job.get()) + ", " + fence +
          ") on duplicate key update fence = greatest(fence, " + fence + ")",
      cancel));
  TM_TRY(const Rows owner, connection.query("select fence from tidemark_owners" + of_job, cancel));
  TM_TRY(const std::int64_t raised, connection.execute("update tidemark_ledger set fence = " +
                                                           fence + of_job + " and fence < " + fence,
                                                       cancel));
  TM_TRY(const Rows found,
         connection.query(std::string(select_heads) + of_job + " order by stream", cancel));
  TM_CHECK(transaction.commit(cancel));
  std::vector<LedgerRow> heads;
  for (std::size_t row = 0; row < found.rows(); ++row)
    heads.push_back(head_at(found, row, job));
  const bool first = owner.integer(0, 0) == token.get();
  if (first && raised == static_cast<std::int64_t>(heads.size())) return heads;
  return fenced(job, "the ledger knows a fence of " + fence + " or more");
}

Result<bool> insert_load(Connection& connection, const LoadKey& key, const LoadRow& load,
                         Cancel& cancel) {
  const auto done = connection.execute(
      "insert into tidemark_loads (job, stream, load_id, kind, seq, run_id, lo, hi, `rows`, "
      "rejected, checksum, applied_at) values (" +
          text(key.stream.job.get()) + ", " + text(key.stream.stream.get()) + ", " +
          text(load.load_id) + ", " + text(std::string(to_string(key.kind))) + ", " +
          number(key.seq.get()) + ", " + text(key.run_id.get()) + ", " + text(load.window.lo) +
          ", " + text(load.window.hi) + ", " + number(load.rows.get()) + ", " +
          number(load.rejected.get()) + ", " + text(load.checksum) + ", utc_timestamp(6))",
      cancel);
  if (done.ok()) return true;
  if (done.error().code == unique_violation) return false;
  return done.error();
}

Status close_refused(Connection& connection, const LoadKey& key, Supersedes old, Cancel& cancel) {
  if (old == Supersedes::nothing) return {};
  std::string which;
  if (old == Supersedes::same_window) which = " and seq = " + number(key.seq.get());
  TM_CHECK(
      connection.execute("update tidemark_quarantine set resolved_at = utc_timestamp(6), "
                         "resolution = " +
                             text("superseded by run " + key.run_id.get()) + of_stream(key.stream) +
                             " and resolved_at is null" + which,
                         cancel));
  return {};
}

Result<std::int64_t> close_refused_in(Connection& connection, const StreamId& stream,
                                      const std::string& closed, Cancel& cancel) {
  return connection.execute(
      "update tidemark_quarantine o join " + closed +
          " c on o.run_id = c.run_id and o.locator = c.locator set o.resolved_at = "
          "utc_timestamp(6), o.resolution = c.resolution where o.job = " +
          text(stream.job.get()) + " and o.stream = " + text(stream.stream.get()) +
          " and o.resolved_at is null",
      cancel);
}

Result<bool> hold_fence(Connection& connection, const LoadKey& key, Cancel& cancel) {
  // Put there where it is missing, so that there is a row to lock: a first load has none yet.
  TM_CHECK(connection.execute("insert into tidemark_owners (job, fence) values (" +
                                  text(key.stream.job.get()) + ", " + number(key.fence.get()) +
                                  ") on duplicate key update fence = fence",
                              cancel));
  TM_TRY(const Rows rows, connection.query("select fence from tidemark_owners where job = " +
                                               text(key.stream.job.get()) + " lock in share mode",
                                           cancel));
  return rows.rows() == 1 && rows.integer(0, 0) <= key.fence.get();
}

Result<bool> move_head(Connection& connection, const LoadKey& key, const Window& window,
                       Cancel& cancel) {
  const std::string fence = number(key.fence.get());
  const std::string seq = number(key.seq.get());
  if (key.kind != LoadKind::window) {
    TM_TRY(
        const std::int64_t moved,
        connection.execute("update tidemark_ledger set fence = " + fence + of_stream(key.stream) +
                               " and seq = " + seq + " and fence <= " + fence,
                           cancel));
    return moved == 1;
  }
  if (key.seq.get() == 1) {
    const auto made = connection.execute(
        "insert into tidemark_ledger (job, stream, seq, fence, lo, hi, run_id, applied_at) values "
        "(" +
            text(key.stream.job.get()) + ", " + text(key.stream.stream.get()) + ", " + seq + ", " +
            fence + ", " + text(window.lo) + ", " + text(window.hi) + ", " +
            text(key.run_id.get()) + ", utc_timestamp(6))",
        cancel);
    if (made.ok()) return true;
    if (made.error().code == unique_violation) return false;
    return made.error();
  }
  TM_TRY(const std::int64_t moved,
         connection.execute("update tidemark_ledger set seq = " + seq + ", fence = " + fence +
                                ", lo = " + text(window.lo) + ", hi = " + text(window.hi) +
                                ", run_id = " + text(key.run_id.get()) +
                                ", applied_at = utc_timestamp(6)" + of_stream(key.stream) +
                                " and seq = " + seq + " - 1 and fence <= " + fence,
                            cancel));
  return moved == 1;
}

}  // namespace tidemark::mysql::ledger
