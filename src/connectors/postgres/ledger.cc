#include "connectors/postgres/ledger.h"

#include <chrono>
#include <thread>
#include <utility>

#include "drivers/postgres/names.h"
#include "store/records.h"

namespace tidemark::postgres::ledger {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

constexpr const char* table_missing = "postgres.table_missing";

// Of our own choosing: one lock per database for creating the ledger.
constexpr const char* creation_lock = "select pg_advisory_xact_lock(8391160461752656231)";

std::optional<std::string> text(const std::optional<Position>& position) {
  return position ? std::optional(position->text) : std::nullopt;
}

std::optional<Position> position(const Rows& rows, std::size_t row, std::size_t column) {
  const auto value = rows.text(row, column);
  return value ? std::optional(Position{std::string(*value)}) : std::nullopt;
}

constexpr std::string_view select_heads =
    "select stream, seq, fence, lo, hi, run_id, "
    "to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') "
    "from tidemark_ledger ";

LedgerRow head_at(const Rows& rows, std::size_t row, const JobName& job) {
  return {{job, StreamName(rows.string(row, 0))},
          Seq(rows.integer(row, 1)),
          Fence(rows.integer(row, 2)),
          {position(rows, row, 3), position(rows, row, 4), std::nullopt},
          RunId(rows.string(row, 5)),
          rows.string(row, 6)};
}

std::string number(std::int64_t value) {
  return std::to_string(value);
}

bool is_missing(const Error& error) {
  return error.code == table_missing;
}

Result<bool> has_load_where(const char* column, const std::string& value, Connection& connection,
                            const StreamId& stream, Cancel& cancel) {
  auto rows = connection.query(
      std::string("select 1 from tidemark_loads where job = $1 and stream = $2 and ") + column +
          " = $3",
      Parameters{stream.job.get(), stream.stream.get(), value}, cancel);
  if (rows.ok()) return rows->rows() > 0;
  if (is_missing(rows.error())) return false;
  return std::move(rows).error();
}

std::string from_open_refused(const JobName& job, const std::optional<StreamName>& only) {
  std::string from =
      " from tidemark_quarantine where resolved_at is null and job = " + quote_text(job.get());
  if (only) from += " and stream = " + quote_text(only->get());
  return from;
}

}  // namespace

std::vector<std::string> ddl() {
  return {
      "create table if not exists tidemark_ledger (job text not null, stream text not null, seq "
      "bigint not null, "
      "fence bigint not null, lo text, hi text, run_id text not null, applied_at timestamptz not "
      "null, "
      "primary key (job, stream))",
      "create table if not exists tidemark_loads (job text not null, stream text not null, load_id "
      "text not null, "
      "kind text not null, seq bigint not null, run_id text not null, lo text, hi text, rows "
      "bigint not null, "
      "rejected bigint not null, checksum text not null, partitions text, applied_at timestamptz "
      "not null, "
      "primary key (job, stream, load_id))",
      "create table if not exists tidemark_quarantine (job text not null, stream text not null, "
      "run_id text not null, seq bigint not null, rule text not null, column_name text, message "
      "text not null, "
      "locator text not null, payload text, raw bytea, refused_at timestamptz not null, "
      "row_key text, resolved_at timestamptz, resolution text)",
      "create table if not exists tidemark_columns (job text not null, stream text not null, "
      "columns text not null, primary key (job, stream))",
      "create table if not exists tidemark_sweeps (job text not null, stream text not null, "
      "table_name text not null, reads text not null, swept_at timestamptz, gone bigint, primary "
      "key (job, stream))",
  };
}

Result<bool> exists(Connection& connection, Cancel& cancel) {
  TM_TRY(Rows rows, connection.query("select to_regclass('tidemark_ledger') is not null and "
                                     "to_regclass('tidemark_loads') is not null and "
                                     "to_regclass('tidemark_quarantine') is not null",
                                     cancel));
  return rows.boolean(0, 0);
}

