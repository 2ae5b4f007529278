#include "drivers/sqlite/database.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <mutex>
#include <utility>

#include "base/assert.h"
#include "drivers/sqlite/failure.h"
#include "observe/statement_log.h"

namespace tidemark::sqlite {
namespace {

// Read by every open, in about a millisecond.
constexpr std::int64_t wal_bytes_kept_max = 1 << 20;

// Of a statement that has ended.
int tell_statement(unsigned, void*, void* statement, void* took_ns) {
  const char* const sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
  if (sql == nullptr) return 0;
  const auto ms = static_cast<double>(*static_cast<const sqlite3_int64*>(took_ns)) / 1e6;
  process_log().tell(LogLevel::trace, LogComponent::sqlite, statement_text(sql, DoubleQuotes::name),
                     {{"ms", ms}});
  return 0;
}

}  // namespace

// The mutex keeps the connection from closing while another thread interrupts it.
struct Interrupter::Target {
  std::mutex mutex;
  sqlite3* handle = nullptr;
};

void Interrupter::interrupt() const {
  std::lock_guard guard(target_->mutex);
  if (target_->handle != nullptr) sqlite3_interrupt(target_->handle);
}

Database::Database(OpenOptions options)
    : options_(std::move(options)), interrupt_target_(std::make_shared<Interrupter::Target>()) {}

Database::Database(Database&& other) noexcept
    : options_(std::move(other.options_)),
      handle_(std::exchange(other.handle_, nullptr)),
      is_told_(other.is_told_),
      interrupt_target_(std::move(other.interrupt_target_)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(options_, other.options_);
  std::swap(handle_, other.handle_);
  std::swap(is_told_, other.is_told_);
  std::swap(interrupt_target_, other.interrupt_target_);
  return *this;
}

// Moves a WAL that has grown into the main file when the connection closes. It must happen here:
// the WAL starts anew only with a second transaction after a checkpoint, so processes of one
// transaction each would let it grow for ever, and every open reads all of it.
void Database::empty_large_wal_on_close() {
  struct stat wal{};
  if (options_.access == Access::source) return;
  if (::stat((options_.path + "-wal").c_str(), &wal) != 0 || wal.st_size < wal_bytes_kept_max)
    return;
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

Database::~Database() {
  if (handle_ == nullptr) return;
  empty_large_wal_on_close();
  {
    std::lock_guard guard(interrupt_target_->mutex);
    interrupt_target_->handle = nullptr;
  }
  // Statements must be gone by now; _v2 would hide one that is left and leak the connection.
  TM_ASSERT(sqlite3_close(handle_) == SQLITE_OK);
}

Error Database::failure(int code, std::string_view action) const {
  const char* text = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  int system_error = 0;
  int primary = code & 0xff;
  if (handle_ != nullptr &&
      (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL)) {
    system_error = sqlite3_system_errno(handle_);
  }
  return classify(code, system_error, text, action, options_);
}

Result<Database> Database::open(const OpenOptions& options) {
  Database database(options);
  TM_CHECK(database.connect());
  TM_CHECK(database.configure());
  return database;
}

Status Database::connect() {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (options_.access) {
    case Access::create_or_write:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case Access::write:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Access::source:
      flags |= SQLITE_OPEN_READONLY;
      break;
  }
  int code = sqlite3_open_v2(options_.path.c_str(), &handle_, flags, nullptr);
  if (code != SQLITE_OK) return failure(code, "open");
  interrupt_target_->handle = handle_;
  sqlite3_busy_timeout(handle_, static_cast<int>(options_.busy_wait.count()));
  // A database may come from anybody: its schema must not call functions with side effects.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return {};
}

Status Database::configure() {
  // The first read of the header: here a file that is no database is found.
  TM_CHECK(execute("PRAGMA schema_version"));
  if (options_.access == Access::source) return execute("PRAGMA query_only = ON");
  // A plan depends on the statement alone. Else one whose condition is compared with that of an
  // index
  // (`WHERE owner = ''`) is prepared again for each new value that is bound.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_QPSG, 1, nullptr);
  // Closing keeps the WAL: moving it into the main file costs syncs, which every short command
  // would pay.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
}

// SQLite tells it by itself, at a price, so only while somebody reads it.
void Database::tell_statements() {
  const bool tells = process_log().tells(LogLevel::trace, LogComponent::sqlite);
  if (std::exchange(is_told_, tells) == tells) return;
  sqlite3_trace_v2(handle_, tells ? SQLITE_TRACE_PROFILE : 0, tells ? tell_statement : nullptr,
                   nullptr);
}

Result<Statement> Database::prepare(std::string_view sql) {
  tell_statements();
  const char* end = sql.data() + sql.size();
  sqlite3_stmt* handle = nullptr;
  const char* tail = nullptr;
  int code =
      sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), 0, &handle, &tail);
  if (code != SQLITE_OK) return failure(code, "prepare a statement on");
  if (handle == nullptr) return not_one_statement("nothing to run");
  Statement statement(*this, handle);
  // What follows may be blanks, comments and semicolons, which prepare to nothing.
  while (tail != nullptr && tail < end) {
    sqlite3_stmt* second = nullptr;
    code = sqlite3_prepare_v3(handle_, tail, static_cast<int>(end - tail), 0, &second, &tail);
    if (code != SQLITE_OK || second != nullptr) {
      sqlite3_finalize(second);
      return not_one_statement("more than one statement");
    }
  }
  return statement;
}

Error Database::not_one_statement(std::string_view found) const {
  return Error{options_.area + ".sql_failed",
               options_.fault,
               Retry::never,
               "the SQL for " + options_.path + " holds " + std::string(found),
               {},
               "give it one statement"};
}

Status Database::execute(std::string_view sql) {
  tell_statements();
  std::string text(sql);
  int code = sqlite3_exec(handle_, text.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(code, "use");
  return {};
}

Interrupter Database::interrupter() const {
  return Interrupter(interrupt_target_);
}

std::int64_t Database::changed_rows() const {
  return sqlite3_changes64(handle_);
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}

Result<Transaction> Transaction::begin(Database& database, Kind kind) {
  TM_CHECK(database.execute(kind == Kind::immediate ? "BEGIN IMMEDIATE" : "BEGIN"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // After some errors (a full disk) SQLite has rolled back by itself.
  if (database_ == nullptr || !database_->in_transaction()) return;
  Status rolled_back = database_->execute("ROLLBACK");
  // A failed ROLLBACK leaves the journal to the next open, which rolls back; there is nothing
  // better to do.
  static_cast<void>(rolled_back.ok());
}

Status Transaction::commit() {
  TM_ASSERT(database_ != nullptr);
  TM_CHECK(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (char letter : name) {
    if (letter == '"') quoted += '"';
    quoted += letter;
  }
  return quoted + '"';
}

std::string library_version() {
  return sqlite3_libversion();
}

}  // namespace tidemark::sqlite
