// SQLite behind RAII types: Database (connection), Statement (prepared), Transaction (guard).
//
// A Database outlives its Statements and Transactions. One thread at a time may use a Database and
// all that belongs to it; `Interrupter::interrupt` alone is safe from any thread. Calls block on
// the disk and, up to `busy_wait`, on other connections' locks. This folder alone includes
// sqlite3.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tidemark::sqlite {

// `source` reads a database that belongs to somebody else: it is opened read-only and no setting
// that is stored in the file is touched.
enum class Access { create_or_write, write, source };

struct OpenOptions {
  std::string path;
  Access access = Access::create_or_write;
  // The first word of error codes and whose fault an error is: `store.busy`, `source.busy`.
  std::string area = "store";
  Fault fault = Fault::internal;
  std::chrono::milliseconds busy_wait{5000};
};

// What a value is in the file; SQLite columns hold any of them whatever their declared type.
enum class StorageClass { null, integer, real, text, blob };

class Statement;

// A handle to stop a running statement from another thread; it then fails with
// `<area>.interrupted`. Copyable; harmless after the Database is gone.
class Interrupter {
 public:
  void interrupt() const;

 private:
  friend class Database;
  struct Target;
  explicit Interrupter(std::shared_ptr<Target> target) : target_(std::move(target)) {}
  // Shared because the thread that interrupts may outlive the connection; the target says whether
  // it lives.
  std::shared_ptr<Target> target_;
};

class Database {
 public:
  // Written databases get WAL, synchronous FULL and foreign keys: a commit that returned survives a
  // power cut. The content is verified to be a database here, not at the first query.
  static Result<Database> open(const OpenOptions& options);

  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  ~Database();

  // Exactly one statement; comments and a semicolon may follow it. The Database stays where it is
  // in memory while it has Statements or Transactions.
  Result<Statement> prepare(std::string_view sql);
  // One or more statements without parameters; their rows are dropped. What ran before a failing
  // one stays.
  Status execute(std::string_view sql);

  Interrupter interrupter() const;
  std::int64_t changed_rows() const;
  bool in_transaction() const;
  const std::string& path() const { return options_.path; }

 private:
  friend class Statement;
  explicit Database(OpenOptions options);
  Status connect();
  Status configure();
  void empty_large_wal_on_close();
  void tell_statements();
  Error failure(int code, std::string_view action) const;
  Error not_one_statement(std::string_view found) const;

  OpenOptions options_;
  sqlite3* handle_ = nullptr;
  bool is_told_ = false;  // of every statement
  std::shared_ptr<Interrupter::Target> interrupt_target_;
};

// Parameters and columns count from 0. A failed bind is kept and reported by the next `step`, so
// binds chain. Text and bytes read from a column live until the next `step`, `reset` or the
// Statement's end.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  Statement& bind_null(int index);
  Statement& bind_int64(int index, std::int64_t value);
  Statement& bind_double(int index, double value);
  // Copies; bytes that are no UTF-8 are stored as they are.
  Statement& bind_text(int index, std::string_view value);
  Statement& bind_optional_text(int index, const std::optional<std::string>& value);
  Statement& bind_blob(int index, std::span<const std::byte> value);

  // True: a row is there. False: done; the statement has been reset and can be bound and run again.
  Result<bool> step();
  // For statements without rows: runs to the end.
  Status run();
  // Makes it ready to run again; bound values stay.
  void reset();
  // As it was when it was prepared: ready, and with NULL for each parameter.
  void clear();

  int parameter_count() const;
  int column_count() const;
  std::string column_name(int index) const;
  // As the table declares it (`VARCHAR(20)`); empty for expressions.
  std::string declared_type(int index) const;

  StorageClass storage_class(int index) const;
  bool is_null(int index) const { return storage_class(index) == StorageClass::null; }
  std::int64_t int64_at(int index) const;
  double double_at(int index) const;
  // Text as stored; of a number its decimal text.
  std::string_view text_at(int index) const;
  std::optional<std::string> optional_text_at(int index) const;
  std::span<const std::byte> bytes_at(int index) const;

 private:
  friend class Database;
  Statement(Database& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}
  void note(int code);

  Database* database_;
  sqlite3_stmt* handle_;
  int bind_failure_ = 0;
};

// Rolls back in its destructor unless `commit` succeeded; after a failed commit nothing is stored.
// `immediate` takes the write lock now, so that no later statement fails for it; `read` fixes a
// snapshot at its first query.
class Transaction {
 public:
  enum class Kind { read, immediate };
  static Result<Transaction> begin(Database& database, Kind kind = Kind::immediate);

  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Status commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

// Quotes an identifier for SQLite; the one way to put a name into SQL.
std::string quote_identifier(std::string_view name);
std::string library_version();

}  // namespace tidemark::sqlite