Status ensure(Connection& connection, Cancel& cancel) {
  TM_TRY(const Rows all,
         connection.query("select count(to_regclass(name)) = 5 from (values ('tidemark_ledger'), "
                          "('tidemark_loads'), ('tidemark_quarantine'), ('tidemark_columns'), "
                          "('tidemark_sweeps')) as t (name)",
                          cancel));
  if (all.boolean(0, 0)) return {};
  TM_TRY(Transaction transaction,
         Transaction::begin(connection, "isolation level read committed", cancel));
  TM_CHECK(connection.query(creation_lock, cancel));
  for (const std::string& statement : ddl())
    TM_CHECK(connection.execute(statement, cancel));
  return transaction.commit(cancel);
}

Result<std::optional<LedgerRow>> head(Connection& connection, const StreamId& stream,
                                      Cancel& cancel) {
  auto rows = connection.query(std::string(select_heads) + "where job = $1 and stream = $2",
                               Parameters{stream.job.get(), stream.stream.get()}, cancel);
  if (!rows.ok()) {
    if (is_missing(rows.error())) return std::optional<LedgerRow>();
    return std::move(rows).error();
  }
  if (rows->rows() == 0) return std::optional<LedgerRow>();
  return std::optional(head_at(*rows, 0, stream.job));
}

Result<std::vector<Position>> history(Connection& connection, const StreamId& stream,
                                      Cancel& cancel) {
  auto rows = connection.query(
      "select hi from tidemark_loads where job = $1 and stream = $2 and kind = 'window' and hi is "
      "not null "
      "order by seq",
      Parameters{stream.job.get(), stream.stream.get()}, cancel);
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
  auto rows =
      connection.query("select columns from tidemark_columns where job = $1 and stream = $2",
                       Parameters{stream.job.get(), stream.stream.get()}, cancel);
  if (rows.ok())
    return rows->rows() == 0 ? std::optional<std::string>() : std::optional(rows->string(0, 0));
  if (is_missing(rows.error())) return std::optional<std::string>();
  return std::move(rows).error();
}

Status keep_carried(Connection& connection, const StreamId& stream, const std::string& columns,
                    Cancel& cancel) {
  TM_CHECK(
      connection.query("insert into tidemark_columns (job, stream, columns) values ($1, $2, "
                       "$3) on conflict (job, stream) do update set columns = "
                       "excluded.columns",
                       Parameters{stream.job.get(), stream.stream.get(), columns}, cancel));
  return {};
}

Result<std::vector<SweepRow>> sweeps(Connection& connection, const std::string& table,
                                     Cancel& cancel) {
  std::vector<SweepRow> found;
  auto rows = connection.query(
      "select job, stream, reads, to_char(swept_at at time zone 'UTC', "
      "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), coalesce(extract(epoch from clock_timestamp() - "
      "swept_at), 0)::int8 from tidemark_sweeps where table_name = $1 order by job, stream",
      Parameters{table}, cancel);
  if (!rows.ok()) {
    if (is_missing(rows.error())) return found;
    return std::move(rows).error();
  }
  for (std::size_t row = 0; row < rows->rows(); ++row) {
    const auto swept_at = rows->text(row, 3);
    found.push_back({{JobName(rows->string(row, 0)), StreamName(rows->string(row, 1))},
                     rows->string(row, 2),
                     swept_at ? std::optional<std::string>(*swept_at) : std::nullopt,
                     rows->integer(row, 4)});
  }
  return found;
}

