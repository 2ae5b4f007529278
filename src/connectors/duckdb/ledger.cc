#include "connectors/duckdb/ledger.h"

#include <cstdlib>

#include "connect/staged_table.h"

namespace tidemark::warehouse_ledger {

namespace {

using Parameters = std::vector<std::optional<std::string>>;

std::string table(const std::string& catalog, const char* name) {
  return duck::quote_path({catalog, "main", name});
}

std::optional<std::string> text_of(const std::optional<Position>& position) {
  if (!position) return std::nullopt;
  return position->text;
}

std::optional<Position> position_of(std::optional<std::string> text) {
  if (!text) return std::nullopt;
  return Position{std::move(*text)};
}

std::int64_t number(const std::optional<std::string>& text) {
  return text ? std::strtoll(text->c_str(), nullptr, 10) : 0;
}

std::string select_heads(const std::string& catalog) {
  return "SELECT stream, seq, fence, lo, hi, run_id, "
         "strftime(applied_at, '%Y-%m-%dT%H:%M:%S.%fZ') FROM " +
         table(catalog, "tidemark_ledger");
}

LedgerRow head_at(const duck::Answer& heads, std::size_t row, const JobName& job) {
  LedgerRow head;
  head.stream = {job, StreamName(heads.text(row, 0).value_or(""))};
  head.seq = Seq(heads.integer(row, 1));
  head.fence = Fence(heads.integer(row, 2));
  head.window.lo = position_of(heads.text(row, 3));
  head.window.hi = position_of(heads.text(row, 4));
  head.run_id = RunId(heads.text(row, 5).value_or(""));
  head.applied_at = heads.text(row, 6).value_or("");
  return head;
}

// Whether a query of these tables of `main` can be bound: known without a look at each table of the
// warehouse, which duckdb_tables() takes. Only a yes is certain. Inside a transaction nothing is
// tried, since what fails there aborts it.
bool can_be_read(duck::Connection& engine, const std::string& catalog,
                 const std::vector<const char*>& names) {
  if (engine.in_transaction()) return false;
  std::string from;
  for (const char* name : names)
    from += (from.empty() ? "" : ", ") + table(catalog, name);
  return engine.describe("SELECT 1 FROM " + from).ok();
}

// The answer of `ask`, or nothing where its table is not there. What is there nearly always is
// asked first, outside of a transaction, and only what fails has a look at the tables follow it.
template <class Ask, class IsThere>
Result<std::optional<duck::Answer>> try_to_read(duck::Connection& engine, Ask ask,
                                                IsThere is_there) {
  if (!engine.in_transaction()) {
    if (auto answer = ask(); answer.ok()) return std::optional(std::move(*answer));
  }
  TM_TRY(const bool there, is_there());
  if (!there) return std::optional<duck::Answer>();
  TM_TRY(duck::Answer answer, ask());
  return std::optional(std::move(answer));
}

Result<bool> has_load_where(const char* column, const std::string& value, duck::Connection& engine,
                            const std::string& catalog, const StreamId& stream) {
  // A load makes them before its transaction, in which what is missing fails whatever is done next.
  if (!engine.in_transaction()) {
    TM_TRY(const bool there, tables_exist(engine, catalog));
    if (!there) return false;
  }
  TM_TRY(duck::Answer answer,
         engine.query("SELECT count(*) FROM " + table(catalog, "tidemark_loads") +
                          " WHERE job = $1 AND stream = $2 AND " + column + " = $3",
                      {stream.job.get(), stream.stream.get(), value}));
  return answer.integer(0, 0) > 0;
}

Status create_columns_table(duck::Connection& engine, const std::string& catalog) {
  return engine.execute("CREATE TABLE IF NOT EXISTS " + table(catalog, "tidemark_columns") +
                        " (job VARCHAR NOT NULL, stream VARCHAR NOT NULL, columns VARCHAR NOT "
                        "NULL, PRIMARY KEY (job, stream))");
}

}  // namespace

Status create_tables(duck::Connection& engine, const std::string& catalog) {
  // All are durable by one sync.
  TM_TRY(duck::Transaction transaction, duck::Transaction::begin(engine));
  TM_CHECK(create_columns_table(engine, catalog));
  TM_CHECK(engine.execute(
      "CREATE TABLE IF NOT EXISTS " + table(catalog, "tidemark_ledger") +
      " (job VARCHAR NOT NULL, stream VARCHAR NOT NULL, seq BIGINT NOT NULL, fence BIGINT NOT NULL,"
      " lo VARCHAR, hi VARCHAR, run_id VARCHAR NOT NULL, applied_at TIMESTAMPTZ NOT NULL,"
      " PRIMARY KEY (job, stream))"));
  TM_CHECK(engine.execute(
      "CREATE TABLE IF NOT EXISTS " + table(catalog, "tidemark_loads") +
      " (job VARCHAR NOT NULL, stream VARCHAR NOT NULL, load_id VARCHAR NOT NULL,"
      " kind VARCHAR NOT NULL, seq BIGINT NOT NULL, run_id VARCHAR NOT NULL, lo VARCHAR,"
      " hi VARCHAR, rows BIGINT NOT NULL, rejected BIGINT NOT NULL, checksum VARCHAR,"
      " partitions VARCHAR, applied_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (job, stream, load_id))"));
  std::string columns;
  for (const Column& column : quarantine_schema().columns) {
    columns += (columns.empty() ? "" : ", ") + duck::quote_name(column.name) + " " +
               sql_name(column.type) + (column.nullable ? "" : " NOT NULL");
  }
  TM_CHECK(engine.execute("CREATE TABLE IF NOT EXISTS " + table(catalog, "tidemark_quarantine") +
                          " (" + columns + ", resolved_at TIMESTAMPTZ, resolution VARCHAR)"));
  return transaction.commit();
}

Result<bool> tables_exist(duck::Connection& engine, const std::string& catalog) {
  if (can_be_read(engine, catalog, {"tidemark_ledger", "tidemark_loads", "tidemark_quarantine"}))
    return true;
  TM_TRY(duck::Answer count,
         engine.query("SELECT count(*) FROM duckdb_tables() WHERE database_name = $1 AND "
                      "schema_name = 'main' AND table_name IN "
                      "('tidemark_ledger', 'tidemark_loads', 'tidemark_quarantine')",
                      {catalog}));
  return count.integer(0, 0) == 3;
}

Result<std::optional<LedgerRow>> head(duck::Connection& engine, const std::string& catalog,
                                      const StreamId& stream) {
  const auto ask = [&] {
    return engine.query(select_heads(catalog) + " WHERE job = $1 AND stream = $2",
                        {stream.job.get(), stream.stream.get()});
  };
  TM_TRY(const auto found, try_to_read(engine, ask, [&] { return tables_exist(engine, catalog); }));
  if (!found) return std::optional<LedgerRow>{};
  const duck::Answer& answer = *found;
  if (answer.rows() == 0) return std::optional<LedgerRow>{};
  return std::optional(head_at(answer, 0, stream.job));
}

Result<std::vector<Position>> history(duck::Connection& engine, const std::string& catalog,
                                      const StreamId& stream) {
  std::vector<Position> positions;
  TM_TRY(const bool there, tables_exist(engine, catalog));
  if (!there) return positions;
  TM_TRY(duck::Answer answer,
         engine.query("SELECT hi FROM " + table(catalog, "tidemark_loads") +
                          " WHERE job = $1 AND stream = $2 AND kind = 'window' AND hi IS NOT NULL"
                          " ORDER BY seq",
                      {stream.job.get(), stream.stream.get()}));
  for (std::size_t row = 0; row < answer.rows(); ++row)
    positions.push_back({answer.text(row, 0).value_or("")});
  return positions;
}

Result<bool> has_load(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                      const std::string& load_id) {
  return has_load_where("load_id", load_id, engine, catalog, stream);
}

Result<bool> has_load_of(duck::Connection& engine, const std::string& catalog,
                         const StreamId& stream, const RunId& run) {
  return has_load_where("run_id", run.get(), engine, catalog, stream);
}

Result<std::string> window_checksum(duck::Connection& engine, const std::string& catalog,
                                    const StreamId& stream, Seq seq) {
  TM_TRY(const bool there, tables_exist(engine, catalog));
  if (!there) return std::string();
  TM_TRY(duck::Answer answer,
         engine.query("SELECT checksum FROM " + table(catalog, "tidemark_loads") +
                          " WHERE job = $1 AND stream = $2 AND kind = 'window' AND seq = "
                          "$3::BIGINT",
                      {stream.job.get(), stream.stream.get(), std::to_string(seq.get())}));
  return answer.rows() == 0 ? std::string() : answer.text(0, 0).value_or("");
}

Result<std::vector<Seq>> refused_windows(duck::Connection& engine, const std::string& catalog,
                                         const StreamId& stream) {
  std::vector<Seq> windows;
  TM_TRY(const bool there, tables_exist(engine, catalog));
  if (!there) return windows;
  TM_TRY(duck::Answer answer,
         engine.query("SELECT DISTINCT seq FROM " + table(catalog, "tidemark_quarantine") +
                          " WHERE job = $1 AND stream = $2 AND resolved_at IS NULL",
                      {stream.job.get(), stream.stream.get()}));
  for (std::size_t row = 0; row < answer.rows(); ++row)
    windows.emplace_back(answer.integer(row, 0));
  return windows;
}

Result<StagedTable> open_refused(duck::Connection& engine, const std::string& catalog,
                                 const JobName& job, const std::optional<StreamName>& only) {
  const Schema schema = open_refused_schema();
  TM_TRY(const bool there, tables_exist(engine, catalog));
  if (!there) return no_staged_rows(schema);
  std::string from = " FROM " + table(catalog, "tidemark_quarantine") +
                     " WHERE resolved_at IS NULL AND job = " + duck::quote_text(job.get());
  if (only) from += " AND stream = " + duck::quote_text(only->get());
  TM_TRY(const std::int64_t rows, engine.count("SELECT count(*)" + from));
  if (rows == 0) return no_staged_rows(schema);
  return StagedTable{"(SELECT " + duck::quote_list(schema.names()) + from + ")", schema,
                     RowCount(rows)};
}

Status close_refused(duck::Connection& engine, const std::string& catalog, const LoadKey& key,
                     Supersedes old) {
  if (old == Supersedes::nothing) return {};
  Parameters parameters{key.stream.job.get(), key.stream.stream.get(),
                        "superseded by run " + key.run_id.get()};
  std::string which;
  if (old == Supersedes::same_window) {
    which = " AND seq = $4::BIGINT";
    parameters.push_back(std::to_string(key.seq.get()));
  }
  TM_CHECK(engine.query("UPDATE " + table(catalog, "tidemark_quarantine") +
                            " SET resolved_at = now(), resolution = $3 WHERE job = $1 AND stream = "
                            "$2 AND resolved_at IS NULL" +
                            which,
                        parameters));
  return {};
}

Result<std::optional<std::string>> carried(duck::Connection& engine, const std::string& catalog,
                                           const StreamId& stream) {
  const auto ask = [&] {
    return engine.query("SELECT columns FROM " + table(catalog, "tidemark_columns") +
                            " WHERE job = $1 AND stream = $2",
                        {stream.job.get(), stream.stream.get()});
  };
  const auto is_there = [&]() -> Result<bool> {
    TM_TRY(const std::int64_t there,
           engine.count("SELECT count(*) FROM duckdb_tables() WHERE database_name = " +
                        duck::quote_text(catalog) +
                        " AND schema_name = 'main' AND table_name = 'tidemark_columns'"));
    return there > 0;
  };
  TM_TRY(const auto answer, try_to_read(engine, ask, is_there));
  return !answer || answer->rows() == 0 ? std::optional<std::string>() : answer->text(0, 0);
}

Status keep_carried(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                    const std::string& columns) {
  TM_CHECK(create_columns_table(engine, catalog));
  TM_CHECK(engine.query(
      "INSERT OR REPLACE INTO " + table(catalog, "tidemark_columns") + " VALUES ($1, $2, $3)",
      {stream.job.get(), stream.stream.get(), columns}));
  return {};
}

std::string ledger_name(const WarehouseTable& table) {
  std::string name = duck::quote_path({table.schema, table.table});
  // Names compare without case here.
  for (char& c : name)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name;
}

Result<std::vector<SweepRow>> sweeps(duck::Connection& engine, const std::string& catalog,
                                     const std::string& table_name) {
  std::vector<SweepRow> rows;
  TM_TRY(const std::int64_t there,
         engine.count("SELECT count(*) FROM duckdb_tables() WHERE database_name = " +
                      duck::quote_text(catalog) +
                      " AND schema_name = 'main' AND table_name = 'tidemark_sweeps'"));
  if (there == 0) return rows;
  TM_TRY(const duck::Answer found,
         engine.query("SELECT job, stream, reads, strftime(swept_at, '%Y-%m-%dT%H:%M:%SZ'), "
                      "coalesce(date_diff('second', swept_at, now()), 0)::BIGINT FROM " +
                          table(catalog, "tidemark_sweeps") +
                          " WHERE table_name = $1 ORDER BY job, stream",
                      {table_name}));
  for (std::size_t row = 0; row < found.rows(); ++row) {
    rows.push_back(
        {{JobName(found.text(row, 0).value_or("")), StreamName(found.text(row, 1).value_or(""))},
         found.text(row, 2).value_or(""),
         found.text(row, 3),
         found.integer(row, 4)});
  }
  return rows;
}

Status note_sweep(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                  const std::string& table_name, const SweepNote& note) {
  const std::string sweeps = table(catalog, "tidemark_sweeps");
  TM_CHECK(engine.execute("CREATE TABLE IF NOT EXISTS " + sweeps +
                          " (job VARCHAR NOT NULL, stream VARCHAR NOT NULL, table_name VARCHAR NOT "
                          "NULL, reads VARCHAR NOT NULL, swept_at TIMESTAMPTZ, gone BIGINT, "
                          "PRIMARY KEY (job, stream))"));
  Parameters parameters{stream.job.get(), stream.stream.get()};
  bool is_known = true;
  if (note.kind != SweepNote::Kind::swept) {
    TM_TRY(const duck::Answer known,
           engine.query("SELECT table_name FROM " + sweeps + " WHERE job = $1 AND stream = $2",
                        parameters));
    is_known = known.rows() > 0;
    if (is_known && known.text(0, 0) == table_name) {
      if (note.kind == SweepNote::Kind::none) return {};
      TM_CHECK(engine.query(
          "UPDATE " + sweeps + " SET swept_at = NULL WHERE job = $1 AND stream = $2", parameters));
      return {};
    }
  }
  parameters.insert(parameters.end(), {table_name, note.reads});
  const bool swept = note.kind == SweepNote::Kind::swept;
  if (swept) parameters.emplace_back(std::to_string(note.gone.get()));
  // To replace costs a join with the table, for the one row too.
  const std::string insert = is_known ? "INSERT OR REPLACE INTO " : "INSERT INTO ";
  TM_CHECK(engine.query(insert + sweeps + " VALUES ($1, $2, $3, $4, " +
                            (swept ? "now(), $5::BIGINT)" : "NULL, NULL)"),
                        parameters));
  return {};
}

Status insert_load(duck::Connection& engine, const std::string& catalog, const StreamId& stream,
                   const LoadRow& load) {
  const Parameters parameters{stream.job.get(),
                              stream.stream.get(),
                              load.load_id,
                              std::string(to_string(load.kind)),
                              std::to_string(load.seq.get()),
                              load.run_id.get(),
                              text_of(load.window.lo),
                              text_of(load.window.hi),
                              std::to_string(load.rows.get()),
                              std::to_string(load.rejected.get()),
                              load.checksum};
  auto inserted =
      engine.query("INSERT INTO " + table(catalog, "tidemark_loads") +
                       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, now())",
                   parameters);
  if (!inserted.ok())
    return std::move(inserted).error().with_context("recording the load in tidemark_loads");
  return {};
}

