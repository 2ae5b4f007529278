#include "drivers/postgres/connection.h"

#include <charconv>
#include <functional>
#include <utility>

#include "drivers/postgres/session.h"
#include "observe/statement_log.h"

namespace tidemark::postgres {

// --- Rows
// --------------------------------------------------------------------------------------------

Rows::Rows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Rows::Rows(Rows&&) noexcept = default;
Rows& Rows::operator=(Rows&&) noexcept = default;
Rows::~Rows() = default;

namespace {
// A COPY of more is worth being read in larger pieces, a few tenths of a millisecond later.
constexpr std::size_t stream_bytes = 1 << 20;

int index(std::size_t value) {
  return static_cast<int>(value);
}

// A session that asks more texts than this asks some that are not asked again.
constexpr std::size_t prepared_max = 32;

// No statement of that name, one of that name already, or one that gives other columns by now.
bool is_of_prepared(const Error& error) {
  for (const char* state : {"26000", "42P05", "0A000"}) {
    if (error.code == error_code(state)) return true;
  }
  return false;
}

// Another session that somebody between here and the server put in the place of this one may know
// the name too; then it stands for the same text.
std::string name_of_prepared(const std::string& sql) {
  return "tidemark_" + std::to_string(std::hash<std::string>{}(sql));
}

std::vector<const char*> texts(const std::vector<std::optional<std::string>>& parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const std::optional<std::string>& parameter : parameters)
    values.push_back(parameter ? parameter->c_str() : nullptr);
  return values;
}
}  // namespace

std::size_t Rows::rows() const {
  return static_cast<std::size_t>(PQntuples(impl_->result.get()));
}
std::size_t Rows::columns() const {
  return static_cast<std::size_t>(PQnfields(impl_->result.get()));
}
std::string_view Rows::name(std::size_t column) const {
  return PQfname(impl_->result.get(), index(column));
}
std::uint32_t Rows::type_oid(std::size_t column) const {
  return PQftype(impl_->result.get(), index(column));
}
std::int32_t Rows::type_modifier(std::size_t column) const {
  return PQfmod(impl_->result.get(), index(column));
}

std::optional<std::string_view> Rows::text(std::size_t row, std::size_t column) const {
  const PGresult* result = impl_->result.get();
  TM_ASSERT(row < rows() && column < columns());
  if (PQgetisnull(result, index(row), index(column)) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(result, index(row), index(column)),
                          static_cast<std::size_t>(PQgetlength(result, index(row), index(column))));
}

std::string Rows::string(std::size_t row, std::size_t column) const {
  return std::string(text(row, column).value_or(std::string_view()));
}

std::int64_t Rows::integer(std::size_t row, std::size_t column) const {
  const std::optional<std::string_view> value = text(row, column);
  if (!value) return 0;
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(value->data(), value->data() + value->size(), number);
  TM_ASSERT(fault == std::errc() && end == value->data() + value->size());
  return number;
}

bool Rows::boolean(std::size_t row, std::size_t column) const {
  return text(row, column) == "t";
}

std::int64_t Rows::changed() const {
  const std::string_view count = PQcmdTuples(impl_->result.get());
  std::int64_t number = 0;
  std::from_chars(count.data(), count.data() + count.size(), number);
  return number;
}

std::string_view Rows::command() const {
  return PQcmdStatus(impl_->result.get());
}

// --- Connection: statements
// --------------------------------------------------------------------------

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

Result<Rows> Connection::query(const std::string& sql, Cancel& cancel) {
  return query(sql, {}, cancel);
}

Result<Rows> Connection::query(const std::string& sql,
                               const std::vector<std::optional<std::string>>& parameters,
                               Cancel& cancel) {
  const StatementLog log(LogComponent::postgres, sql);
  TM_CHECK(impl_->start(cancel));
  TM_CHECK(impl_->injected_fault(Failpoint::postgres_query, cancel));
  const std::vector<const char*> values = texts(parameters);
  if (PQsendQueryParams(impl_->conn, sql.c_str(), index(values.size()), nullptr, values.data(),
                        nullptr, nullptr, 0) == 0) {
    return impl_->connection_failure();
  }
  return impl_->collect(cancel);
}