Status note_sweep(Connection& connection, const StreamId& stream, const std::string& table,
                  const SweepNote& note, Cancel& cancel) {
  const bool swept = note.kind == SweepNote::Kind::swept;
  std::string sql =
      "insert into tidemark_sweeps as known (job, stream, table_name, reads, swept_at, gone) "
      "values ($1, $2, $3, $4, " +
      std::string(swept ? "clock_timestamp()" : "null") +
      ", $5::bigint) on conflict (job, stream) do update set table_name = excluded.table_name, "
      "swept_at = excluded.swept_at, gone = excluded.gone, reads = ";
  // What was read at the last sweep stays known until the next.
  sql += swept ? "excluded.reads"
               : "case when known.table_name = excluded.table_name then known.reads else "
                 "excluded.reads end";
  if (note.kind == SweepNote::Kind::none) sql += " where known.table_name <> excluded.table_name";
  TM_CHECK(
      connection.query(sql,
                       Parameters{stream.job.get(), stream.stream.get(), table, note.reads,
                                  swept ? std::optional(number(note.gone.get())) : std::nullopt},
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
  auto rows = connection.query(
      "select checksum from tidemark_loads where job = $1 and stream = $2 and kind = 'window' and "
      "seq = $3::bigint",
      Parameters{stream.job.get(), stream.stream.get(), number(seq.get())}, cancel);
  if (rows.ok()) return rows->rows() == 0 ? std::string() : rows->string(0, 0);
  if (is_missing(rows.error())) return std::string();
  return std::move(rows).error();
}

Result<std::vector<Seq>> refused_windows(Connection& connection, const StreamId& stream,
                                         Cancel& cancel) {
  auto rows = connection.query(
      "select distinct seq from tidemark_quarantine where job = $1 and stream = $2 and resolved_at "
      "is null",
      Parameters{stream.job.get(), stream.stream.get()}, cancel);
  std::vector<Seq> windows;
  if (!rows.ok()) {
    if (is_missing(rows.error())) return windows;
    return std::move(rows).error();
  }
  for (std::size_t row = 0; row < rows->rows(); ++row)
    windows.emplace_back(rows->integer(row, 0));
  return windows;
}

std::string session_name(const JobName& job, Fence token) {
  return "tidemark job=" + job_id_of(job).get() + " fence=" + number(token.get());
}

Status end_older_sessions(Connection& connection, const JobName& job, Fence token, Cancel& cancel) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds pause{20};
  constexpr std::chrono::seconds patience{10};
  const std::string name = session_name(job, token);
  const Parameters parameters{name.substr(0, name.rfind('=') + 1), number(token.get())};
  const Clock::time_point deadline = Clock::now() + patience;
  while (true) {
    // The query looks at `cancel` first, so a request is seen after one pause.
    auto ended = connection.query(
        "select pid, pg_terminate_backend(pid) from pg_stat_activity where datname = "
        "current_database() and starts_with(application_name, $1) and "
        "substring(application_name from 'fence=([0-9]+)')::bigint < $2::bigint",
        parameters, cancel);
    if (!ended.ok() && ended.error().code == "postgres.not_permitted") {
      return target_error(
          "target.older_session",
          "a session of an older owner of job " + job.get() +
              " is still there, and this user may not end it: " + ended.error().message,
          Retry::backoff,
          "run the job as the user who ran it before, grant pg_signal_backend to "
          "this one, or end the session (pg_stat_activity shows it by its "
          "application_name)");
    }
    if (!ended.ok()) return std::move(ended).error();
    if (ended->rows() == 0) return {};
    if (Clock::now() > deadline) {
      return target_error(
          "target.commit_pending",
          "a session of an older owner of job " + job.get() + " (pid " + ended->string(0, 0) +
              ") does not end, and its load may still come in",
          Retry::backoff,
          "look at pg_stat_activity; when that session has ended, run the job again");
    }
    std::this_thread::sleep_for(pause);
  }
}

Result<std::vector<LedgerRow>> raise_fence(Connection& connection, const JobName& job, Fence token,
                                           Cancel& cancel) {
  std::vector<LedgerRow> heads;
  TM_TRY(const bool there, exists(connection, cancel));
  if (!there) return heads;
  TM_TRY(Transaction transaction,
         Transaction::begin(connection, "isolation level read committed", cancel));
  // Named as a load is: were this process to stall here, the next owner must find and end it.
  TM_CHECK(
      connection.query("select set_config('lock_timeout', '2s', true), "
                       "set_config('application_name', $1, true)",
                       Parameters{session_name(job, token)}, cancel));
  TM_TRY(Rows raised, connection.query("update tidemark_ledger set fence = $2::bigint where job = "
                                       "$1 and fence < $2::bigint",
                                       Parameters{job.get(), number(token.get())}, cancel));
  TM_TRY(Rows found, connection.query(std::string(select_heads) + "where job = $1",
                                      Parameters{job.get()}, cancel));
  TM_CHECK(transaction.commit(cancel));
  for (std::size_t row = 0; row < found.rows(); ++row)
    heads.push_back(head_at(found, row, job));
  if (raised.changed() == static_cast<std::int64_t>(heads.size())) return heads;
  return fenced(job, "the ledger knows a fence of " + number(token.get()) + " or more");
}

Result<std::optional<std::string>> insert_load(Connection& connection, const LoadKey& key,
                                               const LoadRow& load, Cancel& cancel) {
  TM_TRY(Rows rows,
         connection.query(
             "insert into tidemark_loads (job, stream, load_id, kind, seq, run_id, lo, hi, rows, "
             "rejected, checksum, applied_at) "
             "values ($1, $2, $3, $4, $5::bigint, $6, $7, $8, $9::bigint, $10::bigint, $11, "
             "clock_timestamp()) on conflict (job, stream, load_id) do nothing "
             "returning pg_current_xact_id()::text",
             Parameters{key.stream.job.get(), key.stream.stream.get(), load.load_id,
                        std::string(to_string(key.kind)), number(key.seq.get()), key.run_id.get(),
                        text(load.window.lo), text(load.window.hi), number(load.rows.get()),
                        number(load.rejected.get()), load.checksum},
             cancel));
  if (rows.rows() == 0) return std::optional<std::string>();
  return std::optional(rows.string(0, 0));
}

Status close_refused(Connection& connection, const LoadKey& key, Supersedes old, Cancel& cancel) {
  if (old == Supersedes::nothing) return {};
  Parameters parameters{key.stream.job.get(), key.stream.stream.get(),
                        "superseded by run " + key.run_id.get()};
  std::string which;
  if (old == Supersedes::same_window) {
    which = " and seq = $4::bigint";
    parameters.push_back(number(key.seq.get()));
  }
  TM_CHECK(connection.query(
      "update tidemark_quarantine set resolved_at = clock_timestamp(), resolution = $3 where job = "
      "$1 and stream = $2 and resolved_at is null" +
          which,
      parameters, cancel));
  return {};
}

Result<std::int64_t> close_refused_in(Connection& connection, const StreamId& stream,
                                      const std::string& closed, Cancel& cancel) {
  TM_TRY(const Rows rows,
         connection.query("update tidemark_quarantine as old set resolved_at = clock_timestamp(), "
                          "resolution = closed.resolution from " +
                              closed +
                              " as closed where old.job = $1 and old.stream = $2 and old.run_id = "
                              "closed.run_id and old.locator = closed.locator and old.resolved_at "
                              "is null",
                          Parameters{stream.job.get(), stream.stream.get()}, cancel));
  return rows.changed();
}

Result<bool> move_head(Connection& connection, const LoadKey& key, const Window& window,
                       Cancel& cancel) {
  const std::string& job = key.stream.job.get();
  const std::string& stream = key.stream.stream.get();
  const std::string fence = number(key.fence.get());
  const std::string seq = number(key.seq.get());
  if (key.kind != LoadKind::window) {
    TM_TRY(Rows rows, connection.query("update tidemark_ledger set fence = $4::bigint where job = "
                                       "$1 and stream = $2 and seq = $3::bigint and fence <= "
                                       "$4::bigint",
                                       Parameters{job, stream, seq, fence}, cancel));
    return rows.changed() == 1;
  }
  const Parameters all{job, stream, seq, fence, text(window.lo), text(window.hi), key.run_id.get()};
  if (key.seq.get() == 1) {
    TM_TRY(Rows rows,
           connection.query("insert into tidemark_ledger (job, stream, seq, fence, lo, hi, run_id, "
                            "applied_at) values ($1, $2, $3::bigint, $4::bigint, $5, $6, $7, "
                            "clock_timestamp()) on conflict (job, stream) do nothing",
                            all, cancel));
    return rows.changed() == 1;
  }
  TM_TRY(Rows rows, connection.query(
                        "update tidemark_ledger set seq = $3::bigint, fence = $4::bigint, lo = $5, "
                        "hi = $6, run_id = $7, applied_at = clock_timestamp() where job = $1 and "
                        "stream = $2 and seq = $3::bigint - 1 and fence <= $4::bigint",
                        all, cancel));
  return rows.changed() == 1;
}

}  // namespace tidemark::postgres::ledger
