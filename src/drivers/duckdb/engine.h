// The embedded engine (DuckDB) behind RAII: Engine is the one instance of a process, Connection
// runs SQL.
//
// An Engine outlives its Connections; a Connection belongs to one thread at a time, except
// `interrupt`. Any failed call inside a transaction marks it failed: COMMIT of an aborted one would
// report success, so Transaction::commit refuses and rolls back. Errors carry the engine's error
// type in `code`
// (`engine.out_of_memory`, `engine.conversion`, ...).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "model/batch.h"
#include "model/schema.h"

namespace tidemark::duck {

struct EngineOptions {
  int threads = 2;
  std::int64_t memory_bytes_max = 1'000'000'000;
  std::string spill_dir;  // empty: no spilling
  std::string
      database_path;  // empty: in memory; run engines are in memory and attach their warehouses
};

// Rows of a finished query, all in memory: for small answers. Values as text are exact.
class Answer {
 public:
  Answer();
  Answer(Answer&&) noexcept;
  Answer& operator=(Answer&&) noexcept;
  ~Answer();

  const Schema& schema() const;
  std::size_t rows() const;
  // Rows changed by INSERT, UPDATE, DELETE; 0 otherwise.
  std::int64_t changed() const;
  // The value as the engine prints it; nothing for NULL. REQUIRES row < rows(), column < columns.
  std::optional<std::string> text(std::size_t row, std::size_t column) const;
  // REQUIRES a column of an integer type up to 64 bits, or boolean, and no NULL.
  std::int64_t integer(std::size_t row, std::size_t column) const;

 private:
  friend class Connection;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Feeds rows to the engine: the callee fills up to capacity() rows and returns how many; 0 ends the
// scan. Called from engine threads, one call at a time.
using Feed = std::function<Result<std::size_t>(BatchWriter&)>;
// Takes rows from the engine in chunks of up to 2,048.
using Drain = std::function<Status(const BatchReader&)>;

class Connection;

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // A new connection, or one in which nothing was done before but to ask with parameters.
  Result<std::unique_ptr<Connection>> connect();
  // Sets memory_bytes_max and spill_dir anew, for all connections.
  Status limit(const EngineOptions& options);
  // Writes every attached file to its end and closes it. For a process that ends now: the engine
  // need not be destroyed after, and freeing all it holds would take longer than the rest of a
  // small run. REQUIRES no running statement.
  Status close_files();
  static std::string version();

 private:
  friend class Connection;
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A fault in SQL text, for people: what, and where it starts.
struct SqlProblem {
  std::string message;
  std::size_t offset = 0;
};

class Connection {
 public:
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs one statement and keeps its rows.
  Result<Answer> query(const std::string& sql);
  // The same with text parameters `$1`, `$2` (nothing: NULL).
  Result<Answer> query(const std::string& sql,
                       const std::vector<std::optional<std::string>>& parameters);
  // The same for SQL that somebody typed: anything but one SELECT is `engine.no_select` and is not
  // run.
  Result<Answer> select(const std::string& sql);
  // Runs one or more statements for their effect.
  Status execute(const std::string& sql);
  // As execute() and query(), for one statement whose rows come from somewhere else: while it only
  // waits, it leaves the processor to others. The engine's own wait keeps one busy.
  Status execute_waiting(const std::string& sql);
  Result<Answer> query_waiting(const std::string& sql);
  // One integer of one row, for counts.
  Result<std::int64_t> count(const std::string& sql);
  // The columns a query would have; runs nothing.
  Result<Schema> describe(const std::string& select);
  // Streams the rows of a query without holding them.
  Status stream(const std::string& sql, const Drain& drain, Cancel& cancel);
  // Makes `feed` readable: returns the text to put into FROM, good for one scan, until
  // `release_feed`. An Error of the feed comes back from the statement that scans it, unchanged.
  // `also` is shown each batch that the feed filled, before the engine has it.
  Result<std::string> register_feed(const Schema& schema, Feed feed,
                                    std::function<void(const RejectedRow&)> reject,
                                    Drain also = nullptr);
  void release_feed(const std::string& from_text);
  // Parses only; nothing when the text is one good statement.
  std::optional<SqlProblem> check_syntax(const std::string& sql);
  // Tables named by a query, qualified as written, e.g. `warehouse.main.countries`.
  Result<std::vector<std::string>> table_names(const std::string& sql);

  Status begin();
  // Fails, after rolling back, when any call since begin() failed.
  Status commit();
  Status rollback();
  bool in_transaction() const;

  // From any thread: the running call returns `run.cancelled` soon.
  void interrupt();
  // 0..1 while a statement runs, where the engine can tell.
  std::optional<double> progress() const;

 private:
  friend class Engine;
  struct Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Rolls back when destroyed without commit().
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  // `engine.commit_failed`: a conflict or the disk; only the file says what it holds then.
  Status commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

// The only functions that put names and texts into SQL. Injective; names with NUL are refused
// before.
std::string quote_name(std::string_view name);
// `"a", "b"`
std::string quote_list(const std::vector<std::string>& names);
std::string quote_text(std::string_view text);
// `a.b.c` of parts, each quoted.
std::string quote_path(const std::vector<std::string>& parts);

}  // namespace tidemark::duck