Result<Rows> Connection::ask(const std::string& sql,
                             const std::vector<std::optional<std::string>>& parameters,
                             Cancel& cancel) {
  const bool may_keep = impl_->may_prepare() && !in_transaction();
  const bool is_new = !impl_->asked.contains(sql);
  if (may_keep && is_new && impl_->asked.size() < prepared_max) impl_->asked.emplace(sql, false);
  if (may_keep && !is_new) {
    TM_TRY(auto rows, ask_prepared(sql, parameters, cancel));
    if (rows) return *std::move(rows);
    impl_->loses_prepared = true;
  }
  return query(sql, parameters, cancel);
}

Result<std::optional<Rows>> Connection::ask_prepared(
    const std::string& sql, const std::vector<std::optional<std::string>>& parameters,
    Cancel& cancel) {
  const StatementLog log(LogComponent::postgres, sql);
  TM_CHECK(impl_->start(cancel));
  TM_CHECK(impl_->injected_fault(Failpoint::postgres_query, cancel));
  const std::string name = name_of_prepared(sql);
  bool& is_prepared = impl_->asked.at(sql);
  if (!is_prepared) {
    if (PQsendPrepare(impl_->conn, name.c_str(), sql.c_str(), 0, nullptr) == 0)
      return impl_->connection_failure();
    auto prepared = impl_->collect(cancel);
    if (!prepared.ok() && is_of_prepared(prepared.error())) return std::optional<Rows>();
    if (!prepared.ok()) return std::move(prepared).error();
    is_prepared = true;
  }
  const std::vector<const char*> values = texts(parameters);
  if (PQsendQueryPrepared(impl_->conn, name.c_str(), index(values.size()), values.data(), nullptr,
                          nullptr, 0) == 0)
    return impl_->connection_failure();
  auto rows = impl_->collect(cancel);
  if (rows.ok()) return std::optional(std::move(rows).value());
  if (is_of_prepared(rows.error())) return std::optional<Rows>();
  return std::move(rows).error();
}

Result<std::int64_t> Connection::execute(const std::string& sql, Cancel& cancel) {
  const StatementLog log(LogComponent::postgres, sql);
  TM_CHECK(impl_->start(cancel));
  TM_CHECK(impl_->injected_fault(Failpoint::postgres_query, cancel));
  if (PQsendQuery(impl_->conn, sql.c_str()) == 0) return impl_->connection_failure();
  TM_TRY(const Rows rows, impl_->collect(cancel));
  return rows.changed();
}

Result<Rows> Connection::describe(const std::string& sql, Cancel& cancel) {
  const StatementLog log(LogComponent::postgres, sql);
  TM_CHECK(impl_->start(cancel));
  TM_CHECK(impl_->injected_fault(Failpoint::postgres_query, cancel));
  if (PQsendPrepare(impl_->conn, "", sql.c_str(), 0, nullptr) == 0)
    return impl_->connection_failure();
  TM_TRY(const Rows prepared, impl_->collect(cancel));
  if (PQsendDescribePrepared(impl_->conn, "") == 0) return impl_->connection_failure();
  return impl_->collect(cancel);
}

// --- transactions
// ------------------------------------------------------------------------------------

Status Connection::begin(const std::string& mode, Cancel& cancel) {
  TM_TRY([[maybe_unused]] const std::int64_t none, execute("begin " + mode, cancel));
  return {};
}

