// Connection: one session of PostgreSQL behind RAII; Rows, CopyOut and CopyIn are what it gives
// back.
//
// Every call works asynchronously inside and watches its Cancel, so it returns `run.cancelled`
// within about 100 ms of a request after asking the server to stop. A Connection belongs to one
// thread at a time, except `interrupt`. CopyOut and CopyIn borrow their Connection: while one
// lives, nothing else may run on it. Notices are dropped. After a failure outside a transaction the
// session can go on, unless `lost()`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "base/secret.h"
#include "drivers/postgres/error.h"
#include "drivers/postgres/names.h"

namespace tidemark::postgres {

struct ConnectOptions {
  // `key=value ...` or `postgres://...` with the keywords of allowed_keywords(); never a password.
  std::string conninfo;
  Secret password;
  std::string application_name;
  // Until the session can be used; conninfo's own connect_timeout wins.
  int connect_timeout_s = 10;
  // Silence after COMMIT that counts as a lost answer. TCP finds a network that is gone by itself;
  // this is for a peer that stands still, or a middle that keeps the line up.
  int commit_timeout_s = 300;
  Side side = Side::source;
  // Settings of the session, `statement_timeout` and the like, in their own units.
  std::vector<std::pair<std::string, std::string>> settings;
  // Asked before a session is opened, and may wait; what it gives is let go when the session has
  // ended.
  std::function<Result<std::shared_ptr<void>>(Cancel&)> admit;
};

// The keywords a project may write into a connection.
std::vector<std::string_view> allowed_keywords();

// `conninfo` with what `more` says otherwise; both may be in either form.
Result<std::string> merge_conninfo(const std::string& conninfo, const std::string& more);

// Is `conninfo` readable, with allowed keywords only? A user fault names the keyword. Connects to
// nothing.
Status check_conninfo(const std::string& conninfo);

// The rows of one finished statement, all in memory, as text.
class Rows {
 public:
  Rows(Rows&&) noexcept;
  Rows& operator=(Rows&&) noexcept;
  ~Rows();

  std::size_t rows() const;
  std::size_t columns() const;
  std::string_view name(std::size_t column) const;
  std::uint32_t type_oid(std::size_t column) const;
  std::int32_t type_modifier(std::size_t column) const;
  // Nothing for NULL. The view lives as long as these Rows. REQUIRES row < rows(), column <
  // columns().
  std::optional<std::string_view> text(std::size_t row, std::size_t column) const;
  // The same, with "" for NULL.
  std::string string(std::size_t row, std::size_t column) const;
  // REQUIRES a value that is an integer of 64 bits; 0 for NULL.
  std::int64_t integer(std::size_t row, std::size_t column) const;
  bool boolean(std::size_t row, std::size_t column) const;
  // Rows changed or copied by the statement; 0 where it has no such count.
  std::int64_t changed() const;
  // `INSERT 0 1`, `COMMIT`, ...
  std::string_view command() const;

