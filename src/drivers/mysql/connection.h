// Connection: one session of MySQL or MariaDB behind RAII; Rows and RowStream are what it gives
// back.
//
// Every call waits on the socket itself and watches its Cancel, so it returns `run.cancelled`
// within about 100 ms of a request, after asking the server to stop by a second session. A
// Connection belongs to one thread at a time. A RowStream borrows its Connection: while one lives,
// nothing else may run on it. After a failure the session can go on, unless `lost()`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "base/secret.h"
#include "drivers/mysql/address.h"
#include "drivers/mysql/error.h"
#include "drivers/mysql/flavour.h"
#include "drivers/mysql/names.h"

namespace tidemark::mysql {

struct ConnectOptions {
  Address address;
  Secret password;
  std::string program;  // shown in the server's list of connection attributes
  // Silence after COMMIT that counts as a lost answer.
  int commit_timeout_s = 300;
  Side side = Side::source;
  bool read_only = false;                            // the session can change nothing
  std::optional<std::chrono::seconds> lock_timeout;  // for tables and rows
  std::optional<std::chrono::milliseconds> statement_timeout;
  // Asked before a session is opened, and may wait; what it gives is let go when the session has
  // ended. The short session that stops another one is not asked for.
  std::function<Result<std::shared_ptr<void>>(Cancel&)> admit;
};

// What a column of a result is.
enum class FieldType : std::uint8_t {
  integer,  // tinyint to bigint, year; Field::bytes says which
  year,
  bit,
  float32,
  float64,
  decimal,
  date,
  time,
  datetime,
  timestamp,
  text,  // char to longtext, in any character set
  binary,
  enumeration,
  set,
  json,
  uuid,
  geometry,
  other,
};

struct Field {
  std::string name;
  FieldType type = FieldType::other;
  int bytes = 0;  // of an integer: 1, 2, 3, 4 or 8
  bool is_unsigned = false;
  bool not_null = false;
  std::uint64_t length = 0;  // in characters of the declaration where that makes sense
  int precision = 0;         // of a decimal
  int scale = 0;             // of a decimal; of a time: digits of the second's fraction
  friend bool operator==(const Field&, const Field&) = default;
};

// A date, a time of day or a duration as the server keeps it; parts that do not exist are 0.
struct Moment {
  bool negative = false;
  unsigned year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;  // of a duration up to 838
  unsigned minute = 0;
  unsigned second = 0;
  unsigned microsecond = 0;
};

// The rows of one finished statement, all in memory, as text.
class Rows {
 public:
  Rows(Rows&&) noexcept;
  Rows& operator=(Rows&&) noexcept;
  ~Rows();

  std::size_t rows() const;
  std::size_t columns() const;
  // Nothing for NULL. The view lives as long as these Rows. REQUIRES row < rows(), column <
  // columns().
  std::optional<std::string_view> text(std::size_t row, std::size_t column) const;
  // The same, with "" for NULL.
  std::string string(std::size_t row, std::size_t column) const;
  // REQUIRES a value that is an integer of 64 bits; 0 for NULL.
  std::int64_t integer(std::size_t row, std::size_t column) const;
  // Rows inserted, deleted, or found by an UPDATE.
  std::int64_t changed() const;

 private:
  friend class Connection;
  struct Impl;
  explicit Rows(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class Connection;

// The rows of a SELECT as they come, by the binary protocol, so that no value is printed and read
// back. Destroying it before its end closes the session instead of reading on.
class RowStream {
 public:
  RowStream(RowStream&&) noexcept;
  RowStream& operator=(RowStream&&) = delete;
  ~RowStream();
  const std::vector<Field>& fields() const;
  // Starts it. Once, before the first next().
  Status execute(Cancel& cancel);
  // False at the end, and only after the server confirmed it.
  Result<bool> next(Cancel& cancel);
  // Of the row that next() went to; the kind of value is the field's. REQUIRES no NULL, null()
  // apart.
  bool null(std::size_t column) const;
  std::int64_t integer(std::size_t column) const;  // the bits, of an unsigned one too
  float float32(std::size_t column) const;
  double float64(std::size_t column) const;
  Moment moment(std::size_t column) const;
  std::string_view bytes(std::size_t column) const;  // good until the next next()
  // How many bytes its values had on their way.
  std::size_t row_bytes() const;

 private:
  friend class Connection;
  struct Impl;
  explicit RowStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class Connection {
 public:
  // Connects and sets what makes values exact and the same everywhere: utf8mb4, UTC, a strict
  // sql_mode, no time limit of statements. LOCAL INFILE is off. Blocking.
  static Result<std::unique_ptr<Connection>> connect(const ConnectOptions& options, Cancel& cancel);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One statement.
  Result<Rows> query(const std::string& sql, Cancel& cancel);
  // The same for its effect; returns rows changed.
  Result<std::int64_t> execute(const std::string& sql, Cancel& cancel);
  // A SELECT, parsed and planned by the server; it runs when the stream is executed.
  Result<RowStream> stream(const std::string& sql, Cancel& cancel);

  // `mode` goes after START TRANSACTION, e.g. `with consistent snapshot, read only`.
  Status begin(const std::string& mode, Cancel& cancel);
  // When the error is_connection_loss the outcome is unknown.
  Status commit(Cancel& cancel);
  // Never fails: where it cannot be told to the server, the session is closed. Idempotent.
  void rollback() noexcept;
  bool in_transaction() const;

  std::uint64_t session_id() const;
  const Flavour& flavour() const;
  std::int64_t packet_bytes_max() const;
  // Of statements, since the session began.
  std::int64_t bytes_sent() const;
  const std::string& database() const;
  // The session is gone; every call fails.
  bool lost() const;
  Side side() const;

 private:
  friend class RowStream;
  struct Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
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

}  // namespace tidemark::mysql