Status Connection::commit(Cancel& cancel) {
  const StatementLog log(LogComponent::postgres, "commit");
  TM_CHECK(impl_->start(cancel));
  TM_CHECK(impl_->injected_fault(Failpoint::postgres_commit, cancel));
  if (PQsendQuery(impl_->conn, "commit") == 0) return impl_->connection_failure();
  impl_->answer_by = std::chrono::steady_clock::now() + impl_->commit_timeout;
  Result<Rows> answer = impl_->collect(cancel);
  impl_->answer_by.reset();
  TM_TRY(const Rows rows, std::move(answer));
  // The answer got lost on its way.
  if (failpoints::reach(Failpoint::postgres_committed)) {
    impl_->close();
    return impl_->connection_failure();
  }
  if (rows.command() != "COMMIT") {
    return internal_error("postgres.transaction_aborted",
                          "the transaction had failed before its COMMIT and was rolled back");
  }
  return {};
}

void Connection::rollback() noexcept {
  if (!in_transaction()) return;
  Cancel none;
  if (!execute("rollback", none).ok()) impl_->close();
}

bool Connection::in_transaction() const {
  const PGTransactionStatusType state = PQtransactionStatus(impl_->conn);
  return state == PQTRANS_INTRANS || state == PQTRANS_INERROR || state == PQTRANS_ACTIVE;
}

Result<Transaction> Transaction::begin(Connection& connection, const std::string& mode,
                                       Cancel& cancel) {
  TM_CHECK(connection.begin(mode, cancel));
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  if (connection_ != nullptr) connection_->rollback();
}

Status Transaction::commit(Cancel& cancel) {
  TM_CHECK(connection_->commit(cancel));
  connection_ = nullptr;
  return {};
}

// --- facts
// -------------------------------------------------------------------------------------------

void Connection::interrupt() {
  impl_->interrupted = true;
  impl_->spoiled = true;
  char message[256];
  PQcancel(impl_->cancel_key, message, sizeof(message));
}

int Connection::backend_pid() const {
  return PQbackendPID(impl_->conn);
}
int Connection::server_version() const {
  return PQserverVersion(impl_->conn);
}
bool Connection::lost() const {
  return PQstatus(impl_->conn) != CONNECTION_OK;
}
Side Connection::side() const {
  return impl_->side;
}
const std::shared_ptr<void>& Connection::admitted() const {
  return impl_->admitted;
}
std::int64_t Connection::bytes_copied() const {
  return impl_->bytes_copied;
}
std::chrono::steady_clock::duration Connection::age() const {
  return std::chrono::steady_clock::now() - impl_->opened_at;
}

std::string Connection::parameter(const char* name) const {
  const char* value = PQparameterStatus(impl_->conn, name);
  return value == nullptr ? std::string() : std::string(value);
}

// --- COPY
// --------------------------------------------------------------------------------------------

Result<CopyOut> Connection::copy_out(const std::string& sql, Cancel& cancel) {
  const StatementLog log(LogComponent::postgres, sql);
  TM_CHECK(impl_->start(cancel));
  TM_CHECK(impl_->injected_fault(Failpoint::postgres_query, cancel));
  if (PQsendQuery(impl_->conn, sql.c_str()) == 0) return impl_->connection_failure();
  TM_CHECK(impl_->flush(cancel));
  TM_TRY(ResultHandle result, impl_->next_result(cancel));
  if (result && PQresultStatus(result.get()) == PGRES_COPY_OUT) return CopyOut(*this);
  Error error =
      result && PQresultStatus(result.get()) == PGRES_FATAL_ERROR
          ? impl_->failure(result.get(), cancel)
          : internal_error("postgres.copy_misused", "the statement is no COPY ... TO STDOUT");
  if (!lost()) impl_->drain();
  return error;
}