Result<bool> move_head(duck::Connection& engine, const std::string& catalog, const LoadKey& key,
                       const LoadRow& load) {
  const std::string ledger = table(catalog, "tidemark_ledger");
  const std::string& job = key.stream.job.get();
  const std::string& stream = key.stream.stream.get();
  const std::string seq = std::to_string(key.seq.get());
  const std::string fence = std::to_string(key.fence.get());
  if (key.kind != LoadKind::window) {
    TM_TRY(duck::Answer held,
           engine.query("UPDATE " + ledger +
                            " SET fence = $4::BIGINT WHERE job = $1 AND stream = $2 AND seq = "
                            "$3::BIGINT AND fence <= $4::BIGINT",
                        {job, stream, seq, fence}));
    return number(held.text(0, 0)) == 1;
  }
  const Parameters parameters{
      job, stream, seq, fence, text_of(load.window.lo), text_of(load.window.hi), load.run_id.get()};
  if (key.seq.get() == 1) {
    TM_TRY(duck::Answer present,
           engine.query("SELECT count(*) FROM " + ledger + " WHERE job = $1 AND stream = $2",
                        {job, stream}));
    if (present.integer(0, 0) == 0) {
      TM_CHECK(engine.query("INSERT INTO " + ledger + " VALUES ($1, $2, $3, $4, $5, $6, $7, now())",
                            parameters));
      return true;
    }
  }
  TM_TRY(duck::Answer moved,
         engine.query(
             "UPDATE " + ledger +
                 " SET seq = $3::BIGINT, fence = $4::BIGINT, lo = $5, hi = $6, run_id = $7, "
                 "applied_at = now()"
                 " WHERE job = $1 AND stream = $2 AND seq = $3::BIGINT - 1 AND fence <= $4::BIGINT",
             parameters));
  return number(moved.text(0, 0)) == 1;
}

Result<std::vector<LedgerRow>> take_over(duck::Connection& engine, const std::string& catalog,
                                         const JobName& job, Fence token) {
  std::vector<LedgerRow> heads;
  TM_TRY(const bool there, tables_exist(engine, catalog));
  if (!there) return heads;
  TM_TRY(duck::Transaction transaction, duck::Transaction::begin(engine));
  TM_TRY(duck::Answer raised,
         engine.query("UPDATE " + table(catalog, "tidemark_ledger") +
                          " SET fence = $2::BIGINT WHERE job = $1 AND fence < $2::BIGINT",
                      {job.get(), std::to_string(token.get())}));
  TM_TRY(duck::Answer found, engine.query(select_heads(catalog) + " WHERE job = $1", {job.get()}));
  for (std::size_t row = 0; row < found.rows(); ++row)
    heads.push_back(head_at(found, row, job));
  if (static_cast<std::size_t>(number(raised.text(0, 0))) != heads.size())
    return fenced(job, "the ledger knows a fence of " + std::to_string(token.get()) + " or more");
  TM_CHECK(transaction.commit());
  return heads;
}

}  // namespace tidemark::warehouse_ledger