 private:
  friend class Connection;
  friend class CopyIn;
  struct Impl;
  explicit Rows(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class Connection;

// The rows of a COPY ... TO STDOUT. Destroying it before its end cancels the COPY on the server.
class CopyOut {
 public:
  CopyOut(CopyOut&&) noexcept;
  CopyOut& operator=(CopyOut&&) = delete;
  ~CopyOut();
  // One CopyData message, which for FORMAT binary is one tuple (the header comes with the first);
  // nothing at the end, and only after the server confirmed it. The view is valid until the next
  // call.
  Result<std::optional<std::string_view>> next(Cancel& cancel);
  // After the end: how many rows the server says it sent.
  std::int64_t rows() const { return rows_; }

 private:
  friend class Connection;
  explicit CopyOut(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
  char* buffer_ = nullptr;
  std::size_t received_ = 0;  // bytes
  bool done_ = false;
  std::int64_t rows_ = 0;
};

// The way in of a COPY ... FROM STDIN. Destroying it without finish() aborts the COPY.
class CopyIn {
 public:
  CopyIn(CopyIn&&) noexcept;
  CopyIn& operator=(CopyIn&&) = delete;
  ~CopyIn();
  // Sends bytes; returns when the kernel has them, so memory stays bounded by the largest put.
  Status put(std::string_view bytes, Cancel& cancel);
  // Ends the COPY; returns the rows the server took.
  Result<std::int64_t> finish(Cancel& cancel);
  // Makes the server forget the rows of this COPY. Idempotent.
  void abort(const std::string& reason);

 private:
  friend class Connection;
  explicit CopyIn(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
  bool done_ = false;
};

class Connection {
 public:
  // Connects, sets client_encoding UTF8 and the session settings that make texts of values exact
  // and the same everywhere (ISO dates, UTC, shortest exact floats, hex bytea). Where conninfo does
  // not say otherwise, TCP gives up a network that was silent for five minutes. Blocking.
  static Result<std::unique_ptr<Connection>> connect(const ConnectOptions& options, Cancel& cancel);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One statement, with text parameters `$1`, `$2` (nothing: NULL). COPY is refused: use copy_out,
  // copy_in.
  Result<Rows> query(const std::string& sql, Cancel& cancel);
  Result<Rows> query(const std::string& sql,
                     const std::vector<std::optional<std::string>>& parameters, Cancel& cancel);
  // The same for a text that is asked again and again: outside of a transaction the session keeps
  // it prepared, with its plan, also through clean(). Such texts are few, so no value stands in
  // them.
  Result<Rows> ask(const std::string& sql,
                   const std::vector<std::optional<std::string>>& parameters, Cancel& cancel);
  // One or more statements for their effect; returns rows changed by the last.
  Result<std::int64_t> execute(const std::string& sql, Cancel& cancel);
  // The columns of a query without running it: Rows with no rows.
  Result<Rows> describe(const std::string& sql, Cancel& cancel);

  Result<CopyOut> copy_out(const std::string& sql, Cancel& cancel);
  Result<CopyIn> copy_in(const std::string& sql, Cancel& cancel);

  // `mode` goes after BEGIN, e.g. `isolation level repeatable read read only`.
  Status begin(const std::string& mode, Cancel& cancel);
  // An aborted transaction, which PostgreSQL ends by a silent ROLLBACK, is an Error here. When the
  // error is_connection_loss the outcome is unknown.
  Status commit(Cancel& cancel);
  // Never fails: where it cannot be told to the server, the session is closed. Idempotent.
  void rollback() noexcept;
  bool in_transaction() const;

  // From any thread: asks the server to stop what runs now; that call returns `run.cancelled`.
  void interrupt();

  int backend_pid() const;
  // 150020 for 15.20.
  int server_version() const;
  // The value of a setting the server reports: `server_encoding`, `TimeZone`, ...; empty if
  // unknown.
  std::string parameter(const char* name) const;
  // The session is gone; every call fails.
  bool lost() const;
  // What `admit` gave for it.
  const std::shared_ptr<void>& admitted() const;
  // The session in its state of a new one, but for what ask() keeps, for another use. False: it is
  // to be closed, since a call failed or was stopped, or the server does not answer. Blocks for
  // seconds at most.
  bool clean() noexcept;
  // The settings of `options` for a session that was cleaned; with those that every session has.
  Status set_up(const ConnectOptions& options, Cancel& cancel);
  std::chrono::steady_clock::duration age() const;
  // That the server was given by copy_in(), since the session began.
  std::int64_t bytes_copied() const;
  Side side() const;

 private:
  friend class CopyOut;
  friend class CopyIn;
  struct Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  // Nothing where the server lost what was prepared, or cannot use it any more.
  Result<std::optional<Rows>> ask_prepared(
      const std::string& sql, const std::vector<std::optional<std::string>>& parameters,
      Cancel& cancel);
  std::unique_ptr<Impl> impl_;
};

// Rolls back when destroyed without commit().
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection, const std::string& mode, Cancel& cancel);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit(Cancel& cancel);

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

}  // namespace tidemark::postgres