CopyOut::CopyOut(CopyOut&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      buffer_(std::exchange(other.buffer_, nullptr)),
      received_(other.received_),
      done_(other.done_) {}

CopyOut::~CopyOut() {
  if (buffer_ != nullptr) PQfreemem(buffer_);
  if (connection_ != nullptr && !done_ && !connection_->lost()) connection_->impl_->drain();
}

Result<std::optional<std::string_view>> CopyOut::next(Cancel& cancel) {
  TM_ASSERT(connection_ != nullptr);
  if (done_) return std::optional<std::string_view>();
  Connection::Impl& session = *connection_->impl_;
  if (buffer_ != nullptr) PQfreemem(std::exchange(buffer_, nullptr));
  TM_CHECK(session.injected_fault(Failpoint::postgres_copy_read, cancel));
  while (true) {
    const int size = PQgetCopyData(session.conn, &buffer_, 1);
    if (size > 0) {
      received_ += static_cast<std::size_t>(size);
      return std::optional(std::string_view(buffer_, static_cast<std::size_t>(size)));
    }
    if (size < 0) break;
    const auto wait_for =
        received_ < stream_bytes ? Connection::Impl::Wait::read : Connection::Impl::Wait::stream;
    if (Status waited = session.wait(wait_for, cancel); !waited.ok()) {
      done_ = true;
      return std::move(waited).error();
    }
  }
  // The rows are whole only when the server says so.
  done_ = true;
  TM_TRY(const Rows end, session.collect(cancel));
  rows_ = end.changed();
  return std::optional<std::string_view>();
}

Result<CopyIn> Connection::copy_in(const std::string& sql, Cancel& cancel) {
  const StatementLog log(LogComponent::postgres, sql);
  TM_CHECK(impl_->start(cancel));
  TM_CHECK(impl_->injected_fault(Failpoint::postgres_query, cancel));
  if (PQsendQuery(impl_->conn, sql.c_str()) == 0) return impl_->connection_failure();
  TM_CHECK(impl_->flush(cancel));
  TM_TRY(ResultHandle result, impl_->next_result(cancel));
  if (result && PQresultStatus(result.get()) == PGRES_COPY_IN) return CopyIn(*this);
  Error error =
      result && PQresultStatus(result.get()) == PGRES_FATAL_ERROR
          ? impl_->failure(result.get(), cancel)
          : internal_error("postgres.copy_misused", "the statement is no COPY ... FROM STDIN");
  if (!lost()) impl_->drain();
  return error;
}

CopyIn::CopyIn(CopyIn&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), done_(other.done_) {}

CopyIn::~CopyIn() {
  if (connection_ != nullptr) abort("the load was given up");
}

Status CopyIn::put(std::string_view bytes, Cancel& cancel) {
  TM_ASSERT(connection_ != nullptr && !done_);
  Connection::Impl& session = *connection_->impl_;
  TM_CHECK(cancel.check());
  TM_CHECK(session.injected_fault(Failpoint::postgres_copy_put, cancel));
  // libpq counts in int, and buffers all of one call.
  constexpr std::size_t piece_bytes_max = std::size_t{4} << 20;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, piece_bytes_max);
    bytes.remove_prefix(piece.size());
    if (PQputCopyData(session.conn, piece.data(), index(piece.size())) != 1) {
      // The server ended the COPY by itself: its reason is in the answer.
      done_ = true;
      TM_TRY(const Rows rows, session.collect(cancel));
      return session.connection_failure();
    }
    TM_CHECK(session.flush(cancel));
    session.bytes_copied += static_cast<std::int64_t>(piece.size());
  }
  return {};
}

Result<std::int64_t> CopyIn::finish(Cancel& cancel) {
  TM_ASSERT(connection_ != nullptr && !done_);
  Connection::Impl& session = *connection_->impl_;
  TM_CHECK(cancel.check());
  done_ = true;
  TM_CHECK(session.injected_fault(Failpoint::postgres_copy_end, cancel));
  if (PQputCopyEnd(session.conn, nullptr) != 1) return session.connection_failure();
  TM_TRY(const Rows rows, session.collect(cancel));
  return rows.changed();
}

void CopyIn::abort(const std::string& reason) {
  if (done_) return;
  done_ = true;
  Connection::Impl& session = *connection_->impl_;
  if (connection_->lost()) return;
  Cancel none;
  if (PQputCopyEnd(session.conn, reason.c_str()) != 1 || !session.flush(none).ok())
    return session.close();
  session.drain();
}

}  // namespace tidemark::postgres
